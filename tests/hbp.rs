//! Derived equations: as they must be printed, and against hyper-dual numbers.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::format_collect,
    clippy::single_match_else,
    reason = "a helper of tests fails as a test does, and is short"
)]

#[path = "hbp/approximations.rs"]
mod approximations;
#[path = "hbp/batched.rs"]
mod batched;
#[path = "hbp/cases.rs"]
mod cases;
#[path = "hbp/damped_step.rs"]
mod damped_step;
#[path = "hbp/random.rs"]
mod random;
#[path = "hbp/refusing.rs"]
mod refusing;
#[path = "hbp/roots.rs"]
mod roots;
#[path = "hbp/step_forms.rs"]
mod step_forms;
#[path = "hbp/steps.rs"]
mod steps;
mod support;

use hbp::expr::Module;
use hbp::hbp::{Equations, Request, derive};
use hbp::rewrite::{Report, Rewriter};

fn derived(module: &Module) -> (Equations, Report) {
    let mut report = Report::default();
    let request = Request::default();
    let equations = derive(module, &request, Rewriter::embedded(), &mut report)
        .unwrap_or_else(|e| panic!("{}: {e}", module.name));
    (equations, report)
}
