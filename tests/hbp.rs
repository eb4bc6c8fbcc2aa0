//! Derived equations: printed, and against hyper-dual numbers.

mod support;

use hbp::expr::{
    Draw, Matrix, Module, Name, Names, evaluate, print, print_definition, random_environment, size,
    witness,
};
use hbp::hbp::{Equation, Equations, Request, derive};
use hbp::rewrite::{Report, Rewriter};
use support::module;

fn report(equations: &Equations, e: &Equation) -> String {
    let graph = &equations.module.graph;
    let mut names: Names = equations
        .module
        .locals
        .iter()
        .map(|(n, id)| (*id, n.clone()))
        .collect();
    let mut text = String::new();
    for (name, id) in &e.lets {
        text += &format!("    let {name} = {}\n", print(graph, *id, &names));
        names.insert(*id, name.clone());
    }
    text += &format!(
        "    hess({}) = {}   [{:?}]\n",
        e.variable,
        print_definition(graph, e.hessian, &names),
        e.structure
    );
    let n = size(&text);
    text += &format!("    ({n} characters)\n");
    text
}

fn check_numbers(equations: &Equations) {
    let module = &equations.module;
    let graph = &module.graph;
    for seed in 0..2u64 {
        let sizes = [("m", 3), ("n", 2), ("k", 4), ("h", 3)]
            .map(|(n, s)| (Name::from(n), s + seed as usize % 2))
            .into();
        let environment =
            random_environment(graph, &sizes, 1, seed, Draw::Normal).expect("random data");
        let hess = environment
            .get(&format!("hess({})", module.output.0))
            .expect("hess");
        let hess = hess.plus(&hess.transpose()).expect("square");
        let mut environment = environment.clone();
        environment.set(format!("hess({})", module.output.0), &hess);
        let delta = environment
            .get(&format!("grad({})", module.output.0))
            .expect("grad")
            .clone();
        let variables: Vec<Name> = equations
            .equations
            .iter()
            .map(|e| e.variable.clone())
            .collect();
        let w = witness(
            graph,
            module.output.1,
            &variables,
            &environment,
            &delta,
            &hess,
        )
        .expect("witness");
        for e in &equations.equations {
            let close = |what: &str, id, expected: Matrix<f64>| {
                let value = evaluate(graph, id, &environment).expect("evaluates");
                let distance = value.distance(&expected);
                assert!(
                    distance < 1e-9,
                    "{what} of {} is off by {distance}: {}",
                    e.variable,
                    print(graph, id, &Names::default())
                );
            };
            close(
                "gradient",
                e.gradient,
                w.gradient(&e.variable).expect("known"),
            );
            close(
                "jacobian",
                e.jacobian,
                w.jacobian(&e.variable).expect("known"),
            );
            close(
                "hessian",
                e.hessian,
                w.hessian(&e.variable, &e.variable).expect("known"),
            );
        }
    }
}

fn show(title: &str, m: &Module) -> String {
    let start = std::time::Instant::now();
    let mut r = Report::default();
    let equations = match derive(m, &Request::default(), Rewriter::embedded(), &mut r) {
        Ok(e) => e,
        Err(e) => return format!("{title}: {e}\n"),
    };
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let max = r.phases.iter().map(|(_, p)| p.nodes).max();
    let unsaturated = r.phases.iter().filter(|(_, p)| !p.saturated).count();
    let mut text = format!(
        "{title}: {ms:.1} ms, {} phases, {max:?} nodes, {unsaturated} unsaturated\n",
        r.phases.len()
    );
    for e in &equations.equations {
        text += &report(&equations, e);
    }
    check_numbers(&equations);
    text
}

#[test]
fn show_all() {
    let _ = Rewriter::embedded();
    let cases: Vec<(&str, Module)> = vec![
        ("probe1", module(&["x: n"], &[], "(mean (pow x 2))")),
        (
            "probe2",
            module(&["x: n"], &[], "(pow (add (sum (pow x 2)) 1/100000) 1/2)"),
        ),
        (
            "probe3",
            module(&["x: n"], &[], "(pow (add (mean (pow x 2)) 1/100000) 1/2)"),
        ),
        (
            "probe4",
            module(&["x: n"], &[], "(scale (pow (sum (pow x 2)) -1/2) x)"),
        ),
        (
            "linear",
            module(&["x: n", "W*: m n", "b*: m"], &[], "(add (mul W x) b)"),
        ),
        ("elementwise", module(&["x: n"], &[], "(apply phi x)")),
        (
            "composite",
            module(
                &["x: n", "W*: m n", "b*: m"],
                &[],
                "(add (mul W (apply phi x)) b)",
            ),
        ),
        (
            "square loss",
            module(&["x: n", "y: n"], &[], "(sum (pow (add y (scale -1 x)) 2))"),
        ),
        (
            "cross entropy",
            module(
                &["x: n", "y: n"],
                &[],
                "(sum (had y (add (scale (logsumexp x) (ones #n #1)) (scale -1 x))))",
            ),
        ),
        (
            "affine after sigmoid",
            module(
                &["x: n", "W*: m n", "b*: m"],
                &[],
                "(apply sigmoid (add (mul W x) b))",
            ),
        ),
        (
            "gated",
            module(
                &["x: n", "U*: m n", "V*: m n", "c*: m"],
                &[("gate", "(apply silu (add (mul V x) c))")],
                "(had (mul U x) gate)",
            ),
        ),
        (
            "residual",
            module(
                &["x: n", "W*: n n", "b*: n"],
                &[],
                "(add x (apply phi (add (mul W x) b)))",
            ),
        ),
        (
            "tied",
            module(
                &["x: n", "W*: m n", "b*: m", "c*: n"],
                &[("h", "(apply sigmoid (add (mul W x) b))")],
                "(add (mul (t W) h) c)",
            ),
        ),
        (
            "layer norm",
            module(
                &["x: n", "w*: n", "b*: n"],
                &[
                    ("c", "(add x (scale -1 (scale (mean x) (ones #n #1))))"),
                    ("s", "(pow (add (mean (pow c 2)) 1/100000) 1/2)"),
                ],
                "(add (had w (scale (pow s -1) c)) b)",
            ),
        ),
        (
            "three layer",
            module(
                &["x: n", "A*: m n", "B*: k m", "C*: h k"],
                &[
                    ("a", "(apply sigmoid (mul A x))"),
                    ("b", "(apply sigmoid (mul B a))"),
                ],
                "(mul C b)",
            ),
        ),
        (
            "bilinear",
            module(&["x: n", "A*: n n"], &[], "(mul (t x) (mul A x))"),
        ),
    ];
    let filter = std::env::var("CASE").unwrap_or_default();
    for (title, m) in &cases {
        if title.contains(&filter) {
            println!("{}", show(title, m));
        }
    }
}
