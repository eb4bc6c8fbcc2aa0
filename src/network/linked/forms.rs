//! The equations of a module for all samples side by side. Why apart from compiling: they are made once for every module,
//! whatever its sizes and whoever runs them.

use std::collections::BTreeSet;

use nalgebra::DMatrix;

use super::Depth;
use super::images::{self, Image, Images};
use crate::expr::{
    Distribution, Draw, Graph, Id, Name, Op, ShapeError, Sizes, evaluate, random_environment,
};
use crate::hbp::{
    Batched, Expansion, Over, Terms, UnfoldError, batched, batched_expanding, terms_of,
};
use crate::network::compiled::OUTPUT;
use crate::network::draft::{Sized, Stage};
use crate::network::pass::{Derived, Upstream};
use crate::network::programs::Wanted;
use crate::network::{RunError, RunOptions, Sampling};
use crate::rewrite::RewriteError;

/// Points at which a rank is taken.
const POINTS: u64 = 3;
/// The most entries of a matrix written out for all samples.
const WRITTEN_OUT: usize = 1 << 24;
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
    /// Products with the blocks of parameters whose means have no form.
    pub(super) images: Vec<Image>,
    /// At the loss, what the root is made of, and the most columns that it needs.
    pub(super) loss_root: Option<LossRoot>,
}

/// A root with respect to the one variable that messages go to.
#[derive(Clone, Debug)]
pub(super) struct LossRoot {
    pub(super) variable: Name,
    pub(super) of: RootOf,
    /// How many columns it has.
    pub(super) columns: usize,
}

/// What a root is made of.
#[derive(Clone, Debug)]
pub(super) enum RootOf {
    /// The loss Hessian of every sample.
    Hessian(Terms),
    /// Gradients at drawn targets.
    Drawn {
        /// The gradient, a column for every sample.
        gradient: Id,
        /// The parameters of the loss's model.
        model: Vec<Id>,
        /// The variable that is drawn.
        target: Name,
        /// Of what.
        distribution: Distribution,
    },
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
    count: usize,
    depth: Depth<'_>,
) -> Result<Result<Forms, String>, RunError> {
    let derived = &module.derived;
    let has_blocks = depth.options().is_some();
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
    let mut found = batched(&mut graph, &asked, &derived.varying, &samples).map_err(ill_shaped)?;
    let is_missing =
        |(want, form): &(&&Wanted, &Option<Batched>)| form.is_none().then(|| want.name.clone());
    let missing: BTreeSet<String> = wanted
        .iter()
        .zip(&found)
        .filter_map(|p| is_missing(&p))
        .collect();
    let of_blocks = images::of_blocks(derived, stage, &missing);
    let mut expanded = &missing - &of_blocks;
    let mut images = Images::default();
    if let (Depth::Products(_), false) = (depth, of_blocks.is_empty()) {
        images =
            images::images(&mut graph, derived, stage, &of_blocks, &samples).map_err(ill_shaped)?;
        expanded.extend(images.without.iter().cloned());
    } else if let Some(name) = of_blocks.first() {
        return Ok(Err(described(derived, name)));
    }
    let expansion = Expansion {
        sizes: &module.sizes,
        samples: count,
        entries: WRITTEN_OUT,
    };
    let varying = (derived.varying.as_slice(), &samples);
    for ((want, asked), form) in wanted.iter().zip(&asked).zip(&mut found) {
        if !expanded.contains(&want.name) {
            continue;
        }
        let forms = batched_expanding(&mut graph, &[*asked], varying, expansion);
        *form = forms.map_err(ill_shaped)?.pop().flatten();
        if form.is_none() {
            return Ok(Err(described(derived, &want.name)));
        }
    }
    let all = wanted.iter().zip(found).map(|(want, form)| {
        let name = want.name.clone();
        form.map(|form| Form { name, form })
    });
    let mut all: Vec<Option<Form>> = all.collect();
    let factors = all.split_off(1 + backward.len() + roots.len());
    let root = all.split_off(1 + backward.len());
    let backward = all.split_off(1);
    let Some(Some(output)) = all.pop() else {
        return Ok(Err(described(derived, OUTPUT)));
    };
    let mut forms = Forms {
        output: output.form,
        graph,
        samples,
        backward: backward.into_iter().flatten().collect(),
        root: root.into_iter().flatten().collect(),
        factors: factors.into_iter().flatten().collect(),
        images: images.found,
        loss_root: None,
    };
    if is_loss
        && let Some(options) = depth.options()
        && let Some(want) = derived.root.first()
    {
        let root = loss_root(&mut forms, module, stage, (want, options))?;
        forms.loss_root = match root {
            Ok(root) => Some(root),
            Err(what) => return Ok(Err(what)),
        };
    }
    Ok(Ok(forms))
}

/// What the loss's root is made of.
fn loss_root(
    forms: &mut Forms,
    module: &Sized,
    stage: &Stage,
    (want, options): (&Wanted, &RunOptions),
) -> Result<Result<LossRoot, String>, RunError> {
    let derived = &module.derived;
    let [(variable, _)] = stage.rooted.as_slice() else {
        return Ok(Err(
            "the root of the Hessian between several variables".into()
        ));
    };
    let variable = variable.clone();
    let (graph, samples) = (&mut forms.graph, &forms.samples);
    let Sampling::Drawn { targets, .. } = options.sampling else {
        let terms = terms_of(graph, want.id, &derived.varying, samples);
        let Some(terms) = terms.map_err(ill_shaped)? else {
            return Ok(Err("the root of the loss Hessian".into()));
        };
        return Ok(Ok(LossRoot {
            variable,
            of: RootOf::Hessian(terms),
            columns: rank(derived, want.id, &module.sizes)?,
        }));
    };
    let asked: Vec<(Id, Over)> = (derived.model.iter())
        .chain([want])
        .map(|want| (want.id, Over::Columns))
        .collect();
    let found = batched(graph, &asked, &derived.varying, samples).map_err(ill_shaped)?;
    let found = found.into_iter().map(|form| match form {
        Some(Batched::Value(id)) => Some(id),
        _ => None,
    });
    let found: Option<Vec<Id>> = found.collect();
    let (Some(mut model), Some((target, distribution))) = (found, stage.target.clone()) else {
        return Ok(Err("the gradient at a drawn target".into()));
    };
    let Some(gradient) = model.pop() else {
        return Ok(Err("the gradient at a drawn target".into()));
    };
    Ok(Ok(LossRoot {
        variable,
        of: RootOf::Drawn {
            gradient,
            model,
            target,
            distribution,
        },
        columns: targets,
    }))
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
