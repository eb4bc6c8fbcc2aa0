//! Derived equations against witnesses that share nothing with the rules. Why four of them: hyper-dual numbers on the
//! forward map judge the mathematics, central differences judge those, the index core derives every equation again and
//! judges both the expressions and their numbers, and the kernels' numbers judge what is run.
//!
//! `point` draws values and computes every quantity in every way, `report` keeps the largest errors, `text` writes
//! them. The sizes are small, so that the cost is bounded.

mod convex;
mod coverage;
mod file;
mod index;
mod point;
mod report;
mod sizes;
mod text;

use crate::expr::{Draw, Module};
use crate::hbp::{Equations, Request, derive};
use crate::network::{RunError, generic};
use crate::rewrite::{Report, Rewriter};

pub use coverage::{Coverage, CoverageRow, Mode, coverage, coverage_text, modes};
pub use file::check_file;
pub use index::Verdict;
pub use report::{CheckReport, Outcome, Quantity, QuantityCheck, VariableCheck};
pub use text::text;

use index::Indexed;
use point::{Compiled, Drawn, Point};

/// How thoroughly a module is checked.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The seed of all values.
    pub seed: u64,
    /// The number of points, each at other sizes.
    pub points: usize,
    /// The rules that derive.
    pub rewriter: Rewriter,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            points: 3,
            rewriter: Rewriter::embedded().clone(),
        }
    }
}

/// The largest relative error against hyper-dual numbers, the index core and kernels.
pub const TOLERANCE: f64 = 1e-8;

/// The largest relative error against differences.
pub const DIFFERENCE_TOLERANCE: f64 = 1e-5;

/// How often values are drawn anew where there is a kink, or no value at all; the second half is positive.
const DRAWS: u64 = 10;

/// Derives the equations of a module and checks them at random points.
///
/// ```
/// let file = hbp::language::parse("gate.hbp", "module gate(x: R[n]) -> z: R[n] { z = x .* sigmoid(x) }").expect("no errors");
/// let report = hbp::check::check_module(&file.module("gate").expect("defined"), &Default::default()).expect("small");
/// assert_eq!(report.outcome(), hbp::check::Outcome::Agree);
/// ```
///
/// # Errors
/// When the module cannot be derived, or is too large at the smallest sizes. What has no kernel is no error: the report
/// says so.
pub fn check_module(module: &Module, options: &CheckOptions) -> Result<CheckReport, RunError> {
    let small = sizes::choose(module, options.points).is_ok();
    if let Some((generic, numbers)) = (!small).then(|| generic(module)).flatten() {
        let mut report = check_derived(&generic, options)?;
        let numbers: Vec<String> = numbers
            .iter()
            .map(|(name, n)| format!("{n} as {name}"))
            .collect();
        report.note(format!(
            "the fixed sizes are too large to check at: {} may be any size",
            numbers.join(", ")
        ));
        return Ok(report);
    }
    check_derived(module, options)
}

fn check_derived(module: &Module, options: &CheckOptions) -> Result<CheckReport, RunError> {
    let request = Request::default();
    let equations = derive(module, &request, &options.rewriter, &mut Report::default())?;
    check_equations(&equations, options)
}

/// Checks equations, however they were derived.
///
/// # Errors
/// When the module is too large at the smallest sizes.
pub fn check_equations(
    equations: &Equations,
    options: &CheckOptions,
) -> Result<CheckReport, RunError> {
    let all_sizes = sizes::choose(&equations.module, options.points)?;
    let mut report = CheckReport::new(equations, options.seed);
    let indexed = Indexed::new(equations);
    indexed.judge(equations, &mut report);
    for (place, sizes) in all_sizes.iter().enumerate() {
        let compiled = Compiled::new(equations, sizes, &options.rewriter);
        if let Err(reason) = &compiled {
            report.note(format!("the kernels were not compared: {reason}"));
        }
        let seed = options.seed.wrapping_mul(1000).wrapping_add(place as u64);
        match point(equations, sizes, seed, compiled.as_ref().ok(), &indexed) {
            Some(point) => report.add(sizes, &point),
            None => report.note(format!(
                "no valid point was found at {}: every draw met a kink, or a value that does not exist",
                text::written(sizes)
            )),
        }
    }
    Ok(report)
}

/// The first point that is no kink: where the equations agree with hyper-dual numbers, but differences do not, values
/// are drawn anew; if they never agree, it is no matter of the point.
fn point(
    equations: &Equations,
    sizes: &crate::expr::Sizes,
    seed: u64,
    compiled: Option<&Compiled>,
    indexed: &Indexed,
) -> Option<Point> {
    let mut last = None;
    for draw in 0..DRAWS {
        let how = if draw < DRAWS / 2 {
            Draw::Normal
        } else {
            Draw::Positive
        };
        let seed = seed.wrapping_mul(DRAWS).wrapping_add(draw);
        let Some(drawn) = Drawn::new(equations, sizes, seed, how) else {
            continue;
        };
        let point = drawn.measure(equations, compiled, indexed);
        if point.differs() || !point.is_kink() {
            return Some(point);
        }
        last = Some(point);
    }
    last
}
