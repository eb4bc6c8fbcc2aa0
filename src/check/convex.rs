//! Is a loss convex in what networks compute? Why by numbers: a root of its Hessian exists where no eigenvalue is negative, and
//! one point with a negative one decides.

use nalgebra::DMatrix;

use crate::expr::{Draw, Environment, Matrix, Module, Name, Sizes, random_environment, witness};

/// Points that are tried; the second half is positive.
const POINTS: u64 = 16;

/// The least eigenvalue, over random points, of the Hessian of a loss with respect to all of its variables but the target,
/// relative to the largest; nothing where no point has a value.
pub(super) fn least_eigenvalue(module: &Module) -> Option<f64> {
    let target = module.model.as_ref().map(|model| &model.target);
    let target = target.or(module.inputs.last());
    let live: Vec<Name> = (module.variables().filter(|name| Some(*name) != target))
        .cloned()
        .collect();
    let sizes: Sizes = module.dimensions().into_iter().zip(3..).collect();
    let at = |seed: u64| {
        let draw = if seed < POINTS / 2 {
            Draw::Normal
        } else {
            Draw::Positive
        };
        let environment = random_environment(&module.graph, &sizes, 1, seed, draw).ok()?;
        least_at(module, &live, &environment)
    };
    (0..POINTS).filter_map(at).reduce(f64::min)
}

fn least_at(module: &Module, live: &[Name], environment: &Environment<f64>) -> Option<f64> {
    let (one, zero) = (Matrix::scalar(1.0), Matrix::scalar(0.0));
    let (graph, output) = (&module.graph, module.output.1);
    let found = witness(graph, output, live, environment, &one, &zero).ok()?;
    let mut rows = Vec::new();
    for u in live {
        let blocks: Option<Vec<Matrix<f64>>> = live.iter().map(|v| found.residual(u, v)).collect();
        rows.push(blocks?);
    }
    let heights: Vec<usize> = rows.iter().map(|blocks| blocks[0].rows()).collect();
    let mut whole = DMatrix::<f64>::zeros(heights.iter().sum(), heights.iter().sum());
    let mut row = 0;
    for (blocks, height) in rows.iter().zip(&heights) {
        let mut col = 0;
        for block in blocks {
            let part = DMatrix::from_column_slice(block.rows(), block.cols(), block.values());
            whole.view_mut((row, col), part.shape()).copy_from(&part);
            col += part.ncols();
        }
        row += height;
    }
    if !whole.iter().all(|entry| entry.is_finite()) {
        return None;
    }
    let eigenvalues = whole.symmetric_eigenvalues();
    let top = eigenvalues.amax();
    Some(if top == 0.0 {
        0.0
    } else {
        eigenvalues.min() / top
    })
}
