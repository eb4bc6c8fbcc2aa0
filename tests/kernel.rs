//! What is computed, counted: orders, forms, buffers. The numbers themselves are judged in `tests/backend.rs`.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[allow(dead_code, reason = "shared with the tests of the expression floor")]
#[path = "expr/universe.rs"]
mod universe;

#[path = "kernel/refusing.rs"]
mod refusing;

#[path = "kernel/sooner.rs"]
mod sooner;
#[path = "kernel/stages.rs"]
mod stages;
#[path = "kernel/unformed.rs"]
mod unformed;

use hbp::expr::{Dimension, Facts, Graph, Id, Role, Shape, Sizes, Variable};
use hbp::kernel::{Block, Kernel, Program, compile};

/// The universe of the expression floor with W: m × n, H: m × m symmetric, d: m and a function without a definition.
fn graph() -> Graph {
    let mut graph = universe::graph();
    let (m, n) = (Dimension::named("m"), Dimension::named("n"));
    let symmetric = Facts {
        symmetric: true,
        ..Facts::default()
    };
    for (name, shape, facts) in [
        ("W", Shape::matrix(m.clone(), n), Facts::default()),
        ("H", Shape::matrix(m.clone(), m.clone()), symmetric),
        ("d", Shape::vector(m), Facts::default()),
    ] {
        graph.declare(
            name,
            Variable {
                shape,
                role: Role::Input,
                facts,
            },
        );
    }
    graph
}

fn sized(n: usize, m: usize, q: usize) -> Sizes {
    Sizes::from([("n".into(), n), ("m".into(), m), ("q".into(), q)])
}

fn outputs(graph: &mut Graph, texts: &[&str]) -> Vec<(String, Id)> {
    texts
        .iter()
        .enumerate()
        .map(|(k, text)| (format!("z{k}"), universe::read(graph, text).unwrap()))
        .collect()
}

fn program(texts: &[&str], sizes: &Sizes) -> Program {
    let mut graph = graph();
    let outputs = outputs(&mut graph, texts);
    compile(&graph, &outputs, sizes).unwrap_or_else(|e| panic!("{texts:?}: {e}"))
}

/// φ, φ′ and φ″ of x for the sigmoid.
fn s11() -> (String, String, String) {
    let s = "(apply sigmoid x)".to_owned();
    let f1 = format!("(had {s} (sub (ones $n $1) {s}))");
    let f2 = format!("(had {f1} (sub (ones $n $1) (scale 2 {s})))");
    (s, f1, f2)
}

/// The Hessian of S.11 with respect to x: (W'HW) ⊙ (φ′φ′') + diag(φ″ ⊙ W'δ).
fn composite_hessian() -> String {
    let (_, f1, f2) = s11();
    format!("(add (had (sand W H) (mul {f1} (t {f1}))) (diag (had {f2} (mul (t W) d))))")
}

fn count(program: &Program, kind: fn(&Kernel) -> bool) -> usize {
    program
        .steps
        .iter()
        .filter(|step| kind(&step.kernel))
        .count()
}

fn is_product(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Product { .. } | Kernel::BlockProduct { .. })
}

/// The largest array a program computes.
fn largest(program: &Program) -> usize {
    program
        .steps
        .iter()
        .flat_map(|step| &step.outputs)
        .map(|v| program.values[v.index()].len())
        .max()
        .unwrap()
}

