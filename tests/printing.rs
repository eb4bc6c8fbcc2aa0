//! Expressions in the language: what is printed reads as a mathematician writes.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;

use hbp::diagnostic::Diagnostics;
use hbp::expr::{
    Dimension, Draw, Facts, Id, Module, Names, Op, Role, Shape, Variable, evaluate, print,
    print_definition, print_sexpr, printed_size, random_environment, size,
};
use hbp::language::{self, Query};
use proptest::prelude::*;
use support::random::{choices, grow};
use support::symbols::{build, graph, symbols};

fn check(sexpr: &str, expected: &str) {
    let mut g = graph();
    let id = build(&mut g, sexpr);
    let names = Names::default();
    let text = print(&g, id, &names);
    assert_eq!(text, expected, "{sexpr}");
    assert_eq!(
        printed_size(&g, id, &names),
        text.chars().count() as u64,
        "{sexpr}"
    );
}

#[test]
fn expressions_read_as_a_mathematician_writes() {
    for (sexpr, expected) in [
        ("(add (mul W x) dz)", "W*x + grad(z)"),
        ("(add x (scale -1 y))", "x - y"),
        ("(add (scale -1 x) y)", "y - x"),
        ("(add (scale -1 x) (scale -2 y))", "-x - 2*y"),
        ("(add x (scale -1/3 y))", "x - y / 3"),
        ("(scale -1 (add x y))", "-(x + y)"),
        ("(scale -1 (mul A x))", "-A*x"),
        ("(mul A (scale -1 x))", "-A*x"),
        ("(scale -1 (t (scale -1 A)))", "A'"),
        ("(scale 2 A)", "2*A"),
        ("(scale 2 (add A B))", "2*(A + B)"),
        ("(scale 1/2 A)", "0.5*A"),
        ("(scale 2/3 A)", "2*A / 3"),
        ("(scale s (mul A B))", "s*A*B"),
        ("(mul A (scale s (scale 2 B)))", "2*s*A*B"),
        ("(scale (pow s -1) A)", "A / s"),
        (
            "(scale (pow s -2) (scale (pow t -1/2) A))",
            "A / (s^2*sqrt(t))",
        ),
        ("(pow s -1/2)", "1 / sqrt(s)"),
        ("(pow s -1)", "1 / s"),
        ("(pow x -1)", "1 ./ x"),
        ("(had x (pow y -1))", "x ./ y"),
        ("(had (pow y -2) (had x x))", "x .* x ./ y.^2"),
        ("(pow s 2)", "s^2"),
        ("(pow (scale -1 s) 2)", "(-s)^2"),
        ("(pow (scale -1 (add s t)) 2)", "(-(s + t))^2"),
        ("(scale -1 (pow s 2))", "-s^2"),
        ("(pow s (scale -1 t))", "s^(-t)"),
        ("(pow x 2)", "x.^2"),
        ("(pow (t x) 2)", "x'.^2"),
        ("(pow x 1/3)", "x.^(1/3)"),
        ("(pow x 1/2)", "sqrt(x)"),
        ("(pow x y)", "x.^y"),
        ("(pow (pow s 2) 3)", "(s^2)^3"),
        ("(add s 1/3)", "s + 1/3"),
        ("(add s 1/100000)", "s + 1e-5"),
        ("(add s -1/8)", "s - 0.125"),
        ("(kron (mul x (t x)) Hz)", "(x*x') ⊗ hess(z)"),
        ("(kron A (kron B A))", "A ⊗ B ⊗ A"),
        ("(had x (mul A y))", "x .* (A*y)"),
        ("(had (had x y) (add x y))", "x .* y .* (x + y)"),
        ("(scale 2 (had x y))", "2*(x .* y)"),
        ("(t (mul A B))", "(A*B)'"),
        ("(t (t A))", "A''"),
        ("(sand W Hz)", "W'*hess(z)*W"),
        ("(sand (mul W A) Hz)", "(W*A)'*hess(z)*(W*A)"),
        ("(sand A (sand B A))", "A'*B'*A*B*A"),
        ("(sand A (scale s B))", "A'*(s*B)*A"),
        ("(mul W (sand A B))", "W*A'*B*A"),
        ("(had A (sand A B))", "A .* (A'*B*A)"),
        ("(sand (t A) B)", "A*B*A'"),
        ("(sand A (add A B))", "A'*(A + B)*A"),
        ("(sand A (eye #n))", "A'*A"),
        ("(sand (diag x) A)", "diag(x)*A*diag(x)"),
        ("(sand A (scale -1 B))", "-A'*B*A"),
        ("(apply phi'' (mul A x))", "phi''(A*x)"),
        ("(t (apply phi' x))", "phi'(x)'"),
        (
            "(add (had (sand W Hz) (mul (apply phi' x) (t (apply phi' x)))) \
             (diag (had (apply phi'' x) (mul (t W) dz))))",
            "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))",
        ),
        ("(scale (mul (t x) y) (mul A x))", "x'*y*A*x"),
        ("(mul A (scale (mul (t x) (scale s y)) x))", "s*x'*y*A*x"),
        ("(eye #n)", "eye(n)"),
        ("(mul A (eye #n))", "A*eye(n)"),
        ("(zeros #m #n)", "zeros(m, n)"),
        ("(ones #n #1)", "ones(n)"),
        ("(commutation #m #n*n)", "commutation(m, n*n)"),
        ("(reshape W #n #m)", "reshape(W, n, m)"),
        ("(scale (pow #n -1) x)", "x / n"),
        ("(J (mul A x) x)", "jac(A*x, x)"),
        ("(V (mul W x) dz x)", "V(W*x, grad(z), x)"),
        ("(E (mul x (t x)))", "E(x*x')"),
        ("(logdet (inv A))", "logdet(inv(A))"),
    ] {
        check(sexpr, expected);
    }
}

