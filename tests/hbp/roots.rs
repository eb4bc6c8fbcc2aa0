//! Equations where roots travel.

use hbp::expr::{Draw, Matrix, Names, Sizes, evaluate, print, random_environment};
use hbp::hbp::{Batch, Curvature, Equations, rooted};
use hbp::rewrite::{Rewriter, Style};

use super::derived;

const TEXT: &str = "fn phi(t)
    module composite[m](x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*phi(x) + b }
    module gated[m](x: R[n]) -> z: R[m] { param U: R[m, n]\n param V: R[m, n]\n z = (U*x) .* sigmoid(V*x) }
    module twice(x: R[n], y: R[n]) -> z: R[n] { param s: R[n]\n z = softmax(s .* x) .* tanh(y) }
    module norm(x: R[n]) -> z: R[n] { z = layer_norm(x) }";

fn of(module: &str, batch: Batch) -> Equations {
    let file = hbp::parse("roots.hbp", TEXT).expect("well formed");
    let (exact, _) = derived(&file.module(module).expect("defined"));
    let (ggn, style) = (Curvature::GaussNewton, Style::Hadamard);
    rooted(exact, ggn, batch, style, Rewriter::embedded()).expect("few variables")
}

/// root(v) root(v)' is hess(v) for hess(z) = root(z) root(z)'.
#[test]
fn roots_are_roots_of_the_blocks() {
    for module in ["composite", "gated", "twice", "norm"] {
        let equations = of(module, Batch::Exact);
        let module = &equations.module;
        let names = module.dimensions().into_iter();
        let columns = [("C".into(), 2)];
        let sizes: Sizes = names.zip([3, 2, 4]).chain(columns).collect();
        let mut environment =
            random_environment(&module.graph, &sizes, 1, 5, Draw::Normal).expect("small");
        let root = environment.get("root(z)").expect("declared").clone();
        let hessian = root.times(&root.transpose()).expect("fits");
        environment.set("hess(z)", &hessian);
        for equation in &equations.equations {
            let value = |id| evaluate(&module.graph, id, &environment).expect("a value");
            let root = value(equation.root.expect("samples are exact"));
            let square: Matrix<f64> = root.times(&root.transpose()).expect("fits");
            let block = value(equation.hessian);
            let top = block
                .values()
                .iter()
                .fold(1e-9f64, |top, v| top.max(v.abs()));
            for (a, b) in square.values().iter().zip(block.values()) {
                assert!(
                    (a - b).abs() < 1e-11 * top,
                    "{}: {a} is not {b}",
                    equation.variable
                );
            }
        }
    }
}

#[test]
fn roots_read_as_a_person_would_write_them() {
    let exact = of("composite", Batch::Exact);
    let factors = of("composite", Batch::AverageHessian);
    let shown = |equations: &Equations, k: usize| {
        let equation = &equations.equations[k];
        let graph = &equations.module.graph;
        let text = |id| print(graph, id, &Names::default());
        (text(equation.hessian), equation.root.map(text))
    };
    let root = Some("diag(phi'(x))*W'*root(z)".to_owned());
    let hessian = "(W'*hess(z)*W) .* (phi'(x)*phi'(x)')".to_owned();
    assert_eq!(shown(&exact, 0), (hessian.clone(), root.clone()));
    assert_eq!(shown(&factors, 0), (hessian, root));
    let weight = "(phi(x)*phi(x)') ⊗ hess(z)".to_owned();
    assert_eq!(shown(&exact, 1), (weight, Some("phi(x) ⊗ root(z)".into())));
    let means = "E(phi(x)*phi(x)') ⊗ E(hess(z))".to_owned();
    assert_eq!(shown(&factors, 1), (means, None));
}
