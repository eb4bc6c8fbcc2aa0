//! Solves with matrices that are not formed: by products with their parts, and by factors where those are not enough.

use hbp::backend::{Algebra, Element, ExecuteError, Executor, Faer, Nalgebra};
use hbp::expr::{Draw, Environment, Graph, Id, Matrix, evaluate, random_environment};
use hbp::kernel::{Kernel, MEMORY_LIMIT, Program, compile};
use nalgebra::DMatrix;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::{inputs, sized, universe};

const SIZES: (usize, usize, usize) = (200, 50, 3);

/// `(shift I + V)⁻¹ x` and `V x`, and the same with a, for a symmetric V.
struct Case {
    graph: Graph,
    /// V.
    matrix: Id,
    /// The right-hand sides, and what is asked.
    rights: [Id; 2],
    outputs: Vec<(String, Id)>,
}

fn case(text: &str, has_whole: bool) -> Case {
    let mut graph = universe::graph();
    let mut read = |text: &str| universe::read(&mut graph, text).unwrap();
    let system = format!("(add (scale s (eye $n)) {text})");
    let mut outputs = Vec::new();
    for right in ["x", "a"] {
        outputs.push(read(&format!("(mul (inv {system}) {right})")));
        outputs.push(read(&format!("(mul {text} {right})")));
    }
    let (matrix, rights) = (read(text), [read("x"), read("a")]);
    if has_whole {
        outputs.push(matrix);
    }
    let named = outputs.iter().enumerate();
    let outputs = named.map(|(k, id)| (format!("z{k}"), *id)).collect();
    Case {
        graph,
        matrix,
        rights,
        outputs,
    }
}

impl Case {
    fn program(&self) -> Program {
        let (n, m, q) = SIZES;
        compile(&self.graph, &self.outputs, &sized(n, m, q)).unwrap()
    }

    fn environment(&self, shift: f64) -> Environment<f64> {
        let (n, m, q) = SIZES;
        let mut environment =
            random_environment(&self.graph, &sized(n, m, q), 1, 5, Draw::Normal).unwrap();
        let shift = Matrix::from_fn(1, 1, |_, _| shift);
        environment.samples[0].insert("s".into(), shift);
        environment
    }

    /// The largest backward errors of solutions and of products, in units of rounding.
    fn errors<T: Element>(&self, environment: &Environment<f64>, found: &[Vec<T>]) -> (f64, f64) {
        let value = |id: Id| {
            let value = evaluate(&self.graph, id, environment).unwrap();
            DMatrix::from_fn(value.rows(), value.cols(), |i, j| value[(i, j)])
        };
        let matrix = value(self.matrix);
        let shift = environment.samples[0]["s"][(0, 0)];
        let system = &matrix + DMatrix::identity(matrix.nrows(), matrix.nrows()) * shift;
        let unit = T::default_epsilon().double();
        let (mut solved, mut multiplied) = (0.0f64, 0.0f64);
        for (right, found) in self.rights.iter().zip(found.chunks(2)) {
            let right = value(*right);
            let column =
                |data: &[T]| DMatrix::from_iterator(data.len(), 1, data.iter().map(|x| x.double()));
            let (solution, image) = (column(&found[0]), column(&found[1]));
            let off = (&system * &solution - &right).norm();
            solved = solved.max(off / (unit * (system.norm() * solution.norm() + right.norm())));
            let off = (&matrix * &right - image).norm();
            multiplied = multiplied.max(off / (unit * matrix.norm() * right.norm()));
        }
        (solved, multiplied)
    }
}

fn run<T: Element, A: Algebra<T> + Default + Send>(
    program: &Program,
    environment: &Environment<f64>,
) -> Result<Vec<Vec<T>>, ExecuteError> {
    let mut executor: Executor<'_, T, A> = Executor::with_algebra(program);
    executor.run(&inputs::<T>(environment))?;
    let outputs = executor.outputs();
    let dense = outputs.0.iter().map(|(_, block)| {
        let dense = block.to_dense(MEMORY_LIMIT).unwrap();
        dense.as_slice().to_vec()
    });
    Ok(dense.collect())
}

