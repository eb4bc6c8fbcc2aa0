//! Blocks by groups of rows: parts of the whole blocks of the same run.

use hbp::data::Item;
use hbp::network::{Batch, Items, RunOptions, Vectorisation, run_file};
use nalgebra::DMatrix;

use crate::tools::{arrays, by_rows, case, dense, given, matrix, rebuilt};

const FOLDER: &str = "networks";

fn run(options: &RunOptions) -> Items {
    run_file(
        &case(FOLDER, "small"),
        &arrays(FOLDER, "small", "in.npz"),
        options,
    )
    .unwrap()
}

/// Rows and columns of the group, in the order of stacked columns.
fn part(
    whole: &DMatrix<f64>,
    (m, n): (usize, usize),
    rows: std::ops::Range<usize>,
) -> DMatrix<f64> {
    let places: Vec<usize> = (0..n)
        .flat_map(|j| rows.clone().map(move |i| j * m + i))
        .collect();
    whole.select_rows(&places).select_columns(&places)
}

#[test]
fn groups_of_rows_are_parts_of_the_block() {
    for batch in [Batch::Exact, Batch::AverageHessian, Batch::AverageJacobian] {
        let whole = run(&RunOptions { batch, ..dense() });
        for vectorisation in [Vectorisation::Column, Vectorisation::Row] {
            for dense in [false, true] {
                let options = RunOptions {
                    batch,
                    vectorisation,
                    dense,
                    split: Some(2),
                    ..RunOptions::default()
                };
                let split = run(&options);
                let names = whole.keys().filter_map(|name| name.strip_prefix("hess."));
                for name in names {
                    let gradient = matrix(whole[&format!("grad.{name}")].array().unwrap());
                    let (m, n) = gradient.shape();
                    let key = format!("hess.{name}");
                    assert_eq!(
                        split[&format!("{key}.structure")],
                        Item::Text("rows".into())
                    );
                    let block = matrix(whole[&key].array().unwrap());
                    let half = m.div_ceil(2);
                    for (k, rows) in [0..half, half..m].into_iter().enumerate() {
                        let found = rebuilt(&split, &format!("{key}.rows.{k}"));
                        let mut expected = part(&block, (m, n), rows.clone());
                        if vectorisation == Vectorisation::Row {
                            expected = by_rows(&expected, (rows.len(), n));
                        }
                        let difference = (&found - &expected).norm();
                        assert!(difference <= 1e-12 * (1.0 + expected.norm()), "{key} {k}");
                    }
                    assert!(!split.contains_key(&format!("{key}.rows.2")));
                }
            }
        }
    }
}

#[test]
fn averaged_blocks_keep_their_factors() {
    let options = RunOptions {
        batch: Batch::AverageHessian,
        split: Some(2),
        ..RunOptions::default()
    };
    let split = run(&options);
    let kept = split.iter().filter(|(name, item)| {
        name.ends_with(".rows.1.structure") && **item == Item::Text("kronecker".into())
    });
    assert!(kept.count() > 0, "{:?}", split.keys());
}

#[test]
fn what_cannot_be_split_is_refused() {
    let options = RunOptions {
        split: Some(50),
        ..RunOptions::default()
    };
    let refused = run_file(
        &case(FOLDER, "small"),
        &arrays(FOLDER, "small", "in.npz"),
        &options,
    );
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("rows cannot be split into 50 parts"),
        "{message}"
    );
    let module = hbp::parse("m.hbp", "module m(x: R) -> z: R { z = x * x }").unwrap();
    let items = given(&[
        ("x", &[], &[1.0]),
        ("grad.z", &[], &[1.0]),
        ("hess.z", &[], &[0.0]),
    ]);
    let message = run_file(&module, &items, &options).unwrap_err().to_string();
    assert_eq!(
        message,
        "blocks are split by rows in networks only, and this is a module"
    );
}
