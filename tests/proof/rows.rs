//! Rows of a weight: the block of a group of rows is the congruence of the whole with `I ⊗ S`, S a selection of rows.

use hbp::language::parse;
use hbp::proof::{Claim, Verdict, prove};
use hbp::rewrite::Rewriter;

/// Modules with a weight W whose block is `A ⊗ B`: the inputs and body, A and B.
const MODULES: [(&str, &str, &str); 5] = [
    ("z = W*x", "x*x'", "hess(z)"),
    ("param b: R[m]; z = W*x + b", "x*x'", "hess(z)"),
    (
        "param b: R[m]; z = W*phi(x) + b",
        "phi(x)*phi(x)'",
        "hess(z)",
    ),
    ("param c: R[m]; z = c .* (W*x)", "x*x'", "hess(z) .* (c*c')"),
    (
        "z = phi(W*x)",
        "x*x'",
        "diag(phi'(W*x))*hess(z)*diag(phi'(W*x)) + diag(phi''(W*x) .* grad(z))",
    ),
];

fn proved(text: &str, left: &str, right: &str) -> bool {
    let file = parse("rows.hbp", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let claim = Claim {
        module: file.module("rows").expect("defined"),
        lets: Vec::new(),
        left: left.to_owned(),
        right: right.to_owned(),
        seed: 0,
    };
    match prove(&file, &claim, Rewriter::embedded()) {
        // With no step the derived block is that very expression.
        Ok(Verdict::Proved { .. }) => true,
        Ok(Verdict::Refuted(_)) => false,
        other => panic!("{left} = {right}: {other:?}"),
    }
}

#[test]
fn a_group_of_rows_has_the_part_of_the_right_factor() {
    for (body, a, b) in MODULES {
        let text = format!(
            "fn phi(t)\nmodule rows(x: R[n]) -> z: R[m] {{ param W: R[m, n]; param S: R[k, m]; {body} + 0*(S'*(S*zeros(m))) }}"
        );
        let congruence = "kron(eye(n), S)*hess(W)*kron(eye(n), S)'";
        let right = format!("kron({a}, S*({b})*S')");
        assert!(proved(&text, congruence, &right), "{body}");
        let wrong = format!("kron({a}, S*({b})*({b})*S')");
        assert!(!proved(&text, congruence, &wrong), "{body}");
    }
}

/// The same from a weight that moves its rows only: `W + S' V`.
#[test]
fn rows_that_move_alone_have_that_block() {
    let text = "module rows(x: R[n]) -> z: R[m] { param W: R[m, n]; param S: R[k, m]; param V: R[k, n]; z = (W + S'*V)*x }";
    assert!(proved(text, "hess(V)", "kron(x*x', S*hess(z)*S')"));
    let congruence = "kron(eye(n), S)*hess(W)*kron(eye(n), S)'";
    assert!(proved(text, "hess(V)", congruence));
}
