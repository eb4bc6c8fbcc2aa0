//! Forms for all samples, each against the same expression at every sample. Why one by one: a network reaches only those that
//! its modules need.

use hbp::expr::{Draw, Environment, Matrix, Name, Sizes, evaluate, random_environment};
use hbp::hbp::{Batched, Over, batched, columns_of};

use super::support::module;

const SAMPLES: usize = 4;

/// x, y: columns of every sample; u, v and s too, of other sizes; W, A, B, c: the same for all.
const NAMES: [&str; 9] = [
    "x: n", "y: n", "u: m", "s:", "W*: m n", "A*: n n", "S*: n n", "c*: n", "t*:",
];

/// One value for each sample, and the values of a batched form.
type Both = (Vec<Matrix<f64>>, Vec<Matrix<f64>>);

/// The values of one expression for all samples, and what its batched form gives; nothing where it has none.
fn both(text: &str, over: Over) -> Option<Both> {
    let mut module = module(&NAMES, &[], text);
    let root = module.output.1;
    let inputs = module.inputs.clone();
    let sizes = Sizes::from([("n".into(), 3), ("m".into(), 2), ("B".into(), SAMPLES)]);
    let all = random_environment(&module.graph, &sizes, SAMPLES, 7, Draw::Normal).unwrap();
    let samples: Vec<Environment<f64>> = (all.samples.iter())
        .map(|sample| Environment {
            samples: vec![sample.clone()],
            ..all.clone()
        })
        .collect();
    let forms = batched(&mut module.graph, &[(root, over)], &inputs, &"B".into()).unwrap();
    let each: Vec<Matrix<f64>> = (samples.iter())
        .map(|sample| evaluate(&module.graph, root, sample).unwrap())
        .collect();
    let mut beside = samples[0].clone();
    for name in &inputs {
        let columns: Vec<&Matrix<f64>> = samples.iter().map(|s| s.get(name).unwrap()).collect();
        let side = Matrix::from_fn(columns[0].rows(), SAMPLES, |i, j| columns[j][(i, 0)]);
        beside.set(columns_of(name), &side);
    }
    let value = |id| evaluate(&module.graph, id, &beside).unwrap();
    let found = match forms[0]? {
        Batched::Value(id) => vec![value(id)],
        Batched::Factors(u, v) => vec![value(u), value(v)],
    };
    Some((each, found))
}

fn close(what: &str, found: &Matrix<f64>, expected: &Matrix<f64>) {
    let shapes = [found, expected].map(|m| (m.rows(), m.cols()));
    assert_eq!(shapes[0], shapes[1], "{what}");
    for (a, b) in found.values().iter().zip(expected.values()) {
        assert!(
            (a - b).abs() < 1e-12 * (1.0 + b.abs()),
            "{what}: {a} is not {b}"
        );
    }
}

/// Every form of a column.
#[test]
fn columns_stand_side_by_side() {
    for text in [
        "x",
        "c",
        "(add x y c)",
        "(scale s x)",
        "(scale t x)",
        "(scale s c)",
        "(had x y)",
        "(had c x)",
        "(had x c)",
        "(pow x 2)",
        "(pow (had x x) y)",
        "(softmax x)",
        "(sum x)",
        "(mean x)",
        "(mul W x)",
        "(mul (t W) u)",
        "(mul (t x) (mul A y))",
        "(mul (diag x) y)",
        "(mul (t (mul (diag x) A)) y)",
        "(mul (mul x (t u)) (mul W y))",
        "(mul (t (mul x (t u))) y)",
        "(mul (scale s A) x)",
        "(mul (add A (diag x)) y)",
        "(mul (had A (mul x (t y))) c)",
        "(mul (had A (mul x (t y))) y)",
        "(mul (t (had A (mul x (t y)))) c)",
        "(mul (had (mul x (t y)) A) x)",
        "(mul (sand (mul A (diag x)) S) y)",
        "(tr (mul x (t y)))",
        "(diagvec (mul x (t y)))",
        "(sum (mul x (t u)))",
        "(t (mul (t x) A))",
        "(sand x (mul (t A) A))",
        "(logsumexp x)",
        "(norm2 (add x y))",
    ] {
        let (each, found) =
            both(text, Over::Columns).unwrap_or_else(|| panic!("{text} has no form"));
        let expected = Matrix::from_fn(each[0].rows(), SAMPLES, |i, j| each[j][(i, 0)]);
        close(text, &found[0], &expected);
    }
}

