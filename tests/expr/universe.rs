//! A fixed set of variables and a reader of rule-like text, so that the tests of this floor speak data.

use std::collections::BTreeMap;

use hbp::expr::{
    Dimension, Draw, Environment, EvaluateError, Facts, FunctionDefinition, Graph, Id, Matrix, Op,
    Rational, Role, Shape, ShapeError, Variable, evaluate, random_environment,
};

/// Name, rows, columns, fact.
const VARIABLES: &[(&str, &str, &str, &str)] = &[
    ("A", "n", "n", ""),
    ("B", "n", "n", ""),
    ("X", "n", "n", ""),
    ("S", "n", "n", "symmetric"),
    ("P", "n", "n", "positive-definite"),
    ("Y", "n", "q", ""),
    ("F", "n", "q", ""),
    ("G", "q", "n", ""),
    ("M", "m", "n", ""),
    ("D", "m", "n", ""),
    ("x", "n", "1", ""),
    ("a", "n", "1", ""),
    ("p", "n", "1", "distribution"),
    ("b", "m", "1", ""),
    ("v", "m", "1", ""),
    ("s", "1", "1", ""),
    ("Z", "n", "n", "diagonal"),
    ("U", "n", "n", "parameter"),
];

/// A graph with the variables above, the abstract `phi`, and two functions with a body.
pub(crate) fn graph() -> Graph {
    let mut graph = Graph::default();
    for (name, rows, cols, fact) in VARIABLES {
        let shape = Shape::matrix(dimension(rows), dimension(cols));
        let facts = Facts {
            symmetric: *fact == "symmetric",
            diagonal: *fact == "diagonal",
            positive_definite: *fact == "positive-definite",
            distribution: *fact == "distribution",
        };
        let role = if *fact == "parameter" {
            Role::Parameter
        } else {
            Role::Input
        };
        graph.declare(*name, Variable { shape, role, facts });
    }
    graph.define("phi", FunctionDefinition::Abstract);
    let argument = Variable {
        shape: Shape::scalar(),
        role: Role::Argument,
        facts: Facts::default(),
    };
    graph.declare("fn.t", argument);
    for (name, text) in [
        ("swish", "(scale fn.t (apply sigmoid fn.t))"),
        ("wavy", "(apply swish (pow fn.t 2))"),
    ] {
        let body = read(&mut graph, text).unwrap();
        graph.define(
            name,
            FunctionDefinition::Defined {
                argument: "fn.t".into(),
                body,
            },
        );
    }
    graph
}

fn dimension(text: &str) -> Dimension {
    let factor = |text: &str| {
        text.parse()
            .map_or_else(|_| Dimension::named(text), Dimension::constant)
    };
    text.split('*')
        .map(factor)
        .fold(Dimension::one(), |product, d| product.times(&d))
}

/// n = 3, m = 4, q = 2.
pub(crate) fn sizes() -> BTreeMap<hbp::expr::Name, usize> {
    BTreeMap::from([("n".into(), 3), ("m".into(), 4), ("q".into(), 2)])
}

/// Random values for all variables.
pub(crate) fn environment(graph: &Graph, samples: usize) -> Environment<f64> {
    random_environment(graph, &sizes(), samples, 7, Draw::Normal).unwrap()
}

/// The value of a text.
pub(crate) fn value(
    text: &str,
    environment: &Environment<f64>,
) -> Result<Matrix<f64>, EvaluateError> {
    let mut graph = graph();
    let id = read(&mut graph, text).unwrap();
    evaluate(&graph, id, environment)
}

/// A matrix from its rows.
pub(crate) fn rows(rows: &[&[f64]]) -> Matrix<f64> {
    Matrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// Reads `(mul (t x) (sub A B))`; `$n` is a dimension, `sub` and `neg` are short for sums and multiples.
pub(crate) fn read(graph: &mut Graph, text: &str) -> Result<Id, ShapeError> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (id, end) = expression(graph, &tokens, 0)?;
    assert_eq!(end, tokens.len(), "text after the end of {text}");
    Ok(id)
}

fn expression(graph: &mut Graph, tokens: &[&str], at: usize) -> Result<(Id, usize), ShapeError> {
    if tokens[at] != "(" {
        return Ok((atom(graph, tokens[at]), at + 1));
    }
    let head = tokens[at + 1];
    let mut children = Vec::new();
    let mut next = at + 2;
    if head == "apply" {
        let name = tokens[next].trim_end_matches('\'');
        let order = u32::try_from(tokens[next].len() - name.len()).unwrap();
        children.push(graph.function(name, order));
        next += 1;
    }
    while tokens[next] != ")" {
        let (child, end) = expression(graph, tokens, next)?;
        children.push(child);
        next = end;
    }
    if head == "sub" || head == "neg" {
        let minus = graph.integer(-1);
        let last = children.pop().unwrap();
        let negated = graph.node(Op::Scale, &[minus, last])?;
        let id = if head == "sub" {
            graph.node(Op::Add, &[children[0], negated])?
        } else {
            negated
        };
        return Ok((id, next + 1));
    }
    let (op, _) = Op::from_head(head).unwrap_or_else(|| panic!("no operation {head}"));
    Ok((graph.node(op, &children)?, next + 1))
}

fn atom(graph: &mut Graph, token: &str) -> Id {
    if let Some(name) = token.strip_prefix('$') {
        return graph.dimension(dimension(name));
    }
    if let Ok(number) = token.parse::<Rational>() {
        return graph.number(number);
    }
    graph
        .variable(token)
        .unwrap_or_else(|| panic!("no variable {token}"))
}
