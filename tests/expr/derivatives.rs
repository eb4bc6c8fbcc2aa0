//! Known derivatives, by hand, against the witness and the evaluator's own J and V.

use hbp::expr::{Matrix, Name, evaluate, finite_jacobian, witness};

use crate::universe::{environment, graph, read, rows, value};

/// Exact up to rounding.
const EXACT: f64 = 1e-11;
/// What finite differences allow.
const FINITE: f64 = 1e-8;

/// A scalar function, its variable, its gradient, and its Hessian where there is a nice one.
const SCALARS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "1",
        "(mul (t x) (mul A x))",
        "x",
        "(mul (add A (t A)) x)",
        "(add A (t A))",
    ),
    ("1s", "(mul (t x) (mul S x))", "x", "(scale 2 (mul S x))", "(scale 2 S)"),
    (
        "2",
        "(sum (pow (sub (mul M x) b) 2))",
        "x",
        "(scale 2 (mul (t M) (sub (mul M x) b)))",
        "(scale 2 (mul (t M) M))",
    ),
    (
        "3",
        "(norm2 (sub (mul M x) b))",
        "x",
        "(scale (pow (norm2 (sub (mul M x) b)) -1) (mul (t M) (sub (mul M x) b)))",
        "(scale (pow (norm2 (sub (mul M x) b)) -1) (mul (t M) (mul (sub (eye $m)
           (scale (pow (sum (pow (sub (mul M x) b) 2)) -1) (mul (sub (mul M x) b) (t (sub (mul M x) b))))) M)))",
    ),
    (
        "4",
        "(logsumexp x)",
        "x",
        "(softmax x)",
        "(sub (diag (softmax x)) (mul (softmax x) (t (softmax x))))",
    ),
    (
        "5",
        "(sum (apply softplus (neg (had b (mul M x)))))",
        "x",
        "(neg (mul (t M) (had b (apply sigmoid (neg (had b (mul M x)))))))",
        "(mul (t M) (mul (diag (had (pow b 2) (apply sigmoid' (neg (had b (mul M x)))))) M))",
    ),
    (
        "6",
        "(neg (mul (t a) (apply log (softmax x))))",
        "x",
        "(sub (scale (sum a) (softmax x)) a)",
        "(scale (sum a) (sub (diag (softmax x)) (mul (softmax x) (t (softmax x)))))",
    ),
    (
        "7",
        "(mul (t v) (apply phi (add (mul M x) b)))",
        "x",
        "(mul (t M) (had v (apply phi' (add (mul M x) b))))",
        "(mul (t M) (mul (diag (had v (apply phi'' (add (mul M x) b)))) M))",
    ),
    (
        "8",
        "(tr (mul F (mul (t Y) (mul B (mul Y G)))))",
        "Y",
        "(add (mul B (mul Y (mul G F))) (mul (t B) (mul Y (mul (t F) (t G)))))",
        "(add (kron (t (mul G F)) B) (kron (mul G F) (t B)))",
    ),
    (
        "9",
        "(tr (mul (t Y) (mul A Y)))",
        "Y",
        "(mul (add A (t A)) Y)",
        "(kron (eye $q) (add A (t A)))",
    ),
    (
        "10",
        "(sum (pow (sub (mul M (mul Y G)) D) 2))",
        "Y",
        "(scale 2 (mul (t M) (mul (sub (mul M (mul Y G)) D) (t G))))",
        "(scale 2 (kron (mul G (t G)) (mul (t M) M)))",
    ),
    (
        "11",
        "(logdet X)",
        "X",
        "(t (inv X))",
        "(neg (mul (commutation $n $n) (kron (t (inv X)) (inv X))))",
    ),
    ("12", "(det X)", "X", "(scale (det X) (t (inv X)))", ""),
    (
        "13",
        "(logdet (mul (t Y) (mul P Y)))",
        "Y",
        "(scale 2 (mul P (mul Y (inv (mul (t Y) (mul P Y))))))",
        "",
    ),
    (
        "14",
        "(tr (mul (inv X) A))",
        "X",
        "(neg (mul (t (inv X)) (mul (t A) (t (inv X)))))",
        "",
    ),
    ("15", "(tr (mul X (mul X X)))", "X", "(scale 3 (t (mul X X)))", ""),
    (
        "16",
        "(tr (mul A (had B X)))",
        "X",
        "(had (t A) B)",
        "(zeros $n*n $n*n)",
    ),
    (
        "17",
        "(sub (tr (mul S P)) (logdet P))",
        "P",
        "(sub (t S) (t (inv P)))",
        "(mul (commutation $n $n) (kron (t (inv P)) (inv P)))",
    ),
];

