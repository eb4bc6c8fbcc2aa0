//! Blocks on their way out. Why factors: the block of a weight has (mn)² entries, its Kronecker factors n² + m², so
//! what has structure is written by its parts unless all entries are asked for.

use nalgebra::{DMatrix, DVector};

use super::arrays::Items;
use super::batch::Data;
use super::module::concrete_shape;
use super::{RunError, RunOptions, Vectorisation};
use crate::backend::{Element, OutputBlock, khatri_rao};
use crate::curvature::{Operator, row_ranges};
use crate::data::{Array, Item, Kind};
use crate::expr::Matrix;
use crate::language::NetworkValue;

/// How arrays of numbers of type `T` are stored.
fn kind<T: Element>() -> Kind {
    if T::BYTES == 4 {
        Kind::Float32
    } else {
        Kind::Float64
    }
}

/// A matrix with two axes, in C order.
pub(crate) fn matrix_array<T: Element>(matrix: &DMatrix<T>) -> Array {
    let values = matrix.transpose().iter().map(|v| v.double()).collect();
    Array {
        shape: vec![matrix.nrows(), matrix.ncols()],
        values,
        kind: kind::<T>(),
    }
}

/// A value by its declared shape: no axis for a scalar, one for a column, else two.
pub(crate) fn value_array<T: Element>(matrix: &DMatrix<T>, declared: &crate::expr::Shape) -> Array {
    let mut array = matrix_array(matrix);
    if declared.is_scalar() {
        array.shape.clear();
    } else if declared.is_column() {
        array.shape.truncate(1);
    }
    array
}

fn diagonal_array<T: Element>(diagonal: &DVector<T>) -> Array {
    Array {
        shape: vec![diagonal.len()],
        values: diagonal.iter().map(|v| v.double()).collect(),
        kind: kind::<T>(),
    }
}

/// Where the entry stands in the row-major order of an m × n matrix, for each place in the column-major order:
/// `order[new] = old`.
fn row_major((m, n): (usize, usize)) -> Vec<usize> {
    (0..m)
        .flat_map(|i| (0..n).map(move |j| i + j * m))
        .collect()
}

/// A Hessian given with rows and columns in the row-major order of an m × n value, in the column-major order.
pub(crate) fn from_row_major(matrix: &Matrix<f64>, (m, n): (usize, usize)) -> Matrix<f64> {
    let place = |old: usize| old % m * n + old / m;
    Matrix::from_fn(m * n, m * n, |i, j| matrix[(place(i), place(j))])
}

/// The block with rows and columns in the row-major order of an m × n variable.
fn permuted<T: Element>(
    block: OutputBlock<T>,
    shape: (usize, usize),
    limit: u64,
) -> Result<OutputBlock<T>, RunError> {
    let order = row_major(shape);
    Ok(match block {
        OutputBlock::Diagonal(diagonal) => {
            OutputBlock::Diagonal(DVector::from_fn(order.len(), |i, _| diagonal[order[i]]))
        }
        OutputBlock::Kronecker { left, right }
            if left.shape().0 == shape.1 && right.shape().0 == shape.0 =>
        {
            // A ⊗ B is P (B ⊗ A) P'
            OutputBlock::Kronecker {
                left: right,
                right: left,
            }
        }
        OutputBlock::Root(root) => {
            let (rows, cols) = root.shape();
            OutputBlock::Root(DMatrix::from_fn(rows, cols, |i, j| root[(order[i], j)]))
        }
        // P (A ⊙ B) = B ⊙ A, column by column
        OutputBlock::KhatriRao { left, right } if left.nrows() == shape.1 => {
            OutputBlock::KhatriRao {
                left: right,
                right: left,
            }
        }
        OutputBlock::Sum(terms) => {
            let terms = terms.into_iter().map(|term| permuted(term, shape, limit));
            OutputBlock::Sum(terms.collect::<Result<_, _>>()?)
        }
        OutputBlock::Zero { .. } | OutputBlock::ScaledIdentity { .. } => block,
        other => {
            let dense = other.to_dense(limit)?;
            let (rows, cols) = dense.shape();
            OutputBlock::Dense(DMatrix::from_fn(rows, cols, |i, j| {
                dense[(order[i], order[j])]
            }))
        }
    })
}

