//! Equations of matrices that have no solution, or hardly one: said, never hidden in a number.

use hbp::backend::{Element, ExecuteError, Executor, Inputs, OutputBlock, execute};
use hbp::kernel::{MEMORY_LIMIT, compile};
use nalgebra::DMatrix;

use super::{sized, universe};

fn run<T: Element>(text: &str, arrays: &[(&str, DMatrix<T>)]) -> Result<DMatrix<T>, ExecuteError> {
    let mut graph = universe::graph();
    let id = universe::read(&mut graph, text).unwrap();
    let n = arrays[0].1.nrows();
    let program = compile(&graph, &[("z".into(), id)], &sized(n, 4, 2)).unwrap();
    let inputs: Inputs<T> = (arrays.iter())
        .map(|(name, array)| ((*name).into(), array.clone()))
        .collect();
    let outputs = execute(&program, &inputs)?;
    let block: &OutputBlock<T> = outputs.get("z").unwrap();
    Ok(block.to_dense(MEMORY_LIMIT).unwrap())
}

fn scalar<T: Element>(value: f64) -> DMatrix<T> {
    DMatrix::from_element(1, 1, T::number(value))
}

/// An orthogonal matrix.
fn reflection<T: Element>(n: usize) -> DMatrix<T> {
    let v = DMatrix::<T>::from_fn(n, 1, |i, _| T::number(1.0 + i as f64));
    let square = v.norm_squared();
    DMatrix::identity(n, n) - (&v * v.transpose()) * (T::number(2.0) / square)
}

/// Q diag(values) Q'
fn with_eigenvalues<T: Element>(values: &[f64]) -> DMatrix<T> {
    let q = reflection::<T>(values.len());
    let diagonal = DMatrix::from_fn(values.len(), values.len(), |i, j| {
        T::number(if i == j { values[i] } else { 0.0 })
    });
    &q * diagonal * q.transpose()
}

fn singular_equations<T: Element>() {
    let right = || DMatrix::<T>::from_fn(4, 4, |i, j| T::number((i + 2 * j) as f64 - 3.0));
    // (S, P, s): α = 1/2 meets −1/2, or α = 0 a factor that is singular.
    let cases: [(&str, &[f64], &[f64], f64); 3] = [
        (
            "(stein 1/2 s S P A)",
            &[1.0, 2.0, -3.0, 0.5],
            &[0.25, 1.0, 2.0, 4.0],
            2.0 / 3.0,
        ),
        (
            "(stein 0 s S P A)",
            &[1.0, 2.0, 0.0, 0.5],
            &[0.25, 1.0, 2.0, 4.0],
            1.0,
        ),
        (
            "(stein 0 s S P A)",
            &[1.0, 2.0, 3.0, 0.5],
            &[0.0, 1.0, 2.0, 4.0],
            1.0,
        ),
    ];
    for (text, left, of_right, beta) in cases {
        let (s, p) = (with_eigenvalues(left), with_eigenvalues(of_right));
        let arrays = [("A", right()), ("S", s), ("P", p), ("s", scalar(beta))];
        let error = run::<T>(text, &arrays).unwrap_err();
        let expected = "the 16 × 16 matrix inverted for `stein` is singular";
        assert_eq!(
            error.to_string(),
            expected,
            "{text} with {left:?}, {of_right:?}"
        );
    }
}

#[test]
fn singular_equations_are_refused_in_either_precision() {
    singular_equations::<f64>();
    singular_equations::<f32>();
}

/// Semidefinite factors, of whose eigenvalues some are rounding, and a small α: no reason to refuse.
#[test]
fn semidefinite_factors_are_solved_in_single_precision() {
    fn solution<T: Element>() -> DMatrix<T> {
        let wave = |x: usize| T::number((x as f64).sin() * 10.0);
        let v = DMatrix::<T>::from_fn(40, 2, |i, j| wave(i * (j + 2)));
        let gram = &v * v.transpose();
        let right = DMatrix::<T>::from_fn(40, 40, |i, j| wave(i + 3 * j));
        let arrays = [
            ("A", right),
            ("S", gram.clone()),
            ("P", gram),
            ("s", scalar(0.98)),
        ];
        run("(stein 1/50 s S P A)", &arrays).unwrap()
    }
    let (single, double) = (solution::<f32>(), solution::<f64>());
    let off = (double.clone() - single.map(f64::from)).norm();
    assert!(off < 1e-4 * double.norm(), "{off:e} of {:e}", double.norm());
}

#[test]
fn what_is_not_finite_comes_out_as_nan() {
    for text in [
        "(stein 1/2 1/3 S P A)",
        "(cg 1/2 1/3 S P A 0 3)",
        "(cg-gram 1/2 1/3 S P A 0 3)",
    ] {
        let mut bad = with_eigenvalues::<f64>(&[1.0, 2.0, 3.0]);
        bad[(1, 1)] = f64::NAN;
        let right = DMatrix::from_element(3, 3, 1.0);
        let arrays = [
            ("A", right),
            ("S", bad),
            ("P", DMatrix::identity(3, 3) * 2.0),
        ];
        let found = run(text, &arrays).unwrap();
        assert!(found.iter().all(|entry| entry.is_nan()), "{text}: {found}");
    }
}

/// Single precision squares of such gradients vanish; the iteration must see them.
#[test]
fn small_gradients_are_no_zeros() {
    let right = DMatrix::<f32>::from_element(3, 3, 1e-30);
    let p = with_eigenvalues::<f32>(&[1.0, 2.0, 3.0]);
    let arrays = [("A", right.clone()), ("S", p.clone()), ("P", p)];
    let found = run("(cg 1/2 1/3 S P A 0 9)", &arrays).unwrap();
    let exact = run("(stein 1/2 1/3 S P A)", &arrays).unwrap();
    assert!(
        (&found - &exact).norm() <= 1e-4 * exact.norm(),
        "{found} {exact}"
    );
}

/// The scratch memory is there before the first run, and the second run finds what the first one found.
#[test]
fn scratch_memory_is_planned() {
    let mut graph = universe::graph();
    let outputs = ["(stein 1/2 1/3 S P A)", "(cg 1/2 1/3 P P A 0 3)"];
    let outputs: Vec<_> = (outputs.iter().enumerate())
        .map(|(k, text)| (format!("z{k}"), universe::read(&mut graph, text).unwrap()))
        .collect();
    let program = compile(&graph, &outputs, &sized(5, 4, 2)).unwrap();
    // Five arrays of the iteration, more than both bases with their values and one array.
    assert_eq!(program.workspace(), 5 * 25);
    let buffers: usize = program.buffers.iter().sum();
    assert_eq!(
        program.arena_bytes(8),
        8 * (buffers + program.workspace()) as u64
    );
    let text = program.to_string();
    assert!(text.contains("through eigenbases"), "{text}");
    assert!(
        text.contains("by at most 3 conjugate gradients, to 0"),
        "{text}"
    );
    let array = |shift: usize| DMatrix::<f64>::from_fn(5, 5, |i, j| ((i * j + shift) as f64).sin());
    let symmetric = with_eigenvalues::<f64>(&[1.0, 2.0, 3.0, 0.5, 4.0]);
    let inputs = Inputs::from([
        ("A".into(), array(1)),
        ("S".into(), symmetric.clone()),
        ("P".into(), symmetric),
    ]);
    let mut executor = Executor::new(&program);
    executor.run(&inputs).unwrap();
    let first = executor.outputs();
    executor.run(&inputs).unwrap();
    assert_eq!(first, executor.outputs());
}
