//! Which compositions of neighbours leave the averages of Equations 6 and 7 as they are. Why by proof and by numbers: that
//! two neighbours may be composed is a claim on all values, and that they may not needs one example; whatever is neither
//! proved nor refuted is called undecided.

use super::neighbours::Problem;
use super::part::TogetherError;
use super::refute::{Counterexample, refute};
use super::shown::shown;
use super::{Verdict, decide};
use crate::expr::{Id, Module, Name};
use crate::hbp::{Batch, Curvature};
use crate::language::Network;
use crate::network::{Pair, RunError, pairs};
use crate::rewrite::{Report, RewriteError, Rewriter, Style};

/// What is asked of the neighbours.
#[derive(Clone, Debug)]
pub struct GroupingsOptions {
    /// What becomes of the second-order terms.
    pub curvature: Curvature,
    /// The seed of the numbers.
    pub seed: u64,
    /// The rules that derive and prove.
    pub rewriter: Rewriter,
}

impl Default for GroupingsOptions {
    fn default() -> Self {
        Self {
            curvature: Curvature::default(),
            seed: 0,
            rewriter: Rewriter::embedded().clone(),
        }
    }
}

/// What composing neighbours changes in a network.
#[derive(Clone, Debug)]
pub struct Groupings {
    /// The network's name.
    pub network: Name,
    /// What becomes of the second-order terms.
    pub curvature: Curvature,
    /// Every kind of neighbours once.
    pub pairs: Vec<PairVerdict>,
    /// Values that several nodes read, with their readers: they are part of no pair.
    pub shared: Vec<(Name, Vec<Name>)>,
}

/// What composing two neighbours changes.
#[derive(Clone, Debug)]
pub struct PairVerdict {
    /// The neighbours, those of all pairs of this kind.
    pub nodes: Vec<(Name, Name)>,
    /// The composite in the names of the first pair; its graph holds the expressions of the comparisons.
    pub module: Module,
    /// One comparison for each quantity under each of the two batch modes.
    pub comparisons: Vec<Comparison>,
}

impl PairVerdict {
    /// All comparisons of a batch mode together: equal where all are, different where one is.
    pub fn outcome(&self, batch: Batch) -> Outcome {
        let all = self.comparisons.iter().filter(|c| c.batch == batch);
        all.map(|c| c.equality.outcome())
            .max()
            .unwrap_or(Outcome::Equal)
    }
}

/// A verdict without its reasons; what is worse comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Proved equal.
    Equal,
    /// Neither proved nor refuted.
    Undecided,
    /// Different.
    Different,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// The Hessian block of a variable.
    Block(Name),
    /// The block between two variables that stay live together.
    Cross(Name, Name),
    /// The mean Jacobian of the output, which multiplies the blocks between it and what is live beside it.
    MeanJacobian(Name),
}

/// One quantity, apart and composed.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What.
    pub quantity: Quantity,
    /// What becomes of the samples.
    pub batch: Batch,
    /// When the two modules are apart; none where nothing could be said.
    pub apart: Option<Id>,
    /// When they are one.
    pub composed: Option<Id>,
    /// Whether they are equal.
    pub equality: Equality,
}

/// Whether two expressions in the sample mean are equal.
#[derive(Clone, Debug)]
pub enum Equality {
    /// They are, by rules or a common normal form.
    Proved {
        /// At so many random points, with several random samples each, the numbers agree, too.
        points: usize,
    },
    /// They are not: these numbers differ.
    Different(Counterexample),
    /// Neither was found.
    Undecided {
        /// Why.
        reason: String,
    },
}

impl Equality {
    /// The verdict alone.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Proved { .. } => Outcome::Equal,
            Self::Undecided { .. } => Outcome::Undecided,
            Self::Different(_) => Outcome::Different,
        }
    }
}

