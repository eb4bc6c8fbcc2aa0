//! Modules and networks on real numbers.
#![allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    clippy::needless_for_each,
    clippy::cloned_ref_to_slice_refs,
    reason = "a helper of tests fails as a test does, and is short"
)]

#[path = "network/composing.rs"]
mod composing;
#[path = "network/drawing.rs"]
mod drawing;
#[path = "network/estimate.rs"]
mod estimate;
#[path = "network/examples.rs"]
mod examples;
#[path = "network/frontier.rs"]
mod frontier;
#[path = "network/full.rs"]
mod full;
#[path = "network/linked.rs"]
mod linked;
#[path = "network/matrix_free.rs"]
mod matrix_free;
#[path = "network/model.rs"]
mod model;
#[path = "network/modes.rs"]
mod modes;
#[path = "network/modules.rs"]
mod modules;
#[path = "network/networks.rs"]
mod networks;
#[path = "network/numbers.rs"]
mod numbers;
#[path = "network/passes.rs"]
mod passes;
#[path = "network/positive.rs"]
mod positive;
#[path = "network/products.rs"]
mod products;
#[path = "network/reference.rs"]
mod reference;
#[path = "network/refusing.rs"]
mod refusing;
#[path = "network/refusing_sizes.rs"]
mod refusing_sizes;
#[path = "network/roots.rs"]
mod roots;
#[path = "network/seeded.rs"]
mod seeded;
#[path = "network/splitting.rs"]
mod splitting;
#[path = "network/tools.rs"]
mod tools;
#[path = "network/updates.rs"]
mod updates;
#[path = "network/whole.rs"]
mod whole;
