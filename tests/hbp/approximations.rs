//! Equations of every mode as they must be printed, and what they say was given up.

use hbp::expr::Names;
use hbp::hbp::{Batch, Curvature, Equations, Request, approximate, derive};
use hbp::rewrite::{Report, Rewriter, Style};

fn approximated(module: &str, curvature: Curvature, batch: Batch) -> Equations {
    const TEXT: &str = "fn phi(t)
        module composite[m](x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*phi(x) + b }
        module activation(x: R[n]) -> z: R[n] { z = phi(x) }";
    let file = hbp::parse("modes.hbp", TEXT).expect("well formed");
    let module = file.module(module).expect("defined");
    let rewriter = Rewriter::embedded();
    let exact = derive(
        &module,
        &Request::default(),
        rewriter,
        &mut Report::default(),
    );
    let exact = exact.expect("derivable");
    approximate(exact, curvature, batch, Style::Hadamard, rewriter).expect("few variables")
}

/// The block of a variable and the names of what was given up, the loss aside.
fn block(equations: &Equations, variable: &str) -> (String, Vec<String>) {
    let found = equations
        .equations
        .iter()
        .find(|e| &*e.variable == variable);
    let equation = found.expect("derived");
    let text = hbp::expr::print(&equations.module.graph, equation.hessian, &Names::default());
    (
        text,
        equation.given_up.iter().map(|g| g.name.clone()).collect(),
    )
}

fn check(module: &str, mode: (Curvature, Batch), variable: &str, text: &str, given_up: &[&str]) {
    let (found, names) = block(&approximated(module, mode.0, mode.1), variable);
    assert_eq!(found, text, "{module} {variable} {mode:?}");
    assert_eq!(names, given_up, "{module} {variable} {mode:?}");
}

#[test]
fn the_composite_module_in_every_mode() {
    use Batch::{AverageHessian, AverageJacobian, Exact};
    use Curvature::{GaussNewton, Hessian, PositiveAbs, PositiveClip};
    let carried = "(W'*E(hess(z))*W) .* E(phi'(x)*phi'(x)')";
    for (mode, text, given_up) in [
        (
            (GaussNewton, Exact),
            "(W'*hess(z)*W) .* (phi'(x)*phi'(x)')".to_owned(),
            vec!["ggn"],
        ),
        (
            (PositiveAbs, Exact),
            "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(abs(phi''(x) .* (W'*grad(z))))".into(),
            vec!["pch-abs"],
        ),
        (
            (Hessian, AverageHessian),
            format!("{carried} + diag(E(phi''(x) .* (W'*grad(z))))"),
            vec!["average-hessian"],
        ),
        (
            (GaussNewton, AverageHessian),
            carried.into(),
            vec!["average-hessian", "ggn"],
        ),
        (
            (PositiveClip, AverageHessian),
            format!("{carried} + diag(relu(E(phi''(x) .* (W'*grad(z)))))"),
            vec!["average-hessian", "pch-clip"],
        ),
    ] {
        check("composite", mode, "x", &text, &given_up);
    }
    let weight = "E(phi(x)*phi(x)') ⊗ E(hess(z))";
    check(
        "composite",
        (PositiveAbs, AverageHessian),
        "W",
        weight,
        &["average-hessian"],
    );
    let weight = "(E(phi(x))*E(phi(x))') ⊗ E(hess(z))";
    let both = ["average-hessian", "average-jacobian"];
    check(
        "composite",
        (PositiveAbs, AverageJacobian),
        "W",
        weight,
        &both,
    );
    // The bias sends on what arrives: its mean is exact in every mode.
    check(
        "composite",
        (PositiveAbs, AverageJacobian),
        "b",
        "E(hess(z))",
        &[],
    );
    let activation = "E(hess(z)) .* E(phi'(x)*phi'(x)')";
    check(
        "activation",
        (GaussNewton, AverageHessian),
        "x",
        activation,
        &["average-hessian", "ggn"],
    );
}

#[test]
fn exact_hessians_give_nothing_up() {
    let equations = approximated("composite", Curvature::Hessian, Batch::Exact);
    assert!(equations.equations.iter().all(|e| e.given_up.is_empty()));
}