#[test]
fn chains_are_ordered_by_flops() {
    // (text, n, m, q, flops)
    let cases = [
        // Vector first: W x, H (W x), W' (H W x).
        (
            "(mul (mul (mul (t W) H) W) x)",
            50,
            10,
            2,
            2 * (10 * 50 + 10 * 10 + 50 * 10),
        ),
        // Row first: x' W' takes the same.
        (
            "(mul (mul (t x) (t W)) H)",
            50,
            10,
            2,
            2 * (50 * 10 + 10 * 10),
        ),
        // 10 × 50 · 50 × 50 · 50 × 2 from the right.
        (
            "(mul (mul W A) Y)",
            50,
            10,
            2,
            2 * (50 * 50 * 2 + 10 * 50 * 2),
        ),
        // H W in full, then half of W' (H W) with its diagonal.
        ("(sand W H)", 50, 10, 2, 2 * 10 * 10 * 50 + 50 * 51 * 10),
        (
            "(mul (mul (t W) H) W)",
            50,
            10,
            2,
            2 * 10 * 10 * 50 + 50 * 51 * 10,
        ),
        // A Gram product is half a product.
        ("(mul W (t W))", 50, 10, 2, 10 * 11 * 50),
        // Through the rank-one factor: a'A first, then the outer product.
        ("(mul (mul x (t a)) A)", 50, 10, 2, 2 * 50 * 50 + 50 * 50),
        // A diagonal scales.
        ("(mul (diag x) A)", 50, 10, 2, 50 * 50),
        ("(mul (mul (diag x) A) a)", 50, 10, 2, 2 * 50 * 50 + 50),
        // (I − p p') a without the matrix.
        (
            "(mul (sub (eye $n) (mul p (t p))) a)",
            50,
            10,
            2,
            2 * 50 + 50 + 50,
        ),
        // ones are summed, not multiplied.
        ("(mul (ones $m $n) A)", 50, 10, 2, 50 * 50),
        // tr(Y G) needs the diagonal only.
        ("(tr (mul Y G))", 50, 10, 2, 2 * 50 * 2 + 50),
        ("(sum (mul Y G))", 50, 10, 2, 50 * 2 + 50 * 2 + 2 * 2),
        // (A ⊗ B) vec X = vec(B X A').
        (
            "(mul (kron A B) (vec X))",
            50,
            10,
            2,
            2 * (2 * 50 * 50 * 50),
        ),
        // A solve instead of an inverse.
        (
            "(mul (inv A) x)",
            50,
            10,
            2,
            2 * 50 * 50 * 50 / 3 + 2 * 50 * 50,
        ),
        // Half of it where the matrix is symmetric.
        ("(mul (inv P) x)", 50, 10, 2, 50 * 50 * 50 / 3 + 2 * 50 * 50),
        // A scalar goes where there is least to multiply.
        ("(mul (scale s A) x)", 50, 10, 2, 2 * 50 * 50 + 50),
    ];
    for (text, n, m, q, flops) in cases {
        let program = program(&[text], &sized(n, m, q));
        assert_eq!(program.flops(), flops, "{text}\n{program}");
    }
}

#[test]
fn shared_products_are_multiplied_once_or_anew_whichever_is_cheaper() {
    // A B applied to two vectors: four matrix-vector products beat one product.
    let anew = program(
        &["(mul (mul A B) x)", "(mul (mul A B) a)"],
        &sized(50, 10, 2),
    );
    assert_eq!(anew.flops(), 4 * 2 * 50 * 50, "{anew}");
    // A B wanted as well: it is there, so it is used.
    let once = program(&["(mul A B)", "(mul (mul A B) a)"], &sized(50, 10, 2));
    assert_eq!(once.flops(), 2 * 50 * 50 * 50 + 2 * 50 * 50, "{once}");
}

#[test]
fn nested_sums_meet_a_vector_term_by_term() {
    // ((A B + X) B + X) … x by Horner's rule: two products with a vector for each level, and no end of trying.
    let nested = (0..5).fold("A".to_owned(), |sum, _| format!("(add (mul {sum} B) X)"));
    let horner = program(&[&format!("(mul {nested} x)")], &sized(50, 10, 2));
    assert_eq!(horner.flops(), 11 * 2 * 50 * 50 + 5 * 50, "{horner}");
    // The same with Kronecker products, which must not be formed: every level is linear in the work below it.
    let factor = "(add (kron X S) (eye (dim* $n $n)))";
    let nested = (0..40).fold("(kron A B)".to_owned(), |sum, _| {
        format!("(add (mul {sum} {factor}) (diag (vec U)))")
    });
    let program = program(&[&format!("(mul {nested} (vec A))")], &sized(10, 10, 2));
    assert_eq!(largest(&program), 100, "{program}");
    assert!(
        program.flops() <= 41 * (2 * 2 * 10 * 10 * 10 + 4 * 100),
        "{}",
        program.flops()
    );
}

#[test]
fn the_composite_hessian_has_its_textbook_cost() {
    let (s, ..) = s11();
    let program = program(&[&s, &composite_hessian()], &sized(50, 10, 2));
    // W' δ · one loop for φ, φ′ and φ″ ⊙ W'δ · W diag φ′ · H times it · half a product · the diagonal added.
    assert_eq!(program.steps.len(), 6, "{program}");
    assert_eq!(count(&program, is_product), 3, "{program}");
    assert_eq!(program.buffers.len(), 5, "{program}");
    let products = 2 * 50 * 10 + 2 * 10 * 10 * 50 + 50 * 51 * 10;
    let loops = 7 * 50 + 10 * 50 + 50 * 50;
    assert_eq!(program.flops(), products + loops, "{program}");
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("plan_composite", program.to_string());
    });
}

