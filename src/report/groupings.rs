//! What composing neighbours changes, for readers, papers and scripts. Why both expressions wherever they differ: the
//! difference is what an approximation loses, and the numbers only say that there is one.

use std::fmt::Write;

use serde_json::{Value, json as value};

use super::latex::latex;
use super::latex_names::latex_name;
use super::naming::{TooLong, locals, permit, written};
use crate::expr::{Id, Names};
use crate::hbp::Batch;
use crate::proof::{Comparison, Equality, Groupings, Outcome, PairVerdict, Quantity};

const MODES: [(Batch, &str); 2] = [(Batch::AverageHessian, "6"), (Batch::AverageJacobian, "7")];

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Equal => "equal",
        Outcome::Undecided => "undecided",
        Outcome::Different => "different",
    }
}

/// A quantity in the language; of an E the argument is a Jacobian.
fn name(quantity: &Quantity, pair: &PairVerdict) -> String {
    match quantity {
        Quantity::Block(v) => format!("hess({v})"),
        Quantity::Cross(u, v) => format!("hess({u}, {v})"),
        Quantity::MeanJacobian(v) => format!("E(jac({}, {v}))", pair.module.output.0),
    }
}

fn composites(pair: &PairVerdict) -> String {
    let nodes = pair
        .nodes
        .iter()
        .map(|(first, second)| format!("{first}+{second}"));
    nodes.collect::<Vec<_>>().join(", ")
}

fn of_mode(pair: &PairVerdict, batch: Batch) -> impl Iterator<Item = &Comparison> {
    pair.comparisons.iter().filter(move |c| c.batch == batch)
}

/// What composing neighbours changes, as text.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn groupings_text(groupings: &Groupings) -> Result<String, TooLong> {
    let mut out = format!(
        "network {}: what composing neighbours changes; curvature: {}\n\
         E is the mean over the samples; apart and composed are what takes the place of hess(v) when the two are modules of \
         their own, and when they are one\n",
        groupings.network, groupings.curvature
    );
    for pair in &groupings.pairs {
        let _ = writeln!(out, "\n{}    {}", composites(pair), pair.module.name);
        for (batch, equation) in MODES {
            let told = match pair.outcome(batch) {
                Outcome::Equal => "unchanged, proved",
                Outcome::Undecided => "undecided",
                Outcome::Different => "changed",
            };
            let _ = writeln!(out, "  {batch} ({equation}): {told}");
            for comparison in of_mode(pair, batch) {
                out.push_str(&comparison_text(pair, comparison)?);
            }
        }
    }
    if !groupings.shared.is_empty() {
        let _ = writeln!(out, "\nread by several nodes, and part of no pair:");
        for (node, readers) in &groupings.shared {
            let _ = writeln!(out, "  {node}, read by {}", readers.join(", "));
        }
    }
    Ok(out)
}

fn comparison_text(pair: &PairVerdict, comparison: &Comparison) -> Result<String, TooLong> {
    let names = locals(&pair.module);
    let what = name(&comparison.quantity, pair);
    let side = |id: Option<Id>| -> Result<String, TooLong> {
        id.map_or(Ok(String::new()), |id| {
            written(&pair.module.graph, id, &names, &what)
        })
    };
    let mut out = String::new();
    let (apart, composed) = (side(comparison.apart)?, side(comparison.composed)?);
    match &comparison.equality {
        Equality::Proved { points } => {
            let _ = writeln!(
                out,
                "    {what}: equal, proved; the numbers agree at {points} points"
            );
            let _ = writeln!(out, "        both      {composed}");
            if apart != composed {
                let _ = writeln!(out, "        apart     {apart}");
            }
        }
        Equality::Different(example) => {
            let sizes: Vec<String> = example
                .sizes
                .iter()
                .map(|(name, size)| format!("{name} = {size}"))
                .collect();
            let sizes = if sizes.is_empty() {
                String::new()
            } else {
                format!(" for {}", sizes.join(", "))
            };
            let (row, column) = (example.entry.0 + 1, example.entry.1 + 1);
            let _ = writeln!(
                out,
                "    {what}: different; at entry ({row}, {column}) apart {:.6}, composed {:.6}{sizes} (seed {})",
                example.left, example.right, example.seed
            );
            let _ = writeln!(
                out,
                "        apart     {apart}\n        composed  {composed}"
            );
        }
        Equality::Undecided { reason } => {
            let _ = writeln!(out, "    {what}: undecided; {reason}");
            if comparison.apart.is_some() {
                let _ = writeln!(
                    out,
                    "        apart     {apart}\n        composed  {composed}"
                );
            }
        }
    }
    Ok(out)
}

