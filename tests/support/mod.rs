//! Modules written in the notation of the rules, for tests below the language floor.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::must_use_candidate,
    reason = "each test uses a part of it"
)]

pub mod numbers;
pub mod random;
pub mod symbols;

use hbp::expr::{
    Dimension, Facts, FunctionDefinition, Graph, Id, Module, Op, Rational, Role, Shape, Variable,
};

/// A module from declarations `x: n`, `W*: m n` (a star marks a parameter) and an expression for the output z.
pub fn module(declarations: &[&str], locals: &[(&str, &str)], output: &str) -> Module {
    let mut graph = Graph::default();
    let (mut inputs, mut parameters) = (Vec::new(), Vec::new());
    for declaration in declarations {
        let (name, sizes) = declaration.split_once(':').expect("name: sizes");
        let parameter = name.ends_with('*');
        let name = name.trim_end_matches('*');
        let mut sizes = sizes.split_whitespace().map(|size| {
            size.parse()
                .map_or_else(|_| Dimension::named(size), Dimension::constant)
        });
        let rows = sizes.next().unwrap_or_else(Dimension::one);
        let cols = sizes.next().unwrap_or_else(Dimension::one);
        let role = if parameter {
            Role::Parameter
        } else {
            Role::Input
        };
        graph.declare(
            name,
            Variable {
                shape: Shape::matrix(rows, cols),
                role,
                facts: Facts::default(),
            },
        );
        if parameter {
            parameters.push(name.into());
        } else {
            inputs.push(name.into());
        }
    }
    let mut known: Vec<(hbp::expr::Name, Id)> = Vec::new();
    for (name, text) in locals {
        let id = expression(&mut graph, &known, text);
        known.push(((*name).into(), id));
    }
    let z = expression(&mut graph, &known, output);
    Module {
        name: "test".into(),
        graph,
        inputs,
        parameters,
        locals: known,
        output: ("z".into(), z),
        model: None,
    }
}

/// One expression; a name is a local, a variable, or an elementwise function.
pub fn expression(graph: &mut Graph, locals: &[(hbp::expr::Name, Id)], text: &str) -> Id {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut position = 0;
    let id = read(graph, locals, &tokens, &mut position);
    assert_eq!(position, tokens.len(), "left over in {text}");
    id
}

fn read(
    graph: &mut Graph,
    locals: &[(hbp::expr::Name, Id)],
    tokens: &[&str],
    position: &mut usize,
) -> Id {
    let token = tokens[*position];
    *position += 1;
    if token != "(" {
        return leaf(graph, locals, token);
    }
    let (op, _) = Op::from_head(tokens[*position]).expect("an operation");
    *position += 1;
    let mut children = Vec::new();
    while tokens[*position] != ")" {
        children.push(read(graph, locals, tokens, position));
    }
    *position += 1;
    graph.node(op, &children).expect("well shaped")
}

fn leaf(graph: &mut Graph, locals: &[(hbp::expr::Name, Id)], token: &str) -> Id {
    if let Some((_, id)) = locals.iter().find(|(name, _)| &**name == token) {
        return *id;
    }
    if let Some(id) = graph.variable(token) {
        return id;
    }
    if let Some(size) = token.strip_prefix('#') {
        let d = size
            .parse()
            .map_or_else(|_| Dimension::named(size), Dimension::constant);
        return graph.dimension(d);
    }
    if let Ok(value) = token.parse::<Rational>() {
        return graph.number(value);
    }
    let name = token.trim_end_matches('\'');
    let known = if name == "phi" {
        FunctionDefinition::Abstract
    } else {
        FunctionDefinition::Builtin
    };
    graph.define(name, known);
    graph.function(name, u32::try_from(token.len() - name.len()).expect("few"))
}