#[test]
fn names_stand_for_their_nodes_but_not_in_their_own_definition() {
    let mut g = graph();
    let h = build(&mut g, "(mul A x)");
    let e = build(&mut g, "(had (apply phi' (mul A x)) y)");
    let names: Names = [(h, "h"), (e, "e")].into_iter().collect();
    assert_eq!(print(&g, e, &names), "e");
    assert_eq!(print_definition(&g, e, &names), "phi'(h) .* y");
    assert_eq!(print_definition(&g, h, &names), "A*x");
    assert_eq!(print_sexpr(&g, e), "(had (apply phi' (mul A x)) y)");
    assert_eq!(size("a + b'*c"), 6);
}

#[test]
fn a_size_that_a_value_hides_is_written_out() {
    let mut g = graph();
    g.declare(
        "n",
        Variable {
            shape: Shape::scalar(),
            role: Role::Input,
            facts: Facts::default(),
        },
    );
    let n = g.dimension(Dimension::named("n"));
    let x = g.variable("x").unwrap();
    let scaled = g.node(Op::Scale, &[n, x]).unwrap();
    assert_eq!(print(&g, scaled, &Names::default()), "sum(ones(n))*x");
}

#[test]
fn depth_and_sharing_are_no_danger() {
    let names = Names::default();
    for head in ["mul", "had", "t", "sum", "inv"] {
        let mut g = graph();
        let (a, op) = (g.variable("A").unwrap(), Op::from_head(head).unwrap().0);
        let mut id = a;
        for _ in 0..50_000 {
            let children = if matches!(head, "mul" | "had") {
                vec![id, a]
            } else {
                vec![id]
            };
            id = g.node(op.clone(), &children).unwrap();
        }
        assert_eq!(
            print(&g, id, &names).chars().count() as u64,
            printed_size(&g, id, &names)
        );
    }
    let mut g = graph();
    let mut id = g.variable("A").unwrap();
    for _ in 0..200 {
        id = g.node(Op::Multiply, &[id, id]).unwrap();
    }
    assert_eq!(printed_size(&g, id, &names), u64::MAX);
}

