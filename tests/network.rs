//! Modules and networks on real numbers.

#[path = "network/modules.rs"]
mod modules;
#[path = "network/networks.rs"]
mod networks;
#[path = "network/numbers.rs"]
mod numbers;
#[path = "network/refusing.rs"]
mod refusing;
#[path = "network/refusing_sizes.rs"]
mod refusing_sizes;
#[path = "network/tools.rs"]
mod tools;
