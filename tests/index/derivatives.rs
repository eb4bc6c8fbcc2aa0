//! Derivatives against the known answers, and against differences of the core's own numbers.

use hbp::calculus::index::{Decision, differentiate, normal_form};

use crate::support::{equations, expression, module};

/// Each: the declarations, the output, the variable, its Jacobian (or the gradient's transpose).
const JACOBIANS: &[(&str, &str, &str, &str)] = &[
    // Known answers 1-9
    ("x: R[n], A: R[n, n]", "x'*A*x", "x", "((A + A')*x)'"),
    (
        "x: R[n], A: R[m, n], b: R[m]",
        "norm2(A*x - b)^2",
        "x",
        "2*(A'*(A*x - b))'",
    ),
    (
        "x: R[n], A: R[m, n], b: R[m]",
        "norm2(A*x - b)",
        "x",
        "(A'*(A*x - b))'/norm2(A*x - b)",
    ),
    ("x: R[n]", "log(sum(exp(x)))", "x", "softmax(x)'"),
    (
        "w: R[n], X: R[m, n], y: R[m]",
        "sum(log(ones(m) + exp(-y .* (X*w))))",
        "w",
        "-(X'*(y .* sigmoid(-y .* (X*w))))'",
    ),
    (
        "x: R[n], t: R[n]",
        "-t'*log(softmax(x))",
        "x",
        "(sum(t)*softmax(x) - t)'",
    ),
    (
        "X: R[n, k], A: R[p, n], B: R[k, n], C: R[k, p]",
        "tr(A*X*B*X*C)",
        "X",
        "vec((B*X*C*A)' + (C*A*X*B)')'",
    ),
    (
        "X: R[n, k], A: R[n, n]",
        "tr(X'*A*X)",
        "X",
        "vec((A + A')*X)'",
    ),
    // 10-17
    (
        "X: R[n, k], A: R[m, n], B: R[k, p], C: R[m, p]",
        "norm2(A*X*B - C)^2",
        "X",
        "2*vec(A'*(A*X*B - C)*B')'",
    ),
    ("X: R[n, n]", "logdet(X)", "X", "vec(inv(X)')'"),
    ("X: R[n, n]", "det(X)", "X", "det(X)*vec(inv(X)')'"),
    (
        "X: R[n, k], A: R[n, n] symmetric",
        "logdet(X'*A*X)",
        "X",
        "2*vec(A*X*inv(X'*A*X))'",
    ),
    (
        "X: R[n, n], A: R[n, n]",
        "tr(inv(X)*A)",
        "X",
        "-vec(inv(X)'*A'*inv(X)')'",
    ),
    ("X: R[n, n]", "tr(X*X*X)", "X", "3*vec((X*X)')'"),
    (
        "X: R[n, k], A: R[k, n], B: R[n, k]",
        "tr(A*(B .* X))",
        "X",
        "vec(A' .* B)'",
    ),
    (
        "P: R[n, n], S: R[n, n]",
        "tr(S*P) - logdet(P)",
        "P",
        "vec(S' - inv(P)')'",
    ),
    // 18-25
    ("X: R[n, k], A: R[m, n], B: R[k, p]", "A*X*B", "X", "B'⊗A"),
    (
        "X: R[n, n], A: R[m, n], B: R[n, p]",
        "A*inv(X)*B",
        "X",
        "-(B'*inv(X)')⊗(A*inv(X))",
    ),
    ("X: R[n, q]", "X'", "X", "commutation(n, q)"),
    (
        "X: R[n, q]",
        "X*X'",
        "X",
        "(eye(n*n) + commutation(n, n))*(X⊗eye(n))",
    ),
    (
        "X: R[n, q]",
        "X'*X",
        "X",
        "(eye(q*q) + commutation(q, q))*(eye(q)⊗X')",
    ),
    (
        "x: R[n]",
        "softmax(x)",
        "x",
        "diag(softmax(x)) - softmax(x)*softmax(x)'",
    ),
    (
        "x: R[n]",
        "x/norm2(x)",
        "x",
        "(eye(n) - (x/norm2(x))*(x/norm2(x))')/norm2(x)",
    ),
    (
        "x: R[n], A: R[n, n]",
        "x .* (A*x)",
        "x",
        "diag(A*x) + diag(x)*A",
    ),
    ("x: R[n]", "vec(x*x')", "x", "x⊗eye(n) + eye(n)⊗x"),
    ("X: R[n, k], B: R[n, k]", "B .* X", "X", "diag(vec(B))"),
    // Others
    (
        "x: R[n], a: R[n]",
        "kron(x, exp(x))",
        "x",
        "eye(n)⊗exp(x) + x⊗diag(exp(x))",
    ),
    ("x: R[n], p: R", "x .^ p", "x", "diag(p*x .^ (p - 1))"),
    ("x: R[n], p: R", "x .^ p", "p", "log(x) .* x .^ p"),
    ("X: R[n, k]", "softmax(X)'*ones(n)", "X", "zeros(k, n*k)"),
    ("x: R[n]", "relu(x)", "x", "diag(step(x))"),
    ("x: R[n]", "diagvec(x*x')", "x", "2*diag(x)"),
    ("x: R[n]", "inv(diag(x))*x", "x", "zeros(n, n)"),
    ("x: R[n]", "gelu'(x)", "x", "diag(gelu''(x))"),
    (
        "x: R[n]",
        "reshape(x*x', n*n, 1)",
        "x",
        "x⊗eye(n) + eye(n)⊗x",
    ),
];

