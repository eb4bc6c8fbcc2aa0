//! Sizes to check at. Why small and unequal: the cost grows with the square of the entries, and equal sizes hide
//! transposes.

use crate::expr::{Module, Name, Sizes};
use crate::network::RunError;

/// The most entries of one variable: hyper-dual numbers take the square of it in evaluations.
const ENTRIES: usize = 64;

/// Patterns of sizes, the preferred first; of each, one that fits is taken.
const PATTERNS: [&[usize]; 4] = [&[2, 3, 4], &[2, 3], &[1, 2, 3], &[1, 2]];

/// Sizes for `points` points.
///
/// # Errors
/// When a variable has too many entries at all sizes.
pub(super) fn choose(module: &Module, points: usize) -> Result<Vec<Sizes>, RunError> {
    let names: Vec<Name> = module.dimensions().into_iter().collect();
    let mut worst = None;
    for pattern in PATTERNS {
        let sizes = |point: usize| -> Sizes {
            let size = |i: usize| pattern[(i + point) % pattern.len()];
            let pairs = names.iter().enumerate();
            pairs.map(|(i, name)| (name.clone(), size(i))).collect()
        };
        let all: Vec<Sizes> = (0..points).map(sizes).collect();
        worst = all.iter().find_map(|sizes| too_large(module, sizes));
        if worst.is_none() {
            return Ok(all);
        }
    }
    let (name, entries) = worst.unwrap_or_default();
    Err(RunError::limit(
        format!(
            "`{name}` of the module `{}` has {entries} entries; at most {ENTRIES} are checked",
            module.name
        ),
        "write its sizes as names, as in `R[m, n]`, so that small ones can be chosen",
    ))
}

/// A variable or output with too many entries.
fn too_large(module: &Module, sizes: &Sizes) -> Option<(Name, String)> {
    let variables = module.variables().filter_map(|name| {
        let variable = module.graph.variables().get(name)?;
        Some((name.clone(), variable.shape.clone()))
    });
    let output = (module.output.0.clone(), module.graph.shape(module.output.1));
    variables
        .chain([output])
        .find_map(|(name, shape)| match shape.size().evaluate(sizes) {
            Some(entries) if entries <= ENTRIES => None,
            Some(entries) => Some((name, entries.to_string())),
            None => Some((name, "too many".to_owned())),
        })
}