/// Every form of a mean.
#[test]
fn means_are_means() {
    for text in [
        "x",
        "(t x)",
        "s",
        "A",
        "(mul x (t y))",
        "(mul x (t u))",
        "(scale s (mul x (t u)))",
        "(scale s (diag x))",
        "(scale s (add A (diag x)))",
        "(scale s (mul A (diag x)))",
        "(scale s (sand A (diag x)))",
        "(mul A (mul x (t y)))",
        "(mul (mul x (t y)) A)",
        "(mul (mul A x) (t (mul W y)))",
        "(had A (mul x (t y)))",
        "(had (mul x (t y)) (mul y (t x)))",
        "(had (add A (diag x)) (mul y (t x)))",
        "(had (had A (mul x (t y))) (mul y (t c)))",
        "(had (scale s A) (mul x (t y)))",
        "(mul (diag x) (mul A (diag y)))",
        "(mul (mul (diag x) A) (diag y))",
        "(mul (diag x) (diag y))",
        "(mul (add A (diag x)) (mul y (t c)))",
        "(sand (diag x) S)",
        "(sand (mul (diag x) A) S)",
        "(sand A (diag x))",
        "(sand (add (diag x) (scale -1 (mul x (t x)))) S)",
        "(sand (add A (diag x)) S)",
        "(sand (add (mul (diag x) A) (mul (diag y) S)) S)",
        "(sand (add (mul (diag x) A) (mul y (t x)) A) S)",
        "(sand (add (scale s (diag x)) (mul A (mul y (t c)))) S)",
        "(sand (add (mul A (diag x)) (diag y)) S)",
        "(sand (add (mul A (mul (diag x) S)) (mul (diag y) A)) S)",
        "(scale s (sand (diag x) S))",
        "(scale s (sand (add A (mul x (t y))) S))",
        "(scale s (sand (add (diag x) (mul (diag y) A)) S))",
        "(kron A (mul x (t x)))",
        "(kron (mul x (t x)) A)",
        "(vec (mul x (t u)))",
        "(diagvec (had A (mul x (t y))))",
        "(tr (had A (mul x (t y))))",
    ] {
        let (each, found) = both(text, Over::Mean).unwrap_or_else(|| panic!("{text} has no form"));
        let sum = each
            .iter()
            .skip(1)
            .fold(each[0].clone(), |sum, m| sum.plus(m).unwrap());
        close(text, &found[0], &sum.scaled(1.0 / SAMPLES as f64));
    }
}

/// Matrices of rank one by their columns.
#[test]
fn factors_multiply_to_every_sample() {
    for text in [
        "(mul x (t u))",
        "(t (mul x (t u)))",
        "(scale s (mul x (t u)))",
        "(mul A (mul x (t u)))",
        "(mul (mul x (t u)) W)",
        "(had (mul x (t y)) (mul y (t c)))",
        "(mul (diag y) (mul x (t u)))",
    ] {
        let (each, found) =
            both(text, Over::Factors).unwrap_or_else(|| panic!("{text} has no form"));
        for (k, expected) in each.iter().enumerate() {
            let outer = |i, j| found[0][(i, k)] * found[1][(j, k)];
            let product = Matrix::from_fn(expected.rows(), expected.cols(), outer);
            close(text, &product, expected);
        }
    }
}

/// What has no form says so: it is computed sample by sample.
#[test]
fn what_has_no_form_is_left_alone() {
    let names: [(&str, Over); 3] = [
        ("(mul (inv (diag x)) y)", Over::Columns),
        ("(kron (mul x (t x)) (mul y (t y)))", Over::Mean),
        ("(add A (mul x (t y)))", Over::Factors),
    ];
    for (text, over) in names {
        let found: Option<Vec<Name>> = both(text, over).map(|_| Vec::new());
        assert!(found.is_none(), "{text}");
    }
}