/// Writes the block of a variable of `shape` under `name`: with all its entries, or by its factors and
/// `name.structure`.
///
/// # Errors
/// When the block is larger than the limit with all its entries and they are needed.
pub(crate) fn write_block<T: Element>(
    name: &str,
    block: OutputBlock<T>,
    shape: (usize, usize),
    options: &RunOptions,
    items: &mut Items,
) -> Result<(), RunError> {
    let is_matrix = shape.0 > 1 && shape.1 > 1;
    let block = if options.vectorisation == Vectorisation::Row && is_matrix {
        permuted(block, shape, options.limit)?
    } else {
        block
    };
    if options.dense {
        let dense = block.to_dense(options.limit)?;
        items.insert(name.to_owned(), matrix_array(&dense).into());
        return Ok(());
    }
    write_factors(name, &block, options, items)
}

/// Writes the blocks of the groups of rows of a parameter under `name.rows.0`, …, each as [`write_block`] does, and
/// `name.structure`; the whole block without [`RunOptions::split`].
///
/// # Errors
/// As [`write_block`]; when the parameter has fewer rows than there are to be groups.
pub(crate) fn write_split<T: Element>(
    name: &str,
    block: OutputBlock<T>,
    shape: (usize, usize),
    options: &RunOptions,
    items: &mut Items,
) -> Result<(), RunError> {
    let Some(parts) = options.split else {
        return write_block(name, block, shape, options, items);
    };
    let ranges = row_ranges(shape.0, parts)?;
    let blocks = Operator::within(&block, options.limit)?.split(shape, parts)?;
    for (k, (block, rows)) in blocks.into_iter().zip(ranges).enumerate() {
        let name = format!("{name}.rows.{k}");
        write_block(&name, block, (rows.len(), shape.1), options, items)?;
    }
    items.insert(format!("{name}.structure"), Item::Text("rows".into()));
    Ok(())
}

/// Writes the matrix over several parameters under `name`, and their names in the order of its rows as `name.order`.
pub(crate) fn write_whole<T: Element>(
    name: &str,
    matrix: &DMatrix<T>,
    parameters: &[&NetworkValue],
    data: &Data<T>,
    options: &RunOptions,
    items: &mut Items,
) -> Result<(), RunError> {
    let mut order = Vec::with_capacity(matrix.nrows());
    for parameter in parameters {
        let (m, n) = concrete_shape(&parameter.shape, &data.sizes)?;
        let start = order.len();
        if options.vectorisation == Vectorisation::Row {
            order.extend(row_major((m, n)).into_iter().map(|k| start + k));
        } else {
            order.extend(start..start + m * n);
        }
    }
    let ordered = DMatrix::from_fn(order.len(), order.len(), |i, j| {
        matrix[(order[i], order[j])]
    });
    items.insert(name.into(), matrix_array(&ordered).into());
    let names: Vec<&str> = parameters.iter().map(|p| &*p.name).collect();
    items.insert(format!("{name}.order"), Item::Text(names.join(" ")));
    Ok(())
}