fn unformed(program: &Program) -> usize {
    let is_unformed = |kernel: &Kernel| matches!(kernel, Kernel::UnformedSolve { .. });
    let steps = program.steps.iter();
    steps.filter(|step| is_unformed(&step.kernel)).count()
}

/// A matrix of eigenvalues from about −2 to some hundred thousand.
const BLOCK: &str = "(add (diag x) (had (mul a (t a)) (sand M (mul M (mul P (t M))))))";

/// Damped well; so little that products do not end and Cholesky's factors are taken; not positive, so that it is LU's.
const SHIFTS: [f64; 3] = [1e6, 10.0, -1e3];

fn check<T: Element>(shift: f64) {
    let case = case(BLOCK, false);
    let program = case.program();
    assert_eq!(unformed(&program), 2, "{program}");
    let environment = case.environment(shift);
    let fast = run::<T, Faer<T>>(&program, &environment).unwrap();
    let plain = run::<T, Nalgebra>(&program, &environment).unwrap();
    for (name, found) in [("fast", fast), ("plain", plain)] {
        let (solved, multiplied) = case.errors(&environment, &found);
        assert!(solved < 200.0, "{name}, {shift}: {solved}");
        assert!(multiplied < 200.0, "{name}, {shift}: {multiplied}");
    }
}

#[test]
fn solutions_and_products_are_those_of_the_whole() {
    for shift in SHIFTS {
        check::<f64>(shift);
        check::<f32>(shift);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let program = case(BLOCK, false).program();
    for shift in SHIFTS {
        let environment = case(BLOCK, false).environment(shift);
        let results = [1, 2, 3].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool
                .unwrap()
                .install(|| run::<f32, Faer<f32>>(&program, &environment));
            let found = found.unwrap().concat();
            found.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
        });
        assert!(results.iter().all(|bits| *bits == results[0]), "{shift}");
    }
}

#[test]
fn a_singular_matrix_is_said() {
    let case = case("(mul a (t a))", false);
    let program = case.program();
    assert_eq!(unformed(&program), 2, "{program}");
    let mut environment = case.environment(0.0);
    let ones = Matrix::from_fn(200, 1, |_, _| 1.0);
    environment.samples[0].insert("a".into(), ones);
    for found in [
        run::<f64, Faer<f64>>(&program, &environment),
        run::<f64, Nalgebra>(&program, &environment),
    ] {
        let error = found.unwrap_err().to_string();
        let expected = "the 200 × 200 matrix inverted for `mul` is singular";
        assert_eq!(error, expected);
    }
}

/// Symmetric matrices of all kinds of parts.
fn symmetric() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("(diag x)".to_owned()),
        Just("(diag (vec (t x)))".to_owned()),
        Just("S".to_owned()),
        Just("(mul p (t p))".to_owned()),
        Just("(mul (t M) M)".to_owned()),
        Just("(mul (t (mul M P)) (mul M P))".to_owned()),
        Just("(mul Y (t Y))".to_owned()),
        Just("(sand M (diag b))".to_owned()),
        Just("(sand M (add (diag b) (mul v (t v))))".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(add {a} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(sub {a} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(had {a} {b})")),
            inner
                .clone()
                .prop_map(|a| format!("(had (mul a (t a)) {a})")),
            inner
                .clone()
                .prop_map(|a| format!("(mul (diag p) (mul {a} (diag p)))")),
            inner.clone().prop_map(|a| format!("(scale s {a})")),
            inner.clone().prop_map(|a| format!("(scale -3/2 {a})")),
            inner.prop_map(|a| format!("(t {a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_sums_are_what_they_are_formed(text in symmetric(), has_whole in any::<bool>(), shift in prop_oneof![Just(1e6), Just(20.0), Just(-1.0)]) {
        let case = case(&text, has_whole);
        let program = case.program();
        let environment = case.environment(shift);
        let found = run::<f64, Faer<f64>>(&program, &environment).unwrap();
        let (solved, multiplied) = case.errors(&environment, &found);
        prop_assert!(solved < 1e3 && multiplied < 1e3, "{text}, {shift}: {solved}, {multiplied}\n{program}");
    }
}