/// Reads an expression over the names of [`graph`]; `phi` is abstract.
fn read(module: &mut Module, text: &str) -> Result<Id, Diagnostics> {
    let file = language::parse("test.hbp", "fn phi(t)").unwrap();
    let mut resolve = |module: &mut Module, query: &Query| match query {
        Query::Gradient(z) => Ok(module.graph.variable(&format!("grad({z})")).unwrap()),
        Query::Hessian(z) => Ok(module.graph.variable(&format!("hess({z})")).unwrap()),
        other => panic!("{other:?} is not asked for"),
    };
    language::parse_expression(&file, module, "text", text, &BTreeMap::new(), &mut resolve)
}

#[test]
fn what_is_printed_reads_back_as_the_same_node() {
    for sexpr in [
        "(add (mul W x) dz)",
        "(add x (scale -1 y))",
        "(add x (scale -1 (mul A y)))",
        "(scale 2 (add A B))",
        "(scale s (add A B))",
        "(scale (pow s -1) A)",
        "(had x (pow y -1))",
        "(pow s 2)",
        "(pow (pow s 2) 3)",
        "(pow x 1/2)",
        "(pow x 1/3)",
        "(pow x y)",
        "(pow s (scale -1 t))",
        "(kron (mul x (t x)) Hz)",
        "(had (had x y) (mul A x))",
        "(t (mul A B))",
        "(inv (mul A B))",
        "(apply phi'' (mul A x))",
        "(mul (apply phi' x) (t (apply phi' x)))",
        "(diag (had (apply phi'' x) (mul (t W) dz)))",
        "(scale #n x)",
        "(scale -1 x)",
        "(zeros #m #n)",
        "(ones #n #1)",
        "(commutation #m #n)",
        "(reshape W #n #m)",
        "(mul (eye #n) x)",
        "(E (mul x (t x)))",
        "(apply sigmoid x)",
        "(softmax x)",
        "(logsumexp (vec A))",
    ] {
        let mut module = symbols();
        let id = build(&mut module.graph, sexpr);
        let text = print(&module.graph, id, &Names::default());
        let back = read(&mut module, &text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(
            print_sexpr(&module.graph, back),
            print_sexpr(&module.graph, id),
            "{text}"
        );
        assert_eq!(back, id, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_value(choices in choices(), seed in 0..1000u64) {
        let mut module = symbols();
        let id = grow(&mut module.graph, &choices);
        if printed_size(&module.graph, id, &Names::default()) > 5_000 {
            return Ok(());
        }
        let text = print(&module.graph, id, &Names::default());
        let back = read(&mut module, &text);
        prop_assert!(back.is_ok(), "{}: {:?}", text, back);
        let graph = &module.graph;
        let sizes = [("m".into(), 2), ("n".into(), 3)].into();
        let at = random_environment(graph, &sizes, 1, seed, Draw::Positive).unwrap();
        let values = (evaluate(graph, id, &at), evaluate(graph, back.unwrap(), &at));
        let (Ok(expected), Ok(found)) = values else { return Ok(()) };
        let finite = expected.values().iter().all(|e| e.is_finite() && e.abs() < 1e9);
        let scale = expected.values().iter().fold(1.0f64, |a, e| a.max(e.abs()));
        for (e, f) in expected.values().iter().zip(found.values()) {
            prop_assert!(!finite || (e - f).abs() <= 1e-6 * scale, "{text}: {e} became {f}");
        }
    }

    #[test]
    fn the_size_is_known_beforehand(choices in choices()) {
        let mut g = graph();
        let id = grow(&mut g, &choices);
        let size = printed_size(&g, id, &Names::default());
        if size < 100_000 {
            prop_assert_eq!(print(&g, id, &Names::default()).chars().count() as u64, size);
        }
    }
}