#[test]
fn scalar_functions_have_their_known_gradients_and_hessians() {
    let mut graph = graph();
    let env = environment(&graph, 1);
    let one = Matrix::scalar(1.0);
    let zero = Matrix::scalar(0.0);
    for (number, text, variable, gradient, hessian) in SCALARS {
        let f = read(&mut graph, text).unwrap();
        let names = [Name::from(*variable)];
        let seen = witness(&graph, f, &names, &env, &one, &zero).unwrap();
        let expected = value(gradient, &env).unwrap();
        assert!(
            seen.gradient(variable).unwrap().distance(&expected) < EXACT,
            "gradient {number}"
        );

        // The evaluator's own operators and finite differences agree.
        let v = graph.variable(variable).unwrap();
        let by_finite = finite_jacobian(&graph, f, variable, &env).unwrap();
        assert!(
            seen.jacobian(variable).unwrap().distance(&by_finite) < FINITE,
            "differences {number}"
        );
        let unit = graph.integer(1);
        let backward = graph
            .node(hbp::expr::Op::Backpropagate, &[f, unit, v])
            .unwrap();
        assert!(
            evaluate(&graph, backward, &env)
                .unwrap()
                .distance(&expected)
                < EXACT,
            "V {number}"
        );
        let second = graph.node(hbp::expr::Op::Jacobian, &[backward, v]).unwrap();
        let seen_hessian = seen.hessian(variable, variable).unwrap();
        assert!(
            evaluate(&graph, second, &env)
                .unwrap()
                .distance(&seen_hessian)
                < EXACT,
            "J V {number}"
        );
        let by_finite = finite_jacobian(&graph, backward, variable, &env).unwrap();
        assert!(
            seen_hessian.distance(&by_finite) < FINITE,
            "second differences {number}"
        );
        if !hessian.is_empty() {
            let expected = value(hessian, &env).unwrap();
            assert!(seen_hessian.distance(&expected) < EXACT, "Hessian {number}");
        }
    }
}

/// A matrix function, its variable, its Jacobian.
const JACOBIANS: &[(&str, &str, &str, &str)] = &[
    ("18", "(mul M (mul Y G))", "Y", "(kron (t G) M)"),
    (
        "19",
        "(mul A (mul (inv X) B))",
        "X",
        "(neg (kron (mul (t B) (t (inv X))) (mul A (inv X))))",
    ),
    ("20a", "(t Y)", "Y", "(commutation $n $q)"),
    (
        "20b",
        "(mul Y (t Y))",
        "Y",
        "(mul (add (eye $n*n) (commutation $n $n)) (kron Y (eye $n)))",
    ),
    (
        "20c",
        "(mul (t Y) Y)",
        "Y",
        "(mul (add (eye $q*q) (commutation $q $q)) (kron (eye $q) (t Y)))",
    ),
    (
        "21",
        "(softmax x)",
        "x",
        "(sub (diag (softmax x)) (mul (softmax x) (t (softmax x))))",
    ),
    (
        "22",
        "(scale (pow (norm2 x) -1) x)",
        "x",
        "(scale (pow (norm2 x) -1) (sub (eye $n) (scale (pow (norm2 x) -2) (mul x (t x)))))",
    ),
    (
        "23",
        "(had x (mul A x))",
        "x",
        "(add (diag (mul A x)) (mul (diag x) A))",
    ),
    (
        "24",
        "(vec (mul x (t x)))",
        "x",
        "(add (kron x (eye $n)) (kron (eye $n) x))",
    ),
    ("25", "(had B X)", "X", "(diag (vec B))"),
    (
        "power",
        "(pow (apply exp x) a)",
        "a",
        "(diag (had x (pow (apply exp x) a)))",
    ),
    (
        "fn",
        "(apply wavy x)",
        "x",
        "(diag (had (scale 2 x) (apply swish' (pow x 2))))",
    ),
    ("fn''", "(apply wavy' x)", "x", "(diag (apply wavy'' x))"),
];

#[test]
fn matrix_functions_have_their_known_jacobians() {
    let mut graph = graph();
    let env = environment(&graph, 1);
    for (number, text, variable, jacobian) in JACOBIANS {
        let f = read(&mut graph, text).unwrap();
        let v = graph.variable(variable).unwrap();
        let node = graph.node(hbp::expr::Op::Jacobian, &[f, v]).unwrap();
        let seen = evaluate(&graph, node, &env).unwrap();
        assert!(
            seen.distance(&value(jacobian, &env).unwrap()) < EXACT,
            "Jacobian {number}"
        );
        let by_finite = finite_jacobian(&graph, f, variable, &env).unwrap();
        assert!(seen.distance(&by_finite) < FINITE, "differences {number}");
    }
}

