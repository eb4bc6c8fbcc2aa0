//! Conventions, algebra, samples, and refusals of the evaluator.

use hbp::expr::{
    Dimension, Draw, Environment, EvaluateError, Facts, FunctionDefinition, Graph, Matrix, Op,
    Role, Scalar, Shape, Variable, evaluate, finite_jacobian, random_environment, random_matrix,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::universe::{environment, graph, read, rows, sizes, value};

fn check(left: &str, right: &str) {
    let env = environment(&graph(), 1);
    let distance = value(left, &env)
        .unwrap()
        .distance(&value(right, &env).unwrap());
    assert!(distance < 1e-10, "{left} and {right} differ by {distance}");
}

#[test]
fn known_algebra_holds() {
    check("(mul (kron A B) (kron X S))", "(kron (mul A X) (mul B S))");
    check("(inv (kron A B))", "(kron (inv A) (inv B))");
    check("(det (kron A P))", "(had (pow (det A) 3) (pow (det P) 3))");
    check("(tr (kron A B))", "(scale (tr A) (tr B))");
    check("(diagvec (kron A B))", "(kron (diagvec A) (diagvec B))");
    check(
        "(tr (mul A (mul B (mul X S))))",
        "(mul (t (vec (t S))) (mul (kron (t X) A) (vec B)))",
    );
    check("(mul (diag x) (mul A (diag a)))", "(had A (mul x (t a)))");
    check(
        "(mul (t x) (mul (had A B) a))",
        "(tr (mul (diag x) (mul A (mul (diag a) (t B)))))",
    );
    check("(mul (kron (t G) M) (vec Y))", "(vec (mul M (mul Y G)))");
    check(
        "(inv (add P (mul Y (mul G P))))",
        "(sub (inv P) (mul (inv P) (mul Y (mul (inv (add (eye $q) (mul (mul G P) (mul (inv P) Y)))) (mul (mul G P) (inv P))))))",
    );
    check("(mul (commutation $n $q) (vec Y))", "(vec (t Y))");
    check(
        "(sand M (mul M (t M)))",
        "(mul (t M) (mul (mul M (t M)) M))",
    );
    check("(logdet A)", "(apply log (apply abs (det A)))");
    check("(mean M)", "(scale 1/12 (sum M))");
    check("(norm2 A)", "(pow (tr (mul (t A) A)) 1/2)");
    check("(sum (softmax Y))", "2");
    check("(logsumexp Y)", "(apply log (sum (apply exp Y)))");
    check("(mul (eigabs S) (eigabs S))", "(mul S S)");
    check("(scale 2 (eigclip S))", "(add S (eigabs S))");
    check("(eigabs P)", "P");
    check("(scale $n (eye $n))", "(scale 3 (eye $n))");
    check("(reshape (vec Y) $q $n)", "(reshape Y $q $n)");
    check("(ones $n $1)", "(add (zeros $n $1) (pow x 0))");
}

#[test]
fn conventions_are_those_of_the_contract() {
    let a = rows(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]);
    assert_eq!(a.values(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let k = Matrix::commutation(2, 3);
    let vec = Matrix::vector(a.values().to_vec());
    assert_eq!(k.times(&vec).unwrap().values(), a.transpose().values());
    let kron = rows(&[&[1.0, 2.0]]).kron(&Matrix::vector(vec![1.0, 10.0]));
    assert_eq!(kron, rows(&[&[1.0, 2.0], &[10.0, 20.0]]));
    let mut env = environment(&graph(), 1);
    env.set("x", &Matrix::vector(vec![-3.0, 0.0, 2.0]));
    assert_eq!(
        value("(pow x 3)", &env).unwrap().values(),
        [-27.0, 0.0, 8.0]
    );
    assert_eq!(
        value("(apply relu' x)", &env).unwrap().values(),
        [0.0, 0.0, 1.0]
    );
    let turned = [&[0.0, 2.0, 0.0][..], &[0.0, 0.0, 3.0], &[5.0, 0.0, 0.0]];
    env.set("X", &rows(&turned));
    assert_eq!(value("(det X)", &env).unwrap().values(), [30.0]);
    env.set("X", &rows(&[turned[1], turned[0], turned[2]]));
    assert_eq!(value("(det X)", &env).unwrap().values(), [-30.0]);
    assert_eq!(
        value("(J (pow x 2) x)", &env).unwrap(),
        Matrix::vector(vec![-6.0, 0.0, 4.0]).diag()
    );
    assert_eq!(value("(J (pow x 1) x)", &env).unwrap(), Matrix::identity(3));
}

proptest! {
    #[test]
    fn vec_kron_and_commutation_agree(m in 1_usize..5, n in 1_usize..5, p in 1_usize..5, q in 1_usize..5, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (a, x, b) = (random_matrix(m, n, &mut rng), random_matrix(n, p, &mut rng), random_matrix(q, p, &mut rng));
        let vec = |m: &Matrix<f64>| m.reshaped(m.rows() * m.cols(), 1).unwrap();
        // (B ⊗ A) vec X = vec(A X B')
        let image = a.times(&x).unwrap().times(&b.transpose()).unwrap();
        prop_assert!(b.kron(&a).times(&vec(&x)).unwrap().distance(&vec(&image)) < 1e-12);
        // K_mq (B ⊗ A) = (A ⊗ B) K_np
        let left = Matrix::commutation(m, q).times(&b.kron(&a)).unwrap();
        prop_assert_eq!(left, a.kron(&b).times(&Matrix::commutation(n, p)).unwrap());
    }
}

#[test]
fn expectations_are_means_over_samples() {
    let graph = graph();
    let mut env = environment(&graph, 3);
    let outer = |x: &Matrix<f64>| x.times(&x.transpose()).unwrap();
    let xs: Vec<Matrix<f64>> = env
        .samples
        .iter()
        .map(|sample| sample["x"].clone())
        .collect();
    assert!(xs[0] != xs[1], "inputs differ from sample to sample");
    assert_eq!(
        env.samples[0]["U"], env.samples[2]["U"],
        "parameters do not"
    );
    let mean = outer(&xs[0])
        .plus(&outer(&xs[1]))
        .unwrap()
        .plus(&outer(&xs[2]))
        .unwrap()
        .scaled(1.0 / 3.0);
    assert!(value("(E (mul x (t x)))", &env).unwrap().distance(&mean) < 1e-14);
    env.sample = 2;
    assert!(
        value("(mul x (t x))", &env)
            .unwrap()
            .distance(&outer(&xs[2]))
            < 1e-14
    );
    // The derivative by a parameter goes under the mean.
    let left = value("(J (E (apply phi (mul U x))) U)", &env).unwrap();
    let right = value("(E (J (apply phi (mul U x)) U))", &env).unwrap();
    assert!(left.distance(&right) < 1e-13);
    let mut graph = graph;
    let mean = read(&mut graph, "(E (apply phi (mul U x)))").unwrap();
    let by_finite = finite_jacobian(&graph, mean, "U", &env).unwrap();
    assert!(left.distance(&by_finite) < 1e-9);
    // Not multiplicative, and the samples show it.
    let left = value("(E (kron (mul x (t x)) (mul a (t a))))", &env).unwrap();
    let right = value("(kron (E (mul x (t x))) (E (mul a (t a))))", &env).unwrap();
    assert!(left.distance(&right) > 1e-3);
}

#[test]
fn operators_nest() {
    let env = environment(&graph(), 1);
    let pairs = [
        // J (J …) of a scalar function is its Hessian.
        ("(J (J (mul (t x) (mul A x)) x) x)", "(add A (t A))"),
        // A gradient that depends on the variable counts under the outer operator, not under the inner.
        ("(J (V (mul A x) x x) x)", "(t A)"),
        (
            "(J (V (apply phi x) (mul B x) x) x)",
            "(add (diag (had (apply phi'' x) (mul B x))) (mul (diag (apply phi' x)) B))",
        ),
        // Three levels.
        ("(J (J (J (sum (pow x 3)) x) x) a)", "(zeros $n*n $n)"),
        ("(sum (J (J (J (sum (pow x 3)) x) x) x))", "18"),
    ];
    for (left, right) in pairs {
        let distance = value(left, &env)
            .unwrap()
            .distance(&value(right, &env).unwrap());
        assert!(distance < 1e-11, "{left} and {right} differ by {distance}");
    }
}

#[test]
fn extreme_values_neither_overflow_nor_hide() {
    let mut env = environment(&graph(), 1);
    for big in [1e3, -1e3, 1e308, -1e308] {
        env.set("x", &Matrix::vector(vec![big, big, big]));
        let p = value("(softmax x)", &env).unwrap();
        assert!(
            p.distance(&Matrix::filled(3, 1, 1.0 / 3.0)) < 1e-15,
            "softmax of {big}"
        );
        let log = value("(logsumexp x)", &env).unwrap();
        assert!(
            log.distance(&Matrix::scalar(big + 3.0_f64.ln())) < 1e-15,
            "logsumexp of {big}"
        );
        let (norm, expected) = (
            value("(norm2 x)", &env).unwrap(),
            big.abs() * 3.0_f64.sqrt(),
        );
        assert!(
            norm.distance(&Matrix::scalar(expected)) < 1e-15,
            "norm of {big}"
        );
    }
    env.set("Z", &Matrix::vector(vec![1e200, 1e200, 1e200]).diag());
    let log = value("(logdet Z)", &env).unwrap();
    assert!(log.distance(&Matrix::scalar(600.0 * 10.0_f64.ln())) < 1e-15);
    for text in [
        "(softmax x)",
        "(logsumexp x)",
        "(norm2 x)",
        "(mul A x)",
        "(eigabs (mul x (t x)))",
        "(inv (diag x))",
    ] {
        env.set("x", &Matrix::vector(vec![1.0, f64::NAN, 2.0]));
        let values = value(text, &env).unwrap();
        assert!(
            values.values().iter().any(|v| v.is_nan()),
            "{text} swallows NaN"
        );
    }
    env.set("x", &Matrix::vector(vec![0.0, 0.0, 0.0]));
    // Where the rank is lower the determinant is still differentiated rightly: by its cofactors.
    env.set(
        "X",
        &rows(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 0.0]]),
    );
    let cofactors = Matrix::vector(vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).transpose();
    assert_eq!(value("(J (det X) X)", &env).unwrap(), cofactors);
    assert!(value("(logdet X)", &env).unwrap().values()[0] < f64::MIN);
}

