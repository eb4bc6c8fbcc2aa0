//! A graph with the usual symbols, for tests of notations.

use hbp::expr::{Graph, Id, Module};

use super::{expression, module};

/// A module with matrices A, B (n × n), W (m × n), vectors x, y (n), scalars s, t and a gradient and Hessian
/// at z (m).
pub fn symbols() -> Module {
    let declarations = [
        "A: n n",
        "B: n n",
        "W: m n",
        "x: n",
        "y: n",
        "s:",
        "t:",
        "grad(z): m",
        "hess(z): m m",
    ];
    module(&declarations, &[], "(mul W x)")
}

/// The graph of [`symbols`].
pub fn graph() -> Graph {
    symbols().graph
}

/// Builds an expression written in the rules' notation, with `dz` for `grad(z)` and `Hz` for `hess(z)`.
pub fn build(g: &mut Graph, text: &str) -> Id {
    let short = [("dz", "grad(z)"), ("Hz", "hess(z)")];
    let known: Vec<_> = short
        .map(|(s, name)| (s.into(), g.variable(name).unwrap()))
        .into();
    expression(g, &known, text)
}