#[test]
fn cross_blocks_and_the_second_order_term_are_those_of_the_paper() {
    // z = M φ(x) with both differentiated: ℋ of (vec M, x) is φ ⊗ (ℋz M diag φ') + the term of δz.
    let mut graph = graph();
    let env = environment(&graph, 1);
    let z = read(&mut graph, "(mul M (apply phi x))").unwrap();
    let (delta, root) = (value("b", &env).unwrap(), value("M", &env).unwrap());
    let hess = root.times(&root.transpose()).unwrap();
    let seen = witness(&graph, z, &["M".into(), "x".into()], &env, &delta, &hess).unwrap();

    let outer = "(mul M (t M))";
    let cross = format!(
        "(add (kron (apply phi x) (mul {outer} (mul M (diag (apply phi' x))))) (kron (diag (apply phi' x)) b))"
    );
    assert!(
        seen.hessian("M", "x")
            .unwrap()
            .distance(&value(&cross, &env).unwrap())
            < EXACT
    );
    let transposed = seen.hessian("x", "M").unwrap().transpose();
    assert!(seen.hessian("M", "x").unwrap().distance(&transposed) < EXACT);
    let weight = format!("(kron (mul (apply phi x) (t (apply phi x))) {outer})");
    assert!(
        seen.hessian("M", "M")
            .unwrap()
            .distance(&value(&weight, &env).unwrap())
            < EXACT
    );
    let residual = "(diag (had (apply phi'' x) (mul (t M) b)))";
    assert!(
        seen.residual("x", "x")
            .unwrap()
            .distance(&value(residual, &env).unwrap())
            < EXACT
    );
}

#[test]
fn published_numbers_come_out() {
    let mut graph = graph();
    let mut env = environment(&graph, 1);
    let second = |graph: &hbp::expr::Graph, f, v: &str, env: &_| {
        let seen = witness(
            graph,
            f,
            &[v.into()],
            env,
            &Matrix::scalar(1.0),
            &Matrix::scalar(0.0),
        )
        .unwrap();
        seen.hessian(v, v).unwrap()
    };
    // A: a linear layer under the sum of squares.
    env.sizes.extend([("m".into(), 2)]);
    env.set("M", &rows(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]));
    env.set("b", &Matrix::vector(vec![7.0, 8.0]));
    env.set("x", &Matrix::vector(vec![1.0, 3.0, 5.0]));
    let f = read(&mut graph, "(sum (pow (add (mul M x) b) 2))").unwrap();
    let expected = rows(&[
        &[34.0, 44.0, 54.0],
        &[44.0, 58.0, 72.0],
        &[54.0, 72.0, 90.0],
    ]);
    assert_eq!(second(&graph, f, "x", &env), expected);
    assert_eq!(
        second(&graph, f, "b", &env),
        Matrix::identity(2).scaled(2.0)
    );
    let x = env.get("x").unwrap().clone();
    let outer = x.times(&x.transpose()).unwrap();
    // vec stacks columns, so the row-major 2 I ⊗ xx' is xx' ⊗ 2 I here.
    assert_eq!(
        second(&graph, f, "M", &env),
        outer.kron(&Matrix::identity(2).scaled(2.0))
    );
    // B: a sigmoid under the sum of squares.
    env.set("x", &Matrix::vector(vec![1.0, 2.0, 3.0]));
    let f = read(&mut graph, "(sum (pow (apply sigmoid x) 2))").unwrap();
    let expected = Matrix::vector(vec![-0.055_532_2, -0.118_814_2, -0.073_822_7]).diag();
    assert!(second(&graph, f, "x", &env).distance(&expected) < 1e-7);
    // C: ‖Gu + y‖² with G of 2 rows and u = (1, 2): blocks of G by columns are [[2, 4], [4, 8]] ⊗ I.
    env.sizes.extend([("n".into(), 2)]);
    env.set("G", &rows(&[&[0.5, -1.0], &[2.0, 0.25]]));
    env.set("x", &Matrix::vector(vec![1.0, 2.0]));
    env.set("b", &Matrix::vector(vec![3.0, 4.0]));
    env.set("M", &rows(&[&[0.5, -1.0], &[2.0, 0.25]]));
    let expected = rows(&[&[2.0, 4.0], &[4.0, 8.0]]).kron(&Matrix::identity(2));
    let f = read(&mut graph, "(sum (pow (add (mul M x) b) 2))").unwrap();
    assert_eq!(second(&graph, f, "M", &env), expected);
    assert_eq!(
        second(&graph, f, "b", &env),
        Matrix::identity(2).scaled(2.0)
    );
}
