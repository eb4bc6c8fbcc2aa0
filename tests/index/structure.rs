//! The form of blocks.

use hbp::calculus::index::Form;

use crate::support::{equations, expression, module};

/// A module, a variable, and its Hessian's form: `zero`, `diagonal <entries>`, `<A> ⊗ <B>` per product, `blocks`,
/// `dense`.
const FORMS: &[(&str, &str, &str)] = &[
    (
        "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }",
        "W",
        "x[i] x[j] ⊗ hess(z)[i,j]",
    ),
    (
        "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }",
        "x",
        "dense",
    ),
    (
        "module f(X: R[n, k]) -> Z: R[n, k] { param W: R[n, n]; Z = X + W*X }",
        "X",
        "dense",
    ),
    // hess(e) times the square of the gradient has no form; see the residual.
    (
        "module f(X: R[n, k], Y: R[m, k]) -> e: R { param W: R[m, n]; e = norm2(W*X - Y)^2/2 }",
        "W",
        "dense",
    ),
    (
        "module f(x: R[n], u: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x + 0*W*u }",
        "u",
        "zero",
    ),
    (
        "module f(x: R[n]) -> e: R { param y: R[n]; e = (x - y)'*(x - y) }",
        "x",
        "dense",
    ),
];

#[test]
fn blocks_have_their_form() {
    for (text, variable, expected) in FORMS {
        let (_, module) = module(text);
        let form = equations(&module, variable).hessian.form().unwrap();
        let shown = match &form {
            Form::Zero => "zero".to_owned(),
            Form::Diagonal(entries) => format!("diagonal {entries}"),
            Form::Kronecker(products) if products.len() == 1 => {
                format!("{} ⊗ {}", products[0].0, products[0].1)
            }
            Form::Kronecker(products) => format!("kronecker {}", products.len()),
            Form::BlockDiagonal(_) => "blocks".to_owned(),
            Form::Dense => "dense".to_owned(),
        };
        assert_eq!(shown, *expected, "{text} {variable}");
    }
}

#[test]
fn residuals_have_their_form() {
    for (text, variable, expected) in [
        (
            "module f(x: R[n]) -> z: R[n] { z = sin(x) }",
            "x",
            "diagonal -grad(z)[i] sin(x[i])",
        ),
        (
            "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = sin(W*x) }",
            "W",
            "x[i] x[j] ⊗ -δ[i,j] grad(z)[i] sin(Σ_l W[i,l] x[l])",
        ),
        (
            "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = phi(W .* (ones(m)*x'))*x }",
            "W",
            "diagonal grad(z)[i] x[j]^3 phi''(W[i,j] x[j])",
        ),
        (
            "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }",
            "W",
            "zero",
        ),
        (
            "module f(X: R[n, k], Y: R[m, k]) -> e: R { param W: R[m, n]; e = norm2(W*X - Y)^2/2 }",
            "W",
            "Σ_k X[i,k] X[j,k] ⊗ δ[i,j] grad(e)",
        ),
        (
            "module f(x: R[n], y: R[n]) -> e: R { param W: R[m, n]; e = x'*W'*W*x + 2*y'*W'*W*y }",
            "W",
            "x[i] x[j] + 2 y[i] y[j] ⊗ 2 δ[i,j] grad(e)",
        ),
        (
            "module f(X: R[n, k]) -> e: R { param A: R[n, n]; e = tr(X'*A*X) }",
            "X",
            "δ[i,j] ⊗ A[i,j] grad(e) + A[j,i] grad(e)",
        ),
        (
            "module f(X: R[n, k]) -> e: R { e = sum(softmax(X) .* X) }",
            "X",
            "blocks",
        ),
        (
            "module f(X: R[n, k]) -> e: R { e = norm2(X) }",
            "X",
            "dense",
        ),
    ] {
        let (_, module) = module(text);
        let form = equations(&module, variable).residual.form().unwrap();
        let shown = match &form {
            Form::Zero => "zero".to_owned(),
            Form::Diagonal(entries) => format!("diagonal {entries}"),
            Form::Kronecker(products) if products.len() == 1 => {
                format!("{} ⊗ {}", products[0].0, products[0].1)
            }
            Form::Kronecker(products) => format!("kronecker {}", products.len()),
            Form::BlockDiagonal(_) => "blocks".to_owned(),
            Form::Dense => "dense".to_owned(),
        };
        assert_eq!(shown, expected, "{text} {variable}");
    }
}

#[test]
fn factors_go_back_to_matrix_notation() {
    let text = "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = phi(W*x + b) }";
    let (file, mut module) = module(text);
    let hessian = equations(&module, "W").hessian;
    let Form::Kronecker(products) = hessian.form().unwrap() else {
        panic!("{hessian}")
    };
    assert_eq!(products.len(), 1, "{hessian}");
    let left = products[0].0.to_graph(&mut module.graph).unwrap();
    let right = products[0].1.to_graph(&mut module.graph).unwrap();
    let expected = expression(&file, &mut module, "x*x'");
    assert_eq!(left, expected);
    let expected = expression(
        &file,
        &mut module,
        "diag(phi'(W*x + b))*hess(z)*diag(phi'(W*x + b)) + diag(phi''(W*x + b) .* grad(z))",
    );
    assert_eq!(
        hbp::calculus::index::equal(&module.graph, right, expected, &[]),
        hbp::calculus::index::Decision::Equal
    );
}

/// Proofs write functions in terms of exp; a form that is to be run keeps them, with their digits.
#[test]
fn a_form_as_written_keeps_every_function() {
    use hbp::calculus::index::{form_as_written, normal_form};
    let (file, mut module) = module("module f(x: R[n]) -> z: R[n] { z = x }");
    let value = expression(&file, &mut module, "tanh(x) .* sigmoid'(x)");
    let kept = form_as_written(&module.graph, value).unwrap().to_string();
    assert_eq!(kept, "sigmoid'(x[i]) tanh(x[i])");
    let unfolded = normal_form(&module.graph, value).unwrap().to_string();
    assert!(
        unfolded.contains("exp") && !unfolded.contains("tanh"),
        "{unfolded}"
    );
}
