//! Proof: are two expressions over the names of a module equal?
//!
//! Numbers that differ refute; steps by rules of the book prove, and so does one normal form in index notation.
//! Where neither decides, the answer is that it is unknown, never a guess.

mod groupings;
mod means;
mod neighbours;
mod part;
mod refute;
mod resolve;
mod shown;

use std::collections::BTreeMap;

pub use groupings::{
    Comparison, Equality, Groupings, GroupingsOptions, Outcome, PairVerdict, Quantity, groupings,
};
pub use refute::Counterexample;

use crate::diagnostic::Diagnostics;
use crate::expr::{Id, Module, Name, Op, print, printed_size};
use crate::hbp::Step;
use crate::language::{File, parse_expression};
use crate::rewrite::{Phase, RewriteError, Rewriter, Rewriting, normalise_flat};

/// What is to be decided.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The module whose names stand in both sides.
    pub module: Module,
    /// Names for further values, such as the `let` lines of a derived equation, as text in order.
    pub lets: Vec<(Name, String)>,
    /// The left side.
    pub left: String,
    /// The right side.
    pub right: String,
    /// The seed of the numbers.
    pub seed: u64,
}

/// The answer.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Equal, by these steps of the rule book from left to right.
    Proved {
        /// How the derived quantities that occur were derived, by variable; no steps where that is too long.
        derivations: Vec<(String, Vec<Step>)>,
        /// The steps from the left side to the right one.
        steps: Vec<Step>,
    },
    /// Equal, because both sides have one normal form in index notation.
    SameIndexForm {
        /// The normal form.
        form: String,
    },
    /// Different, for these numbers.
    Refuted(Counterexample),
    /// Neither proved nor refuted within the limits.
    Unknown {
        /// How far it got.
        reason: String,
    },
}

/// Why a claim makes no sense.
#[derive(Clone, Debug)]
pub enum ClaimError {
    /// The text of a side is wrong, or asks for something that cannot be derived.
    Text(Diagnostics),
    /// The sides have different shapes.
    Shapes {
        /// The left side's.
        left: String,
        /// The right side's.
        right: String,
    },
    /// The rules could not be run.
    Rewrite(RewriteError),
}

/// Decides a claim.
///
/// ```
/// use hbp::proof::{prove, Claim, Verdict};
/// use hbp::rewrite::Rewriter;
/// let file = hbp::language::parse("affine.hbp", "
///     module affine(x: R[n]) -> z: R[m] {
///         param W: R[m, n]
///         z = W*x
///     }
/// ").expect("no errors");
/// let mut claim = Claim {
///     module: file.module("affine").expect("defined"),
///     lets: Vec::new(),
///     left: "hess(x)".into(),
///     right: "W'*hess(z)*W".into(),
///     seed: 0,
/// };
/// assert!(matches!(prove(&file, &claim, Rewriter::embedded()), Ok(Verdict::Proved { .. })));
/// claim.right = "W'*hess(z)".into();
/// assert!(prove(&file, &claim, Rewriter::embedded()).is_err());
/// ```
///
/// # Errors
/// When a side is malformed, or the sides have different shapes.
pub fn prove(file: &File, claim: &Claim, rewriter: &Rewriter) -> Result<Verdict, ClaimError> {
    let mut module = claim.module.clone();
    let mut names = BTreeMap::new();
    let mut asked = Vec::new();
    // Where a derivative is asked for, the module and the derivative exist.
    let mut defined = Vec::new();
    let mut read = |module: &mut Module, source: &str, text: &str, names: &BTreeMap<Name, Id>| {
        let mut resolver = |module: &mut Module, query: &crate::language::Query| {
            let id = resolve::resolve(module, query, rewriter, &mut asked)?;
            defined.push(id);
            Ok(id)
        };
        parse_expression(file, module, source, text, names, &mut resolver).map_err(ClaimError::Text)
    };
    for (name, text) in &claim.lets {
        let value = read(&mut module, name, text, &names)?;
        names.insert(name.clone(), value);
    }
    let left = read(&mut module, "left side", &claim.left, &names)?;
    let right = read(&mut module, "right side", &claim.right, &names)?;
    let (a, b) = (module.graph.shape(left), module.graph.shape(right));
    if a != b {
        return Err(ClaimError::Shapes {
            left: a.to_string(),
            right: b.to_string(),
        });
    }
    defined.push(module.output.1);
    let mut verdict = decide(&mut module, (left, right), &defined, claim.seed, rewriter)
        .map_err(ClaimError::Rewrite)?;
    if let Verdict::Proved { derivations, .. } = &mut verdict {
        *derivations = resolve::derivations(&claim.module, &asked, rewriter);
    }
    Ok(verdict)
}

