//! Reports: derived equations as text, LaTeX and JSON.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use hbp::expr::{FunctionDefinition, Module, Names, Op, printed_size, size};
use hbp::hbp::{Equation, Equations, Step, Structure};
use hbp::report::{Setting, document, json, latex, latex_name, legibility, page, text};
use proptest::prelude::*;
use support::random::{choices, grow};
use support::symbols::{build, graph};

proptest! {
    #[test]
    fn latex_is_balanced(choices in choices()) {
        let mut g = graph();
        let id = grow(&mut g, &choices);
        if printed_size(&g, id, &Names::default()) < 100_000 {
            let text = latex(&g, id, &Names::default());
            prop_assert!(is_balanced(&text), "{text}");
        }
    }
}

/// True when braces nest and every `\left` has its `\right` within the same braces.
fn is_balanced(text: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let closes = if c == '{' || rest.starts_with(r"\left") {
            open.push(c);
            None
        } else if c == '}' {
            Some('{')
        } else if rest.starts_with(r"\right") {
            Some('\\')
        } else {
            None
        };
        if closes.is_some() && open.pop() != closes {
            return false;
        }
        rest = &rest[c.len_utf8()..];
    }
    open.is_empty()
}

#[test]
fn a_missing_brace_is_noticed() {
    assert!(is_balanced(r"\frac{1}{\left(x\right)}"));
    for text in [r"\frac{1}{x", r"\left(x", r"{\left(x}\right)", r"x\right)"] {
        assert!(!is_balanced(text), "{text}");
    }
}

#[test]
fn latex_uses_the_symbols_of_the_page() {
    for (sexpr, expected) in [
        ("(add (mul W x) (scale -1 dz))", r"W \, x - \delta z"),
        ("(t dz)", r"\left(\delta z\right)^\top"),
        (
            "(kron (mul x (t x)) Hz)",
            r"\left(x \, x^\top\right) \otimes \mathcal{H}z",
        ),
        ("(sand W Hz)", r"W^\top \, \mathcal{H}z \, W"),
        ("(had x (pow y -1))", r"x \oslash y"),
        ("(scale (pow s -1) x)", r"\frac{1}{s} \, x"),
        ("(scale 2/3 x)", r"\frac{2}{3} \, x"),
        ("(pow s 1/2)", r"\sqrt{s}"),
        ("(pow x 2)", r"x^{\odot 2}"),
        ("(apply phi'' (mul A x))", r"\phi''\left(A \, x\right)"),
        ("(diag (scale -1 x))", r"\operatorname{diag}\left(-x\right)"),
        ("(t (inv A))", r"\left(A^{-1}\right)^\top"),
        ("(scale -1 (eye #m*n))", r"-I_{m n}"),
        ("(zeros #m #n)", r"\mathbf{0}_{m, n}"),
        (
            "(E (norm2 x))",
            r"\mathbb{E}\left[\left\lVert x \right\rVert\right]",
        ),
        ("(J (mul A x) x)", r"\mathrm{D}_{x}\left(A \, x\right)"),
    ] {
        let mut g = graph();
        let id = build(&mut g, sexpr);
        assert_eq!(latex(&g, id, &Names::default()), expected, "{sexpr}");
    }
    for (name, expected) in [
        ("h1", "h_{1}"),
        ("sigma2", r"\sigma_{2}"),
        ("sigma_2", r"\mathit{sigma\_2}"),
        ("x", "x"),
        ("x_", r"\mathit{x\_}"),
        ("x1", "x_{1}"),
        ("x_1", r"\mathit{x\_1}"),
        ("x01", "x_{01}"),
        ("hat__", r"\mathit{hat\_\_}"),
        ("α", r"\alpha"),
        ("φ2", r"\varphi_{2}"),
        ("Å_1", r"\text{Å\_1}"),
        ("weight", r"\mathrm{weight}"),
        ("y.W", "W_{y}"),
        ("h2.W", "W_{h_{2}}"),
        ("h2.W_out", r"\mathit{W\_out}_{h_{2}}"),
        ("hess(h2.W1)", r"\mathcal{H}W_{1,h_{2}}"),
        ("hess(h1)", r"\mathcal{H}h_{1}"),
        ("_", r"\_"),
    ] {
        assert_eq!(latex_name(name), expected);
    }
}

