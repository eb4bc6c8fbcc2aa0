//! What the tests of this floor share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hbp::data::{Array, Item, read_npz};
use hbp::language::{File, parse};
use hbp::network::{DerivationCache, Items, RunOptions};
use nalgebra::DMatrix;

pub(crate) fn cases(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(folder)
}

/// The file `name.hbp` of a case.
pub(crate) fn case(folder: &str, name: &str) -> File {
    let path = cases(folder).join(name).join(format!("{name}.hbp"));
    file(&std::fs::read_to_string(path).unwrap())
}

pub(crate) fn file(text: &str) -> File {
    parse("test.hbp", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

pub(crate) fn arrays(folder: &str, name: &str, archive: &str) -> Items {
    read_npz(&cases(folder).join(name).join(archive)).unwrap()
}

/// Defaults, with one memory of derived modules for all tests: most of them are of the same few modules.
pub(crate) fn options() -> RunOptions {
    static KNOWN: OnceLock<DerivationCache> = OnceLock::new();
    RunOptions {
        cache: KNOWN.get_or_init(DerivationCache::default).clone(),
        ..RunOptions::default()
    }
}

pub(crate) fn dense() -> RunOptions {
    RunOptions {
        dense: true,
        ..options()
    }
}

pub(crate) fn array(items: &Items, name: &str) -> Array {
    let item = items
        .get(name)
        .unwrap_or_else(|| panic!("there is no `{name}`"));
    item.array()
        .unwrap_or_else(|| panic!("`{name}` is text"))
        .clone()
}

pub(crate) fn given(pairs: &[(&str, &[usize], &[f64])]) -> Items {
    let item = |shape: &[usize], values: &[f64]| {
        Item::Array(Array::new(shape.to_vec(), values.to_vec()).unwrap())
    };
    pairs
        .iter()
        .map(|(name, shape, values)| ((*name).to_owned(), item(shape, values)))
        .collect()
}

pub(crate) fn matrix(array: &Array) -> DMatrix<f64> {
    let (rows, cols) = match array.shape.as_slice() {
        [] => (1, 1),
        [n] => (*n, 1),
        [rows, cols] => (*rows, *cols),
        other => panic!("{other:?} is no matrix"),
    };
    DMatrix::from_row_slice(rows, cols, &array.values)
}

/// Same shape, and entries equal to `tolerance` relative to the largest.
pub(crate) fn agree(what: &str, found: &Array, expected: &Array, tolerance: f64) {
    assert_eq!(found.shape, expected.shape, "{what}");
    let top = expected
        .values
        .iter()
        .fold(0.0f64, |top, v| top.max(v.abs()));
    for (a, b) in found.values.iter().zip(&expected.values) {
        let close = (a - b).abs() <= tolerance * top.max(1e-300);
        assert!(
            close,
            "{what}: {a} is not {b}\nfound {found:?}\nexpected {expected:?}"
        );
    }
}

/// The same arrays under the same names.
pub(crate) fn agree_all(found: &Items, expected: &Items, tolerance: f64) {
    let mut names: (Vec<&String>, Vec<&String>) =
        (found.keys().collect(), expected.keys().collect());
    names.0.sort();
    names.1.sort();
    assert_eq!(names.0, names.1);
    for name in names.0 {
        agree(name, &array(found, name), &array(expected, name), tolerance);
    }
}

/// A block put together from what was written of it.
pub(crate) fn rebuilt(items: &Items, name: &str) -> DMatrix<f64> {
    let part = |suffix: &str| matrix(&array(items, &format!("{name}{suffix}")));
    let Some(Item::Text(structure)) = items.get(&format!("{name}.structure")) else {
        return part("");
    };
    match structure.as_str() {
        "diagonal" => DMatrix::from_diagonal(&part(".diag").column(0).into_owned()),
        "kronecker" => part(".kron.0").kronecker(&part(".kron.1")),
        "root" => part(".root") * part(".root").transpose(),
        "sum" => {
            let is_term = |k: &usize| {
                let term = format!("{name}.sum.{k}");
                items
                    .keys()
                    .any(|known| *known == term || known.starts_with(&format!("{term}.")))
            };
            let terms = (0..)
                .take_while(is_term)
                .map(|k| rebuilt(items, &format!("{name}.sum.{k}")));
            terms.reduce(|a, b| a + b).expect("a sum has terms")
        }
        other => panic!("`{other}` is no structure"),
    }
}

/// A block with rows and columns in the row-major order of its variable.
pub(crate) fn by_rows(block: &DMatrix<f64>, (m, n): (usize, usize)) -> DMatrix<f64> {
    let old = |new: usize| (new / n) + (new % n) * m;
    DMatrix::from_fn(m * n, m * n, |i, j| block[(old(i), old(j))])
}