fn write_factors<T: Element>(
    name: &str,
    block: &OutputBlock<T>,
    options: &RunOptions,
    items: &mut Items,
) -> Result<(), RunError> {
    let mut put = |part: String, array: Array| {
        items.insert(format!("{name}{part}"), array.into());
    };
    let structure = match block {
        OutputBlock::Dense(matrix) => {
            put(String::new(), matrix_array(matrix));
            return Ok(());
        }
        OutputBlock::Zero { rows, .. } => {
            put(".diag".into(), diagonal_array(&DVector::<T>::zeros(*rows)));
            "diagonal"
        }
        OutputBlock::ScaledIdentity { size, scale } => {
            let diagonal = DVector::from_element(*size, *scale);
            put(".diag".into(), diagonal_array(&diagonal));
            "diagonal"
        }
        OutputBlock::Diagonal(diagonal) => {
            put(".diag".into(), diagonal_array(diagonal));
            "diagonal"
        }
        OutputBlock::Kronecker { left, right } => {
            put(
                ".kron.0".into(),
                matrix_array(&left.to_dense(options.limit)?),
            );
            put(
                ".kron.1".into(),
                matrix_array(&right.to_dense(options.limit)?),
            );
            "kronecker"
        }
        OutputBlock::Root(root) => {
            put(".root".into(), matrix_array(root));
            "root"
        }
        OutputBlock::KhatriRao { left, right } => {
            let rows = (left.nrows() as u64).saturating_mul(right.nrows() as u64);
            let bytes = rows
                .saturating_mul(left.ncols() as u64)
                .saturating_mul(T::BYTES);
            if bytes <= options.root_bytes {
                fits::<T>(rows, left.ncols() as u64, options.limit)?;
                put(".root".into(), matrix_array(&khatri_rao(left, right)));
                "root"
            } else {
                put(".khatri-rao.0".into(), matrix_array(left));
                put(".khatri-rao.1".into(), matrix_array(right));
                "khatri-rao"
            }
        }
        OutputBlock::Sum(terms) => {
            for (k, term) in terms.iter().enumerate() {
                write_factors(&format!("{name}.sum.{k}"), term, options, items)?;
            }
            "sum"
        }
    };
    items.insert(format!("{name}.structure"), Item::Text(structure.into()));
    Ok(())
}

/// Refuses a matrix that would not fit.
fn fits<T: Element>(rows: u64, columns: u64, limit: u64) -> Result<(), RunError> {
    let bytes = rows.saturating_mul(columns).saturating_mul(T::BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(RunError::limit(
        format!(
            "the root of a block is a {rows} × {columns} matrix of {bytes} bytes, above the memory limit of {limit} bytes"
        ),
        "use fewer samples, a larger `--memory`, or `--batch average-hessian`, whose blocks keep their factors",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::OutputBlock::{Dense, Kronecker, Root, Sum};

    fn filled(rows: usize, cols: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |i, j| ((i * 7 + j * 3) % 5) as f64 - 1.0)
    }

    /// Roots and sums, and Kronecker products that do not fit the variable, in either order.
    #[test]
    fn every_form_is_permuted_as_its_matrix_is() {
        let (m, n) = (2, 3);
        let kron = |left: usize, right: usize| Kronecker {
            left: Box::new(Dense(filled(left, left))),
            right: Box::new(Dense(filled(right, right))),
        };
        let sum = Sum(vec![kron(3, 2), Root(filled(6, 1))]);
        for block in [Root(filled(6, 2)), kron(3, 2), kron(2, 3), sum] {
            let whole = block.to_dense(1 << 20).expect("small");
            let old = |new: usize| new / n + new % n * m;
            let expected = DMatrix::from_fn(6, 6, |i, j| whole[(old(i), old(j))]);
            let by_rows = permuted(block, (m, n), 1 << 20).expect("small");
            assert_eq!(by_rows.to_dense(1 << 20).expect("small"), expected);
        }
    }

    #[test]
    fn roots_and_sums_are_written_by_their_parts() {
        let mut items = Items::new();
        let block = Sum(vec![Root(filled(4, 1)), Dense(filled(4, 4))]);
        write_factors("hess.W", &block, &RunOptions::default(), &mut items).expect("small");
        let names: Vec<&str> = items.keys().map(String::as_str).collect();
        let expected = [
            "hess.W.sum.0.root",
            "hess.W.sum.0.structure",
            "hess.W.sum.1",
            "hess.W.structure",
        ];
        assert_eq!(names, expected);
        assert_eq!(items["hess.W.structure"], Item::Text("sum".into()));
        assert_eq!(items["hess.W.sum.0.structure"], Item::Text("root".into()));
    }
}