/// What the evaluator says of a text that has no value.
fn refusal(text: &str, env: &Environment<f64>) -> String {
    let mut graph = graph();
    let argument = graph.variable("fn.t").unwrap();
    let call = graph.function("loop", 0);
    let body = graph.node(Op::Apply, &[call, argument]).unwrap();
    let argument = "fn.t".into();
    graph.define("loop", FunctionDefinition::Defined { argument, body });
    let id = read(&mut graph, text).unwrap();
    evaluate(&graph, id, env).unwrap_err().to_string()
}

#[test]
fn what_has_no_value_is_refused_with_its_reason() {
    let env = environment(&graph(), 1);
    let refused = [
        ("(inv (zeros $n $n))", "a singular matrix has no inverse"),
        ("(eye $k)", "the size of `R[k, k]` is not known"),
        (
            "(apply loop x)",
            "the elementwise function `loop` is defined by itself",
        ),
        (
            "(apply psi x)",
            "the elementwise function `psi` has no definition",
        ),
        ("(eigabs A)", "`eigabs` takes a symmetric matrix"),
        (
            "(J (eigabs S) S)",
            "the evaluator does not differentiate `eigabs`",
        ),
        (
            "(J (J (J (J (sum x) x) x) x) x)",
            "the evaluator does not differentiate operators nested this deep",
        ),
        (
            "(J x (mul A x))",
            "the evaluator does not differentiate with respect to what is no variable",
        ),
    ];
    for (text, message) in refused {
        assert_eq!(refusal(text, &env), message, "{text}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let graph = graph();
    let mut env = environment(&graph, 1);
    env.set("x", &Matrix::vector(vec![1.0, 2.0]));
    let message = "`x` is declared as 3 × 1, its value is 2 × 1";
    assert_eq!(refusal("(mul A x)", &env), message);
    assert_eq!(refusal("(J (mul A x) x)", &env), message);
    env.samples[0].clear();
    assert_eq!(refusal("(mul A x)", &env), "`A` has no value");
    env.sample = 9;
    assert_eq!(refusal("x", &env), "`x` has no value");
    env.sizes.insert("n".into(), 1 << 40);
    let message = "a value of 1099511627776 × 1 is too large for the reference evaluator";
    assert_eq!(refusal("(ones $n $1)", &env), message);
    env.sizes.insert("n".into(), usize::MAX);
    assert_eq!(
        refusal("(ones $n*n $1)", &env),
        "the size of `R[n*n]` is not known"
    );

    let mut graph = graph;
    let symbol = graph.function("exp", 0);
    assert_eq!(
        evaluate(&graph, symbol, &env),
        Err(EvaluateError::NotAValue)
    );
    assert!(Matrix::<f64>::new(2, 2, vec![0.0; 3]).is_err());
    let a = Matrix::<f64>::filled(2, 3, 1.0);
    let message = "product of 2 × 3 and 2 × 3 has no meaning";
    assert_eq!(a.times(&a).unwrap_err().to_string(), message);
    assert!(a.plus(&a.transpose()).is_err());
}

#[test]
fn random_values_keep_their_facts_and_their_seed() {
    let graph = graph();
    let env = environment(&graph, 2);
    assert_eq!(env.samples, environment(&graph, 2).samples);
    let sample = &env.samples[0];
    assert_eq!(sample["S"], sample["S"].transpose());
    assert!(value("(logdet P)", &env).unwrap().values()[0].is_finite());
    assert!(
        value("(sub (eigabs P) P)", &env)
            .unwrap()
            .distance(&Matrix::filled(3, 3, 0.0))
            < 1e-12
    );
    assert_eq!(sample["Z"], sample["Z"].diagvec().diag());
    assert!(
        (sample["p"].sum() - 1.0).abs() < 1e-15 && sample["p"].values().iter().all(|v| *v > 0.0)
    );
    let positive = random_environment(&graph, &sizes(), 1, 7, Draw::Positive).unwrap();
    assert!(positive.samples[0]["x"].values().iter().all(|v| *v > 0.0));

    let mut unsized_graph = Graph::default();
    let shape = Shape::vector(Dimension::named("k"));
    unsized_graph.declare(
        "w",
        Variable {
            shape,
            role: Role::Input,
            facts: Facts::default(),
        },
    );
    assert!(random_environment(&unsized_graph, &sizes(), 1, 0, Draw::Normal).is_err());
    assert!(f64::from_f64(2.0).is_constant());
}
