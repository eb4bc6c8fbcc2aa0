//! Numbers: the compiled equations of a gated unit at one point.

#![allow(clippy::print_stdout, reason = "an example prints")]
use hbp::data::{Array, Item};
use hbp::expr::Matrix;
use hbp::network::{RunOptions, run_file};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file =
        hbp::language::parse("gated.hbp", include_str!("gated.hbp")).map_err(|e| e.to_string())?;
    let (m, n) = (2, 3);
    let wave = |rows, cols, shift: f64| {
        Matrix::from_fn(rows, cols, move |i, j| {
            (shift + i as f64 + 2.0 * j as f64).sin()
        })
    };
    let vector = |matrix: &Matrix<f64>| {
        Item::Array(Array {
            shape: vec![matrix.rows()],
            ..Array::from_matrix(matrix)
        })
    };
    let matrix = |matrix: &Matrix<f64>| Item::Array(Array::from_matrix(matrix));
    let items = [
        ("x", vector(&wave(n, 1, 0.1))),
        ("U", matrix(&wave(m, n, 0.2))),
        ("V", matrix(&wave(m, n, 0.3))),
        ("c", vector(&wave(m, 1, 0.4))),
        ("grad.z", vector(&wave(m, 1, 0.5))),
        ("hess.z", matrix(&Matrix::identity(m))),
    ];
    let items = items.map(|(name, item)| (name.to_owned(), item)).into();
    let results = run_file(&file, &items, &RunOptions::default())?;
    for (name, item) in &results {
        match item {
            Item::Array(array) => println!("{name}: {:?} {:.4?}", array.shape, array.values),
            Item::Text(text) => println!("{name}: {text}"),
        }
    }
    Ok(())
}