/// What composing neighbours changes, as a LaTeX fragment.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn groupings_page(groupings: &Groupings) -> Result<String, TooLong> {
    let escaped = |text: &str| text.replace('_', r"\_");
    let mut out = format!(
        "\\subsection*{{Groupings in \\texttt{{{}}}, curvature \\texttt{{{}}}}}\n",
        escaped(&groupings.network),
        groupings.curvature
    );
    for pair in &groupings.pairs {
        let (graph, names) = (&pair.module.graph, locals(&pair.module));
        for (batch, equation) in MODES {
            let _ = writeln!(
                out,
                "\\paragraph{{\\texttt{{{}}}, Equation ({equation})}}\n\\begin{{align*}}",
                escaped(&composites(pair))
            );
            let mut lines = Vec::new();
            for comparison in of_mode(pair, batch) {
                let what = latex_quantity(&comparison.quantity, pair);
                let side = |id: Id, names: &Names| -> Result<String, TooLong> {
                    permit(graph, id, names, &what)?;
                    Ok(latex(graph, id, names))
                };
                let (Some(apart), Some(composed)) = (comparison.apart, comparison.composed) else {
                    lines.push(format!("  {what} &\\colon \\text{{undecided}}"));
                    continue;
                };
                let composed = side(composed, &names)?;
                if comparison.equality.outcome() == Outcome::Equal {
                    lines.push(format!("  {what} &= {composed}"));
                    continue;
                }
                let relation = match comparison.equality.outcome() {
                    Outcome::Different => r"\neq",
                    _ => r"\overset{?}{=}",
                };
                lines.push(format!(
                    "  {what} &\\colon {} \\\\\n  &\\quad {relation} {composed}",
                    side(apart, &names)?
                ));
            }
            let _ = writeln!(out, "{}\n\\end{{align*}}", lines.join(" \\\\\n"));
        }
    }
    Ok(out)
}

fn latex_quantity(quantity: &Quantity, pair: &PairVerdict) -> String {
    match quantity {
        Quantity::Block(v) => format!(r"\mathcal{{H}}{}", latex_name(v)),
        Quantity::Cross(u, v) => format!(r"\mathcal{{H}}_{{{}, {}}}", latex_name(u), latex_name(v)),
        Quantity::MeanJacobian(v) => format!(
            r"\mathbb{{E}}\left[\mathrm{{D}}{}({})\right]",
            latex_name(&pair.module.output.0),
            latex_name(v)
        ),
    }
}

/// What composing neighbours changes, as JSON.
///
/// # Errors
/// When an expression is too long to be written out.
pub fn groupings_json(groupings: &Groupings) -> Result<Value, TooLong> {
    let pairs = groupings.pairs.iter().map(pair_json);
    let shared: Vec<Value> = (groupings.shared.iter())
        .map(|(node, readers)| {
            let readers: Vec<&str> = readers.iter().map(|name| &**name).collect();
            value!({ "node": &**node, "readers": readers })
        })
        .collect();
    Ok(value!({
        "network": &*groupings.network,
        "curvature": groupings.curvature.to_string(),
        "pairs": pairs.collect::<Result<Vec<_>, _>>()?,
        "read_by_several": shared,
    }))
}

fn pair_json(pair: &PairVerdict) -> Result<Value, TooLong> {
    let names = locals(&pair.module);
    let mut modes = serde_json::Map::new();
    for (batch, _) in MODES {
        let mut quantities = Vec::new();
        for comparison in of_mode(pair, batch) {
            let what = name(&comparison.quantity, pair);
            let side = |id: Option<Id>| -> Result<Option<String>, TooLong> {
                id.map(|id| written(&pair.module.graph, id, &names, &what))
                    .transpose()
            };
            let mut one = value!({
                "quantity": what,
                "verdict": word(comparison.equality.outcome()),
                "apart": side(comparison.apart)?,
                "composed": side(comparison.composed)?,
            });
            match &comparison.equality {
                Equality::Proved { points } => one["points"] = (*points).into(),
                Equality::Undecided { reason } => one["reason"] = reason.as_str().into(),
                Equality::Different(example) => {
                    let sizes = example
                        .sizes
                        .iter()
                        .map(|(k, v)| (k.to_string(), (*v).into()));
                    one["numbers"] = value!({
                        "sizes": sizes.collect::<serde_json::Map<_, _>>(),
                        "entry": [example.entry.0 + 1, example.entry.1 + 1],
                        "apart": example.left,
                        "composed": example.right,
                        "seed": example.seed,
                    });
                }
            }
            quantities.push(one);
        }
        let verdict = word(pair.outcome(batch));
        modes.insert(
            batch.to_string(),
            value!({ "verdict": verdict, "quantities": quantities }),
        );
    }
    let nodes: Vec<Value> = pair
        .nodes
        .iter()
        .map(|(a, b)| value!([&**a, &**b]))
        .collect();
    Ok(value!({ "nodes": nodes, "module": &*pair.module.name, "modes": modes }))
}