#[test]
fn jacobians_are_the_known_ones() {
    for (declarations, output, variable, expected) in JACOBIANS {
        let text = format!("module f({declarations}) -> unit: R {{ unit = 1 }}");
        let text = text
            .replace("unit = 1", "unit = 1 + 0*UNUSED")
            .replace("UNUSED", &unused(declarations));
        let (file, mut module) = module(&text);
        let output_id = expression(&file, &mut module, output);
        let expected_id = expression(&file, &mut module, expected);
        let jacobian = differentiate(&module.graph, output_id, variable)
            .unwrap_or_else(|e| panic!("{output}: {e}"));
        assert_eq!(
            jacobian.equals(&module.graph, expected_id),
            Decision::Equal,
            "D({output})\n  {jacobian}\n  {}",
            normal_form(&module.graph, expected_id).unwrap()
        );
        // A planted error is seen.
        let doubled = expression(&file, &mut module, &format!("3*({expected})"));
        if !jacobian.is_zero() {
            assert_ne!(
                jacobian.equals(&module.graph, doubled),
                Decision::Equal,
                "{output}"
            );
        }
    }
}

/// A use of every declared name, so that none is reported.
fn unused(declarations: &str) -> String {
    let names = declarations
        .split(", ")
        .filter_map(|d| d.split_once(':'))
        .map(|(name, _)| format!("sum({name})"));
    format!("({})", names.collect::<Vec<_>>().join(" + "))
}

const LAYERS: &[(&str, &str, &str)] = &[
    // S.8c, S.9, S.11, S.12c in both forms
    (
        "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }",
        "x",
        "W'*hess(z)*W",
    ),
    (
        "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }",
        "W",
        "(x*x')⊗hess(z)",
    ),
    (
        "module f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = W*x + b }",
        "b",
        "hess(z)",
    ),
    (
        "fn phi(t)\nmodule f(x: R[n]) -> z: R[n] { z = phi(x) }",
        "x",
        "diag(phi'(x))*hess(z)*diag(phi'(x)) + diag(phi''(x) .* grad(z))",
    ),
    (
        "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*phi(x) }",
        "x",
        "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))",
    ),
    (
        "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*phi(x) }",
        "x",
        "(W*diag(phi'(x)))'*hess(z)*W*diag(phi'(x)) + diag(phi''(x) .* (W'*grad(z)))",
    ),
    (
        "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*phi(x) }",
        "W",
        "(phi(x)*phi(x)')⊗hess(z)",
    ),
    (
        "fn phi(t)\nmodule f(x: R[n]) -> z: R[m] { param W: R[m, n]; param b: R[m]; z = phi(W*x + b) }",
        "W",
        "(x*x')⊗(diag(phi'(W*x + b))*hess(z)*diag(phi'(W*x + b)) + diag(phi''(W*x + b) .* grad(z)))",
    ),
    (
        "module f(z: R[n]) -> e: R { param y: R[n]; e = (y - z)'*(y - z) }",
        "z",
        "2*grad(e)*eye(n) + 4*hess(e)*(z - y)*(z - y)'",
    ),
    (
        "module f(x: R[n]) -> e: R { param y: R[n] distribution; e = sum(y)*logsumexp(x) - y'*x }",
        "x",
        "grad(e)*(diag(softmax(x)) - softmax(x)*softmax(x)') + hess(e)*(softmax(x) - y)*(softmax(x) - y)'",
    ),
    (
        "module f(x: R[n]) -> z: R[n] { param W: R[m, n]; z = W'*tanh(W*x) }",
        "x",
        "(W'*diag(tanh'(W*x))*W)*hess(z)*(W'*diag(tanh'(W*x))*W) + W'*diag(tanh''(W*x) .* (W*grad(z)))*W",
    ),
    (
        "module f(X: R[n, k]) -> Z: R[n, k] { param W: R[n, n]; Z = X + W*X }",
        "X",
        "(eye(n*k) + eye(k)⊗W)'*hess(Z)*(eye(n*k) + eye(k)⊗W)",
    ),
    (
        "module f(X: R[n, k]) -> Z: R[n, k] { param W: R[n, n]; Z = X + W*X }",
        "W",
        "(X⊗eye(n))*hess(Z)*(X'⊗eye(n))",
    ),
    (
        "module f(x: R[n]) -> z: R[n] { z = sigmoid(x) }",
        "x",
        "diag(sigmoid(x) .* (ones(n) - sigmoid(x)))*hess(z)*diag(sigmoid(x) .* (ones(n) - sigmoid(x))) + diag(sigmoid''(x) .* grad(z))",
    ),
];

#[test]
fn hessians_are_the_known_ones() {
    for (text, variable, expected) in LAYERS {
        let (file, mut module) = module(text);
        let equations = equations(&module, variable);
        let id = expression(&file, &mut module, expected);
        let decision = equations.hessian.equals(&module.graph, id);
        assert_eq!(
            decision,
            Decision::Equal,
            "{text} {variable}\n  {}",
            equations.hessian
        );
        for wrong in [
            format!("2*({expected})"),
            expected.replace("phi'(", "phi("),
            expected.replace("hess(z)*W", "hess(z)'*W*2"),
        ] {
            if wrong != *expected {
                let id = expression(&file, &mut module, &wrong);
                assert_ne!(
                    equations.hessian.equals(&module.graph, id),
                    Decision::Equal,
                    "{wrong}"
                );
            }
        }
    }
}

#[test]
fn what_has_no_derivative_is_an_error() {
    let (file, mut module) = module("module f(S: R[n, n] symmetric) -> z: R { z = tr(S) }");
    for (text, name) in [
        ("tr(eigabs(S))", "`eigabs`"),
        ("sum(eigclip(S*S))", "`eigclip`"),
    ] {
        let id = expression(&file, &mut module, text);
        let error = differentiate(&module.graph, id, "S")
            .expect_err("no rule")
            .to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(differentiate(&module.graph, module.output.1, "nobody").is_err());
}
