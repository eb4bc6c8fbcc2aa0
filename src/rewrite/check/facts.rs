//! Whether the analysis tells the truth. Why here: conditions believe what it says of symmetry, signs and sizes,
//! so it is tried on numbers as the rules are, operation by operation.

use super::super::analysis::{Egraph, Fact, Knowledge};
use super::super::enode::to_term;
use crate::expr::{
    Dimension, Draw, Facts, Graph, Id, Matrix, Op, Rational, Role, Shape, Sizes, TABLE, Variable,
    evaluate, print_sexpr, random_environment,
};

fn declare(graph: &mut Graph, name: &str, rows: u64, cols: u64, role: Role, facts: Facts) -> Id {
    let shape = Shape::matrix(Dimension::constant(rows), Dimension::constant(cols));
    graph.declare(name, Variable { shape, role, facts })
}

/// Values with every fact that can be declared or known.
fn operands(graph: &mut Graph) -> Vec<Id> {
    let (input, none) = (Role::Input, Facts::default());
    let symmetric = Facts {
        symmetric: true,
        ..none
    };
    let diagonal = Facts {
        diagonal: true,
        ..none
    };
    let definite = Facts {
        positive_definite: true,
        ..none
    };
    let distribution = Facts {
        distribution: true,
        ..none
    };
    let a = declare(graph, "A", 2, 2, input, none);
    let c = declare(graph, "c", 2, 1, input, none);
    let mut operands = vec![
        a,
        c,
        declare(graph, "B", 2, 3, input, none),
        declare(graph, "W", 2, 2, Role::Parameter, none),
        declare(graph, "s", 1, 1, input, none),
        declare(graph, "S", 2, 2, input, symmetric),
        declare(graph, "T", 2, 2, input, symmetric),
        declare(graph, "D", 2, 2, input, diagonal),
        declare(graph, "P", 2, 2, input, definite),
        declare(graph, "y", 2, 1, input, distribution),
        graph.integer(2),
        graph.integer(-1),
        graph.number(Rational::new(1.into(), 2.into())),
    ];
    let two = graph.dimension(Dimension::constant(2));
    let number = graph.integer(2);
    for (op, children) in [
        (Op::Eye, vec![two]),
        (Op::Zeros, vec![two, two]),
        (Op::Ones, vec![two, two]),
        (Op::Commutation, vec![two, two]),
        (Op::Power, vec![a, number]),
        (Op::Softmax, vec![a]),
        (Op::Softmax, vec![c]),
        (Op::Diag, vec![c]),
    ] {
        operands.push(graph.node(op, &children).unwrap());
    }
    operands
}

/// Every operation on one or two of `operands`, where it has a meaning.
fn results(graph: &mut Graph, operands: &[Id]) -> Vec<Id> {
    let mut results = Vec::new();
    for (op, ..) in TABLE {
        if matches!(op, Op::Jacobian | Op::Backpropagate) {
            continue;
        }
        for a in operands {
            // The softmax of a large power is so small that it is 0 as a number.
            if *op != Op::Softmax || graph[*a].op != Op::Power {
                results.extend(graph.node(op.clone(), &[*a]));
            }
            for b in operands {
                results.extend(graph.node(op.clone(), &[*a, *b]));
            }
        }
    }
    for name in ["exp", "abs", "sin", "sign"] {
        let f = graph.function(name, 0);
        for a in operands {
            results.extend(graph.node(Op::Apply, &[f, *a]));
        }
    }
    results
}

/// What is wrong with a claim about a value.
fn lies(fact: &Fact, value: &Matrix<f64>) -> Vec<&'static str> {
    let entries = value.values();
    let (rows, cols) = value.shape();
    let all = |test: &dyn Fn(usize, usize, f64) -> bool| {
        (0..rows).all(|i| (0..cols).all(|j| test(i, j, value[(i, j)])))
    };
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    let number = fact
        .number
        .as_ref()
        .and_then(num_traits::ToPrimitive::to_f64);
    let identity = |i: usize, j: usize, v: f64| near(v, f64::from(u8::from(i == j)));
    [
        (
            "symmetric",
            fact.symmetric,
            rows == cols && all(&|i, j, v| near(v, value[(j, i)])),
        ),
        (
            "diagonal",
            fact.diagonal,
            rows == cols && all(&|i, j, v| i == j || near(v, 0.0)),
        ),
        ("zero", fact.zero, all(&|_, _, v| near(v, 0.0))),
        ("identity", fact.identity, rows == cols && all(&identity)),
        ("positive", fact.positive, all(&|_, _, v| v > 0.0)),
        ("nonnegative", fact.nonnegative, all(&|_, _, v| v >= 0.0)),
        (
            "a distribution",
            fact.distribution,
            all(&|_, _, v| v >= 0.0) && near(entries.iter().sum(), 1.0),
        ),
        (
            "a number",
            number.is_some(),
            number.is_none_or(|n| near(n, entries[0])),
        ),
    ]
    .into_iter()
    .filter(|(_, claimed, true_of)| *claimed && !true_of)
    .map(|(word, ..)| word)
    .collect()
}

#[test]
fn what_the_analysis_says_is_true_of_the_numbers() {
    let mut graph = Graph::default();
    let operands = operands(&mut graph);
    let once = results(&mut graph, &operands);
    let mut all = operands.clone();
    all.extend(&once);
    // Facts travel: operations on results, against a few partners.
    let mut partners: Vec<Id> = once.iter().step_by(7).copied().collect();
    partners.extend(&operands);
    partners.sort_unstable();
    partners.dedup();
    for chunk in partners.chunks(12) {
        let twice = results(&mut graph, chunk);
        all.extend(twice);
    }
    all.sort_unstable();
    all.dedup();
    let environments: Vec<_> = [(1, Draw::Normal), (2, Draw::Positive)]
        .map(|(seed, draw)| random_environment(&graph, &Sizes::new(), 2, seed, draw).unwrap())
        .into();
    let mut wrong = Vec::new();
    for id in &all {
        let mut egraph = Egraph::new(Knowledge::new(&graph, &[]));
        let class = egraph.add_expr(&to_term(&graph, *id));
        egraph.rebuild();
        let fact = &egraph[class].data;
        for environment in &environments {
            let Ok(value) = evaluate(&graph, *id, environment) else {
                continue;
            };
            assert_eq!(
                fact.shape().and_then(|s| s.evaluate(&Sizes::new())),
                Some(value.shape())
            );
            if value.values().iter().all(|v| v.is_finite()) {
                let claims = lies(fact, &value);
                if !claims.is_empty() {
                    wrong.push(format!("{} is not {claims:?}", print_sexpr(&graph, *id)));
                }
            }
        }
    }
    wrong.dedup();
    assert!(all.len() > 2_000, "only {} values tried", all.len());
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}
