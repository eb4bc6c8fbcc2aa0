//! Equations of every mode as they must be printed, and what they say was given up.

use hbp::expr::Names;
use hbp::hbp::{Batch, Curvature, Equations, Request, approximate, derive, row_major};
use hbp::rewrite::{Report, Rewriter, Style};

fn approximated(module: &str, curvature: Curvature, batch: Batch) -> Equations {
    const TEXT: &str = "fn phi(t)
        module composite[m](x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*phi(x) + b }
        module activation(x: R[n]) -> z: R[n] { z = phi(x) }
        module residual(x: R[n]) -> z: R[n] { z = x + phi(x) }
        module weighted(x: R[n]) -> z: R[n] { param a: R\n z = phi(x) - 0.5*a*x }";
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

/// Around an activation a skip connection leaves the Jacobian diagonal, so (6) leaves one mean of outer products.
#[test]
fn a_skip_around_an_activation_averages_as_a_hadamard_product() {
    let mode = (Curvature::GaussNewton, Batch::AverageHessian);
    let u = "(ones(n) + phi'(x))";
    let text = format!("E(hess(z)) .* E({u}*{u}')");
    let given_up = ["average-hessian", "ggn"];
    check("residual", mode, "x", &text, &given_up);
    let u = "(phi'(x) - 0.5*a*ones(n))";
    let text = format!("E(hess(z)) .* E({u}*{u}')");
    check("weighted", mode, "x", &text, &given_up);
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

/// With rows stacked a block is the same up to the order of its rows and columns, and so is what was given up.
#[test]
fn averages_read_by_rows() {
    use hbp::expr::{Draw, Sizes, evaluate, random_environment};
    for batch in [Batch::AverageHessian, Batch::AverageJacobian] {
        let columns = approximated("composite", Curvature::PositiveAbs, batch);
        let rows = row_major(columns.clone(), Style::Hadamard, Rewriter::embedded()).unwrap();
        let sizes = Sizes::from([("m".into(), 2), ("n".into(), 3)]);
        // Both graphs declare the same variables in the same order, so they are drawn alike.
        let values = |equations: &Equations, id| {
            let graph = &equations.module.graph;
            let at = random_environment(graph, &sizes, 3, 11, Draw::Normal).unwrap();
            evaluate(graph, id, &at).unwrap()
        };
        let by_rows = |k: usize| k / 3 + k % 3 * 2;
        let weight = |equations: &Equations| equations.equations[1].clone();
        let (column, row) = (weight(&columns), weight(&rows));
        let mut pairs = vec![(column.hessian, row.hessian)];
        for (a, b) in column.given_up.iter().zip(&row.given_up) {
            pairs.extend([(a.before, b.before), (a.after, b.after)]);
        }
        for (column, row) in pairs {
            let (a, b) = (values(&columns, column), values(&rows, row));
            for i in 0..6 {
                for j in 0..6 {
                    let difference = a[(by_rows(i), by_rows(j))] - b[(i, j)];
                    assert!(difference.abs() < 1e-12, "{batch} entry {i}, {j}");
                }
            }
        }
        let text = hbp::expr::print(&rows.module.graph, row.hessian, &Names::default());
        assert!(text.starts_with("E(hess(z)) ⊗ "), "{text}");
    }
}