/// Compares all neighbours of a network, apart and composed, under Equations 6 and 7.
///
/// ```
/// use hbp::hbp::Batch;
/// use hbp::proof::{GroupingsOptions, Outcome, groupings};
/// let text = "network n { input x: R[3]; target y: R[2]; h = linear[4](x); a = sigmoid(h); k = linear[2](a); loss square_loss(k, y) }";
/// let network = hbp::parse("n.hbp", text).expect("well formed").network("n").expect("defined");
/// let found = groupings(&network, &GroupingsOptions::default()).expect("derivable");
/// let outcome = |first: &str| {
///     let pair = found.pairs.iter().find(|pair| &*pair.nodes[0].0 == first);
///     pair.map(|pair| pair.outcome(Batch::AverageHessian))
/// };
/// assert_eq!(outcome("a"), Some(Outcome::Equal));
/// assert_eq!(outcome("h"), Some(Outcome::Different));
/// ```
///
/// # Errors
/// When a module cannot be derived.
pub fn groupings(network: &Network, options: &GroupingsOptions) -> Result<Groupings, RunError> {
    let found = pairs(network)?;
    let verdicts = found.pairs.iter().map(|pair| verdict(pair, options));
    Ok(Groupings {
        network: network.name.clone(),
        curvature: options.curvature,
        pairs: verdicts.collect::<Result<_, _>>()?,
        shared: found.shared,
    })
}

fn verdict(pair: &Pair, options: &GroupingsOptions) -> Result<PairVerdict, RunError> {
    let nodes = pair.nodes.clone();
    let place = format!("`{}+{}`", nodes[0].0, nodes[0].1);
    let within = |error: RunError| error.within(&place);
    let mut problem = Problem::new(pair, options.curvature, &options.rewriter)
        .map_err(|error| within(error.into()))?;
    let mut comparisons = Vec::new();
    for batch in [Batch::AverageHessian, Batch::AverageJacobian] {
        for quantity in problem.quantities() {
            let comparison = compare(&mut problem, quantity, batch, options);
            comparisons.push(comparison.map_err(|error| within(error.into()))?);
        }
    }
    let module = shown(&problem.module, &mut comparisons, &pair.sizes);
    Ok(PairVerdict {
        nodes,
        module: module.map_err(|error| within(TogetherError::from(error).into()))?,
        comparisons,
    })
}

fn compare(
    problem: &mut Problem<'_>,
    quantity: Quantity,
    batch: Batch,
    options: &GroupingsOptions,
) -> Result<Comparison, TogetherError> {
    let Some((apart, composed)) = problem.both(&quantity, batch)? else {
        let reason = "positive curvature treats the second-order terms of all values that stay live together as one \
                      matrix; ask with --curvature hessian or ggn";
        return Ok(Comparison {
            quantity,
            batch,
            apart: None,
            composed: None,
            equality: Equality::Undecided {
                reason: reason.into(),
            },
        });
    };
    let (module, rewriter) = (&mut problem.module, &options.rewriter);
    let locals = module.locals.clone();
    let simple = rewriter.average(
        &mut module.graph,
        &[apart, composed],
        &locals,
        Style::Hadamard,
        &mut Report::default(),
    )?;
    let simple = (simple[0], simple[1]);
    Ok(Comparison {
        quantity,
        batch,
        apart: Some(simple.0),
        composed: Some(simple.1),
        equality: equality(module, (apart, composed), simple, options)?,
    })
}

/// Two witnesses: the numbers of the definitions, and a proof of the simplified forms. Where they contradict each other
/// nothing is claimed.
fn equality(
    module: &mut Module,
    defined: (Id, Id),
    simple: (Id, Id),
    options: &GroupingsOptions,
) -> Result<Equality, RewriteError> {
    let numbers = refute(&module.graph, defined.0, defined.1, options.seed);
    let contradiction = || Equality::Undecided {
        reason: "rules and numbers contradict each other; report this as a defect".into(),
    };
    let verdict = decide(module, simple, &[], options.seed, &options.rewriter)?;
    Ok(match (verdict, numbers.counterexample) {
        (Verdict::Refuted(_), Some(example)) => Equality::Different(example),
        (Verdict::Proved { .. } | Verdict::SameIndexForm { .. }, None) => Equality::Proved {
            points: numbers.points,
        },
        (Verdict::Unknown { reason }, None) => Equality::Undecided { reason },
        _ => contradiction(),
    })
}
