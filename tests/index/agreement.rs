//! The two derivations, symbolically.

use hbp::calculus::index::{Decision, Upstream, derive};
use hbp::hbp::Request;
use hbp::rewrite::{Report, Rewriter};

use crate::support::declared;

const MODULES: &[&str] = &[
    "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = tanh(W*x + b) }",
    "module f(x: R[n]) -> z: R[n] { z = layer_norm(x) }",
    "fn swish(t) = t*sigmoid(t)\nmodule f(x: R[n]) -> z: R[m] { param U: R[m, n]; param V: R[m, n]; z = (U*x) .* swish(V*x) }",
    "module f(x: R[n]) -> z: R[n] { param W: R[m, n]; z = W'*sigmoid(W*x) }",
    "module f(X: R[n, k]) -> Z: R[n, k] { param W: R[n, n]; Z = X + W*X }",
    "module f(X: R[m, k]) -> Z: R[m, k] { param Q: R[m, m]; param V: R[m, m]; Z = V*X*softmax(X'*Q*X/sqrt(m)) }",
    "module f(z: R[n], y: R[n] distribution) -> e: R { e = sum(y)*logsumexp(z) - y'*z }",
    "module f(x: R[n]) -> z: R[n] { z = x/sqrt(x'*x + 1) }",
];

#[test]
fn both_derivations_agree() {
    for text in MODULES {
        let module = declared(text);
        let request = Request::default();
        let equations = hbp::hbp::derive(
            &module,
            &request,
            Rewriter::embedded(),
            &mut Report::default(),
        )
        .unwrap();
        let graph = &equations.module.graph;
        let (name, output) = &equations.module.output;
        for by_rules in &equations.equations {
            let own = derive(graph, *output, Upstream::Output(name), &by_rules.variable).unwrap();
            for (what, form, id) in [
                ("gradient", &own.gradient, by_rules.gradient),
                ("jacobian", &own.jacobian, by_rules.jacobian),
                ("residual", &own.residual, by_rules.residual),
                ("hessian", &own.hessian, by_rules.hessian),
            ] {
                let decision = form.equals(graph, id);
                assert_eq!(
                    decision,
                    Decision::Equal,
                    "{what} of {} in {text}",
                    by_rules.variable
                );
            }
        }
    }
}
