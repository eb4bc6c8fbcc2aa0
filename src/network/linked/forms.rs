//! The equations of a module for all samples side by side. Why apart from compiling: they are made once for every module,
//! whatever its sizes and whoever runs them.

use nalgebra::DMatrix;

use crate::expr::{Draw, Graph, Id, Name, Op, ShapeError, Sizes, evaluate, random_environment};
use crate::hbp::{Batched, Over, Terms, UnfoldError, batched, terms_of};
use crate::network::RunError;
use crate::network::compiled::OUTPUT;
use crate::network::draft::{Sized, Stage};
use crate::network::pass::{Derived, Upstream};
use crate::network::programs::Wanted;
use crate::rewrite::RewriteError;

/// Points at which a rank is taken.
const POINTS: u64 = 3;
/// A singular value below this, relative to the largest, is rounding.
const RANK: f64 = 1e-12;

/// The equations of one module for all samples.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    pub(super) graph: Graph,
    /// The dimension that counts the samples.
    pub(super) samples: Name,
    /// The output: columns, or at the loss the mean.
    pub(super) output: Batched,
    /// Each result of the backward pass.
    pub(super) backward: Vec<Form>,
    /// What a column of a root becomes at each variable.
    pub(super) root: Vec<Form>,
    /// What is averaged once the mean of SS' is known.
    pub(super) factors: Vec<Form>,
    /// At the loss, what the root is made of, and the most columns that it needs.
    pub(super) loss_root: Option<LossRoot>,
}

/// The loss Hessian of every sample with respect to the one variable that messages go to.
#[derive(Clone, Debug)]
pub(super) struct LossRoot {
    pub(super) variable: Name,
    pub(super) terms: Terms,
    pub(super) columns: usize,
}

/// A result for all samples.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) form: Batched,
}

/// Makes the forms of a module, of gradients alone or of all; where a result has none, the answer is what it is, in words.
pub(super) fn forms(
    module: &Sized,
    stage: &Stage,
    has_blocks: bool,
) -> Result<Result<Forms, String>, RunError> {
    let derived = &module.derived;
    let mut graph = derived.graph.clone();
    let samples: Name = "samples#".into();
    let is_loss = stage.upstream == Upstream::Loss;
    let over = if is_loss { Over::Mean } else { Over::Columns };
    let output = Wanted::new(OUTPUT, derived.output, over);
    let of_gradient = |want: &&Wanted| has_blocks || want.name.starts_with("grad.");
    let backward: Vec<&Wanted> = derived.backward.iter().filter(of_gradient).collect();
    let roots: Vec<&Wanted> = derived
        .root
        .iter()
        .filter(|_| has_blocks && !is_loss)
        .collect();
    let factors: Vec<&Wanted> = derived.factors.iter().filter(|_| has_blocks).collect();
    let wanted = [vec![&output], backward.clone(), roots.clone(), factors].concat();
    let asked: Vec<(Id, Over)> = wanted.iter().map(|want| (want.id, want.over)).collect();
    let found = batched(&mut graph, &asked, &derived.varying, &samples).map_err(ill_shaped)?;
    let mut all = Vec::with_capacity(wanted.len());
    for (want, form) in wanted.into_iter().zip(found) {
        let Some(form) = form else {
            return Ok(Err(described(derived, &want.name)));
        };
        let name = want.name.clone();
        all.push(Form { name, form });
    }
    let factors = all.split_off(1 + backward.len() + roots.len());
    let root = all.split_off(1 + backward.len());
    let backward = all.split_off(1);
    let mut forms = Forms {
        output: all[0].form,
        graph,
        samples,
        backward,
        root,
        factors,
        loss_root: None,
    };
    if is_loss
        && has_blocks
        && let Some(want) = derived.root.first()
    {
        let [(variable, _)] = stage.rooted.as_slice() else {
            return Ok(Err(
                "the root of the Hessian between several variables".into()
            ));
        };
        let terms = terms_of(&mut forms.graph, want.id, &derived.varying, &forms.samples);
        let Some(terms) = terms.map_err(ill_shaped)? else {
            return Ok(Err("the root of the loss Hessian".into()));
        };
        forms.loss_root = Some(LossRoot {
            variable: variable.clone(),
            terms,
            columns: rank(derived, want.id, &module.sizes)?,
        });
    }
    Ok(Ok(forms))
}

/// A result in a user's words: what it is of which input or parameter.
fn described(derived: &Derived, result: &str) -> String {
    if result == OUTPUT {
        return "the value".into();
    }
    let parts: Vec<&str> = result.split('|').collect();
    match parts.as_slice() {
        ["jac", v] => format!("the mean Jacobian with respect to `{v}`"),
        ["resid", u, v] if u == v => format!("the second-order term of `{u}`"),
        ["resid", u, v] => format!("the second-order term between `{u}` and `{v}`"),
        [name] => match name.strip_prefix("grad.") {
            Some(v) => format!("the gradient with respect to `{v}`"),
            None => mean_in_words(derived, name),
        },
        _ => format!("`{result}`"),
    }
}

/// A mean that blocks are made of, by the blocks that read it.
fn mean_in_words(derived: &Derived, mean: &str) -> String {
    let reads = |root: Id| {
        let graph = &derived.graph;
        let is_mean = |id: &Id| matches!(&graph[*id].op, Op::Variable(name) if &**name == mean);
        graph.topological(&[root]).iter().any(is_mean)
    };
    let readers = derived.combine.iter().filter(|(_, root)| reads(*root));
    let blocks: Vec<String> = readers
        .map(|(name, _)| match name.split('|').collect::<Vec<_>>()[..] {
            ["carried", u, v] if u == v => format!("of `{u}`"),
            ["carried", u, v] => format!("between `{u}` and `{v}`"),
            _ => format!("of `{}`", name.strip_prefix("hess.").unwrap_or(name)),
        })
        .collect();
    match blocks.as_slice() {
        [] => format!("`{mean}`"),
        [block] => format!("the mean over samples for the block {block}"),
        [blocks @ .., last] => {
            let first = blocks.join(", ");
            format!("the mean over samples for the blocks {first} and {last}")
        }
    }
}

fn ill_shaped(error: ShapeError) -> UnfoldError {
    UnfoldError::from(RewriteError::from(error))
}

/// The rank that a matrix has almost everywhere, by its values at random points.
fn rank(derived: &Derived, matrix: Id, sizes: &Sizes) -> Result<usize, RunError> {
    let mut rank = 0;
    for seed in 0..POINTS {
        let environment = random_environment(&derived.graph, sizes, 1, seed, Draw::Normal);
        let value =
            environment.and_then(|environment| evaluate(&derived.graph, matrix, &environment));
        let value =
            value.map_err(|error| RunError::input(error.to_string(), "report this as a defect"))?;
        let value = DMatrix::from_column_slice(value.rows(), value.cols(), value.values());
        let singular = value.singular_values();
        rank = rank.max(
            singular
                .iter()
                .filter(|s| **s > RANK * singular.max())
                .count(),
        );
    }
    Ok(rank)
}
