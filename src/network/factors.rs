//! Blocks read back. Why here: whoever takes a step needs the operator, not its arrays, and only the floor that writes
//! factors knows what their names mean.

use nalgebra::{DMatrix, DVector};

use super::RunError;
use super::arrays::Items;
use super::binding::list;
use crate::backend::OutputBlock;
use crate::curvature::Operator;
use crate::data::{Array, Item};

const WHOLE: &str = "hand over the arrays of a run as they were written, with the name of a block, as in `hess.h1.W`";

/// The block written under `name` by [`run_file`](super::run_file) and its kin, in the structure in which it was written: with all its
/// entries, or put together from its factors by `name.structure`. Rows and columns stand in the order in which they were written
/// ([`RunOptions::vectorisation`](super::RunOptions::vectorisation)).
///
/// A block written by groups of rows has nothing between the groups, and no form as a whole: each group is read by its own name,
/// `hess.h1.W.rows.0`.
///
/// # Errors
/// When nothing, or not all of it, is there under this name; when an array is not of the shape that its structure asks for; when the block was
/// written by groups of rows.
///
/// ```
/// use hbp::curvature::Operator;
/// use hbp::data::Array;
/// use hbp::network::{Items, RunOptions, read_block, run_file};
/// let text = "network n { input x: R[2]; target y: R[1]; h = linear[1](x); loss square_loss(h, y) }";
/// let file = hbp::parse("n.hbp", text).expect("well formed");
/// let given = [("x", vec![1, 2], vec![1.0, 2.0]), ("y", vec![1, 1], vec![0.5]),
///     ("h.W", vec![1, 2], vec![0.0; 2]), ("h.b", vec![1], vec![0.0])];
/// let array = |shape, values| Array::new(shape, values).expect("it fits").into();
/// let items: Items = given.map(|(name, shape, values)| (name.to_owned(), array(shape, values))).into();
/// let results = run_file(&file, &items, &RunOptions::default()).expect("complete");
/// let block = read_block(&results, "hess.h.W").expect("written");
/// // x x' ⊗ 2, its trace
/// assert_eq!(Operator::new(&block).and_then(|o| o.trace()).expect("square"), 10.0);
/// ```
pub fn read_block(items: &Items, name: &str) -> Result<OutputBlock<f64>, RunError> {
    let block = structured(items, name)?;
    // Whoever is handed a block may rely on factors and terms that fit together.
    Operator::new(&block).map_err(|e| RunError::from(e).within(&format!("`{name}`")))?;
    Ok(block)
}

fn structured(items: &Items, name: &str) -> Result<OutputBlock<f64>, RunError> {
    let structure = match items.get(&format!("{name}.structure")) {
        None if items.contains_key(name) => return matrix(items, name).map(OutputBlock::Dense),
        None => return Err(unknown(items, name)),
        Some(Item::Text(structure)) => structure.as_str(),
        Some(Item::Array(_)) => {
            let message = format!("`{name}.structure` is an array, not a word");
            return Err(RunError::input(message, WHOLE));
        }
    };
    let factor = |part: &str| matrix(items, &format!("{name}.{part}"));
    let dense = |part: &str| Ok::<_, RunError>(Box::new(OutputBlock::Dense(factor(part)?)));
    Ok(match structure {
        "diagonal" => OutputBlock::Diagonal(vector(items, &format!("{name}.diag"))?),
        "kronecker" => OutputBlock::Kronecker {
            left: dense("kron.0")?,
            right: dense("kron.1")?,
        },
        "root" => OutputBlock::Root(factor("root")?),
        "khatri-rao" => OutputBlock::KhatriRao {
            left: factor("khatri-rao.0")?,
            right: factor("khatri-rao.1")?,
        },
        "sum" => {
            let term = |k: usize| format!("{name}.sum.{k}");
            let terms = (0..).map(term).take_while(|term| is_written(items, term));
            let terms = terms.map(|term| structured(items, &term));
            OutputBlock::Sum(terms.collect::<Result<_, _>>()?)
        }
        "rows" => {
            return Err(RunError::input(
                format!("`{name}` is written by groups of rows, each a block of its own"),
                format!("read `{name}.rows.0` and those after it"),
            ));
        }
        other => {
            let message = format!("`{other}` in `{name}.structure` is no structure of a block");
            let help = "they are diagonal, kronecker, root, khatri-rao, sum and rows";
            return Err(RunError::input(message, help));
        }
    })
}

fn is_written(items: &Items, name: &str) -> bool {
    items.contains_key(name) || items.contains_key(&format!("{name}.structure"))
}

/// There is no such block: the blocks that there are.
fn unknown(items: &Items, name: &str) -> RunError {
    let blocks = items.keys().filter_map(|key| {
        let whole = key.strip_suffix(".structure").unwrap_or(key);
        let rest = whole.strip_prefix("hess.")?;
        let parts = [".sum.", ".kron.", ".khatri-rao."];
        let ends = [".diag", ".root", ".order"];
        let is_part = parts.iter().any(|part| rest.contains(part))
            || ends.iter().any(|end| rest.ends_with(end));
        (!is_part).then(|| format!("`{whole}`"))
    });
    let message = format!("no block is written under `{name}`");
    let blocks: Vec<String> = blocks.collect();
    if blocks.is_empty() {
        return RunError::input(message, WHOLE);
    }
    RunError::input(message, format!("there are {}", list(blocks)))
}

fn array<'a>(items: &'a Items, name: &str) -> Result<&'a Array, RunError> {
    let missing = || {
        let message = format!("there is no array `{name}`, which is a part of its block");
        RunError::input(message, WHOLE)
    };
    items.get(name).and_then(Item::array).ok_or_else(missing)
}