#[test]
fn kronecker_products_are_never_formed_when_their_factors_will_do() {
    let weight = sized(1000, 1000, 2);
    for text in [
        "(kron (mul x (t x)) H)",
        "(sand (kron (t x) (eye $m)) H)",
        "(sand (kron (t x) (diag d)) H)",
    ] {
        let program = program(&[text], &weight);
        assert!(largest(&program) <= 1000 * 1000, "{text}\n{program}");
        let Block::Kronecker { left, right } = &program.outputs[0].1 else {
            panic!("{text}\n{program}")
        };
        assert_eq!((left.form(), right.form()), ("root", "dense"), "{text}");
    }
    // J'HJ with J = a' ⊗ W is a a' ⊗ W'HW.
    let program = program(&["(sand (kron (t a) W) H)"], &sized(50, 10, 2));
    assert_eq!(program.outputs[0].1.form(), "kronecker");
    assert_eq!(
        program.flops(),
        2 * 10 * 10 * 50 + 50 * 51 * 10,
        "{program}"
    );
    assert!(largest(&program) <= 50 * 50, "{program}");
}

#[test]
fn outputs_keep_their_structure() {
    let cases = [
        ("(zeros $n $m)", "zero"),
        ("(scale 2 (eye $n))", "scaled identity"),
        ("(diag x)", "diagonal"),
        ("(add (diag x) (scale s (eye $n)))", "diagonal"),
        ("(mul (mul (diag x) (diag a)) (diag p))", "diagonal"),
        ("(had (diag x) A)", "diagonal"),
        ("(kron A B)", "kronecker"),
        ("(mul (kron A B) (kron X S))", "kronecker"),
        ("(inv (kron P P))", "kronecker"),
        ("(add (kron A B) (kron X S))", "sum"),
        ("(add (kron A B) (eye (dim* $n $n)))", "sum"),
        ("(mul x (t x))", "root"),
        ("(mul (mul (t W) d) (mul (t d) W))", "root"),
        ("(mul x (t a))", "dense"),
        ("(add A (diag x))", "dense"),
        ("(sub (diag p) (mul p (t p)))", "dense"),
        ("(mul x (t v))", "dense"),
        ("(kron x a)", "dense"),
        (
            "(mul (commutation $n $m) (commutation $m $n))",
            "scaled identity",
        ),
    ];
    for (text, form) in cases {
        let program = program(&[text], &sized(5, 4, 2));
        assert_eq!(program.outputs[0].1.form(), form, "{text}\n{program}");
    }
}

#[test]
fn a_chain_needs_fewer_buffers_than_values() {
    let text = (0..6).fold("x".to_owned(), |inner, _| {
        format!("(apply tanh (mul A {inner}))")
    });
    let program = program(&[&text], &sized(50, 10, 2));
    assert_eq!(program.steps.len(), 12, "{program}");
    assert_eq!(program.buffers, [50, 50], "{program}");
}

#[test]
fn elementwise_work_is_fused() {
    let cases = [
        // One loop, however long.
        (
            vec!["(had (apply exp A) (add (apply sin A) (had (apply exp A) B)))"],
            1,
        ),
        // Three results of one loop.
        (
            vec![
                "(apply sigmoid A)",
                "(pow (apply sigmoid A) 2)",
                "(scale 3 (apply sigmoid A))",
            ],
            1,
        ),
        // A diagonal, a constant, an outer product and a transpose are read in place.
        (
            vec!["(add (had (mul x (t a)) A) (diag x) (scale 2 (ones $n $n)) (t B))"],
            1,
        ),
        // Even a dense sum of Kronecker products.
        (
            vec!["(had (add (kron A B) (kron X S)) (ones (dim* $n $n) (dim* $n $n)))"],
            0,
        ),
        (vec!["(apply exp (add (kron A B) (kron X S)))"], 1),
        // The product stands between two loops.
        (vec!["(apply exp (mul A (apply exp B)))"], 3),
        // The second loop needs the reduction of the first: they must not become one.
        (vec!["(had (apply exp A) (scale (sum (apply exp A)) B))"], 3),
    ];
    for (texts, kernels) in cases {
        let program = program(&texts, &sized(5, 4, 2));
        if kernels > 0 {
            assert_eq!(program.steps.len(), kernels, "{texts:?}\n{program}");
        }
    }
}

#[test]
fn compilation_is_deterministic() {
    let texts = [
        composite_hessian(),
        "(sand (add A (diag x)) S)".into(),
        "(mul (kron A B) (kron X S))".into(),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let first = program(&texts, &sized(7, 5, 3));
    for _ in 0..5 {
        assert_eq!(first, program(&texts, &sized(7, 5, 3)));
    }
}