/// z = W*phi(h), h = A*x with its equations for x, written by hand as a derivation would leave them.
fn equations() -> Equations {
    let mut g = graph();
    g.define("phi", FunctionDefinition::Abstract);
    let mut id = |text: &str| build(&mut g, text);
    let slope = id("(apply phi' (mul A x))");
    let q = id("(mul (diag (apply phi' (mul A x))) A)");
    let equation = Equation {
        variable: "x".into(),
        gradient: id("(mul (t A) (had (apply phi' (mul A x)) (mul (t W) dz)))"),
        jacobian: id("(mul W (mul (diag (apply phi' (mul A x))) A))"),
        residual: id("(sand A (diag (had (apply phi'' (mul A x)) (mul (t W) dz))))"),
        hessian: id(
            "(add (sand (mul (diag (apply phi' (mul A x))) A) (sand W Hz)) \
             (sand A (diag (had (apply phi'' (mul A x)) (mul (t W) dz)))))",
        ),
        root: None,
        lets: vec![("Q".into(), q)],
        structure: Structure::Dense,
        loss: None,
        steps: vec![Step {
            of: "jacobian".into(),
            phase: "differentiate".into(),
            rule: "jacobian-product".into(),
            cites: "MN 9.5".into(),
            before: "jac(W*phi(h), x)".into(),
            after: "W*jac(phi(h), x)".into(),
        }],
        given_up: Vec::new(),
    };
    let module = Module {
        name: "two_layers".into(),
        inputs: vec!["x".into()],
        parameters: vec!["A".into(), "W".into()],
        locals: vec![("h".into(), id("(mul A x)")), ("f".into(), slope)],
        output: ("z".into(), id("(mul W (apply phi (mul A x)))")),
        graph: g,
        model: None,
    };
    let mut definitions = module.locals.clone();
    definitions.push(module.output.clone());
    Equations {
        module,
        definitions,
        curvature: hbp::hbp::Curvature::default(),
        batch: hbp::hbp::Batch::default(),
        equations: vec![equation],
    }
}

/// Compares with `snapshots/NAME.snap`.
fn check_page(name: &str, page: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, page));
}

#[test]
fn a_report_has_every_stage() {
    let equations = equations();
    let setting = Setting::default();
    let json = serde_json::to_string_pretty(&json(&equations).unwrap()).unwrap();
    let text = text(&equations, setting, true).unwrap();
    check_page("report_text", &text);
    check_page("report_latex", &page(&equations, setting).unwrap());
    check_page("report_json", &json);
    assert!(is_balanced(&page(&equations, setting).unwrap()));
    let several = document(&[equations.clone(), equations]).unwrap();
    assert_eq!(several["modules"].as_array().unwrap().len(), 2);
}

#[test]
fn legibility_counts_the_equation_its_lets_and_the_locals_it_uses() {
    let equations = equations();
    let sizes = legibility(&equations).unwrap();
    let parts = [
        "Q'*W'*hess(z)*W*Q+A'*diag(phi''(h).*(W'*grad(z)))*A",
        "diag(f)*A",
        "A*x",
        "phi'(h)",
    ];
    assert_eq!(
        sizes[0].characters,
        parts.iter().map(|p| size(p)).sum::<usize>()
    );
}

#[test]
fn what_is_too_long_is_refused() {
    let mut equations = equations();
    let g = &mut equations.module.graph;
    let mut id = g.variable("A").unwrap();
    for _ in 0..100 {
        id = g.node(Op::Multiply, &[id, id]).unwrap();
    }
    equations.equations[0].hessian = id;
    let error = text(&equations, Setting::default(), false).unwrap_err();
    assert!(error.to_string().starts_with("`hess(x)` takes "), "{error}");
}