fn wrong(name: &str, array: &Array, wanted: &str) -> RunError {
    let (shape, entries) = (&array.shape, array.values.len());
    let message =
        format!("`{name}` has the shape {shape:?} and {entries} entries, and must be {wanted}");
    RunError::input(message, WHOLE)
}

fn matrix(items: &Items, name: &str) -> Result<DMatrix<f64>, RunError> {
    let array = array(items, name)?;
    match *array.shape.as_slice() {
        [rows, cols] if rows.checked_mul(cols) == Some(array.values.len()) => {
            Ok(DMatrix::from_row_slice(rows, cols, &array.values))
        }
        _ => Err(wrong(name, array, "a matrix")),
    }
}

fn vector(items: &Items, name: &str) -> Result<DVector<f64>, RunError> {
    let array = array(items, name)?;
    match *array.shape.as_slice() {
        [size] if size == array.values.len() => Ok(DVector::from_column_slice(&array.values)),
        _ => Err(wrong(name, array, "a vector")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::OutputBlock::{
        Dense, Diagonal, KhatriRao, Kronecker, Root, ScaledIdentity, Sum, Zero,
    };
    use crate::network::RunOptions;
    use crate::network::blocks::{write_block, write_split};

    fn filled(rows: usize, cols: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |i, j| ((i * 7 + j * 3) % 5) as f64 - 1.0)
    }

    fn kronecker() -> OutputBlock<f64> {
        Kronecker {
            left: Box::new(Dense(filled(3, 3))),
            right: Box::new(Dense(filled(2, 2))),
        }
    }

    fn khatri_rao() -> OutputBlock<f64> {
        KhatriRao {
            left: filled(3, 4),
            right: filled(2, 4),
        }
    }

    fn written(block: OutputBlock<f64>, limit: u64) -> Items {
        let mut items = Items::new();
        let options = RunOptions {
            root_bytes: limit,
            ..RunOptions::default()
        };
        write_block("hess.h.W", block, (2, 3), &options, &mut items).expect("small");
        items
    }

    /// What comes back has the structure that was written, and the entries.
    #[test]
    fn what_is_written_is_read_back() {
        let nested = Sum(vec![
            Root(filled(6, 1)),
            Sum(vec![kronecker(), khatri_rao()]),
        ]);
        let as_they_are = [
            Dense(filled(6, 6)),
            Diagonal(filled(6, 1).column(0).into_owned()),
            kronecker(),
            Root(filled(6, 2)),
            khatri_rao(),
            nested,
        ];
        for block in as_they_are {
            // A Khatri-Rao product stays one only where its root is larger than the bound.
            let items = written(block.clone(), 100);
            assert_eq!(read_block(&items, "hess.h.W").expect("written"), block);
        }
        let otherwise = [
            Zero { rows: 6, cols: 6 },
            ScaledIdentity {
                size: 6,
                scale: 2.5,
            },
            khatri_rao(),
        ];
        for block in otherwise {
            let items = written(block.clone(), 1 << 20);
            let found = read_block(&items, "hess.h.W").expect("written");
            let entries = |block: &OutputBlock<f64>| block.to_dense(1 << 20).expect("small");
            assert_eq!(entries(&found), entries(&block));
        }
    }

    #[test]
    fn groups_of_rows_are_read_one_by_one() {
        let options = RunOptions {
            split: Some(2),
            ..RunOptions::default()
        };
        let mut items = Items::new();
        write_split("hess.h.W", kronecker(), (2, 3), &options, &mut items).expect("small");
        let refusal = read_block(&items, "hess.h.W").expect_err("two blocks");
        assert!(refusal.help().contains("`hess.h.W.rows.0`"), "{refusal}");
        let whole = kronecker().to_dense(1 << 20).expect("small");
        for k in 0..2 {
            let group = read_block(&items, &format!("hess.h.W.rows.{k}")).expect("written");
            let expected = DMatrix::from_fn(3, 3, |i, j| whole[(2 * i + k, 2 * j + k)]);
            assert_eq!(group.to_dense(1 << 20).expect("small"), expected);
        }
    }

    #[test]
    fn what_is_not_a_block_is_refused() {
        let refused = |items: &Items, name: &str, message: &str, help: &str| {
            let refusal = read_block(items, name).expect_err(message);
            assert!(refusal.message().contains(message), "{refusal}");
            assert!(refusal.help().contains(help), "{}", refusal.help());
        };
        let items = written(kronecker(), 100);
        refused(&items, "hess.h.V", "`hess.h.V`", "there are `hess.h.W`");
        refused(&Items::new(), "hess.h.W", "`hess.h.W`", "of a run");
        let with = |block, name: &str, item: Item| {
            let mut items = written(block, 100);
            items.insert(format!("hess.h.W.{name}"), item);
            items
        };
        let cases = [
            (
                with(kronecker(), "kron.1", "none".into()),
                "`hess.h.W.kron.1`",
            ),
            (
                with(kronecker(), "kron.1", Array::scalar(1.0).into()),
                "must be a matrix",
            ),
            (with(kronecker(), "structure", "cube".into()), "`cube`"),
            (
                with(kronecker(), "structure", Array::scalar(1.0).into()),
                "not a word",
            ),
            (with(kronecker(), "structure", "sum".into()), "no terms"),
            (
                with(
                    Diagonal(DVector::zeros(6)),
                    "diag",
                    Array::scalar(1.0).into(),
                ),
                "must be a vector",
            ),
            (
                with(
                    khatri_rao(),
                    "khatri-rao.1",
                    crate::network::blocks::matrix_array(&filled(2, 3)).into(),
                ),
                "4 and 3 columns",
            ),
        ];
        for (items, message) in cases {
            refused(&items, "hess.h.W", message, "");
        }
    }
}