fn decide(
    module: &mut Module,
    (left, right): (Id, Id),
    defined: &[Id],
    seed: u64,
    rewriter: &Rewriter,
) -> Result<Verdict, RewriteError> {
    if left == right {
        return Ok(Verdict::Proved {
            derivations: Vec::new(),
            steps: Vec::new(),
        });
    }
    // What differs only in the order of sums and products is the same at once.
    let normal = [left, right].map(|side| normalise_flat(&mut module.graph, side));
    if let [Ok(a), Ok(b)] = normal
        && a == b
    {
        let rewriting = |before, after| Rewriting::collect_terms(Phase::Simplify, before, after);
        let steps = [rewriting(left, a), rewriting(b, right)];
        let steps = crate::hbp::print_steps(module, rewriter, "proof", &steps);
        return Ok(Verdict::Proved {
            derivations: Vec::new(),
            steps,
        });
    }
    let numbers = refute::refute(&module.graph, left, right, seed);
    if let Some(counterexample) = numbers.counterexample {
        return Ok(Verdict::Refuted(counterexample));
    }
    if let Some(steps) = rewriter.prove(&mut module.graph, left, right)? {
        let steps = crate::hbp::print_steps(module, rewriter, "proof", &steps);
        return Ok(Verdict::Proved {
            derivations: Vec::new(),
            steps,
        });
    }
    let reason = match crate::calculus::index::equal(&module.graph, left, right, defined) {
        crate::calculus::index::Decision::Equal => {
            return Ok(Verdict::SameIndexForm {
                form: form(module, left),
            });
        }
        crate::calculus::index::Decision::Different => {
            "their index forms differ, but no numbers were found that refute it".to_owned()
        }
        crate::calculus::index::Decision::Undecided(reason) => {
            if equal_means(module, [left, right], defined)? {
                return Ok(Verdict::SameIndexForm {
                    form: form(module, left),
                });
            }
            reason
        }
    };
    let agreement = match numbers.points {
        0 => "no point was found where both sides have a value".to_owned(),
        n => format!("both sides agree at {n} random points"),
    };
    Ok(Verdict::Unknown {
        reason: format!("{agreement}; {reason}"),
    })
}

/// Whether means over samples are equal because they are of one expression, or in whatever values they have.
fn equal_means(module: &mut Module, sides: [Id; 2], defined: &[Id]) -> Result<bool, RewriteError> {
    use crate::calculus::index::{Decision, equal};
    let graph = &mut module.graph;
    // What both have in common need not be the mean of one expression.
    let minus = graph.integer(-1);
    let negative = graph.node(Op::Scale, &[minus, sides[1]])?;
    let difference = graph.node(Op::Add, &[sides[0], negative])?;
    let difference = normalise_flat(graph, difference)?;
    let shape = graph.shape(difference);
    let zero = graph.zeros(&shape);
    for sides in [sides, [difference, zero]] {
        if let Some([a, b]) = means::gathered(graph, sides)?
            && equal(graph, a, b, defined) == Decision::Equal
        {
            return Ok(true);
        }
    }
    let [a, b] = means::named(graph, sides)?;
    Ok(equal(graph, a, b, defined) == Decision::Equal)
}

/// The common normal form, or where that is too long, the left side.
fn form(module: &Module, left: Id) -> String {
    if let Ok(form) = crate::calculus::index::normal_form(&module.graph, left) {
        return form.to_string();
    }
    let names = crate::expr::Names::default();
    match printed_size(&module.graph, left, &names) {
        0..=2_000 => print(&module.graph, left, &names),
        _ => String::new(),
    }
}
