//! What is printed: expressions in the language.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use hbp::expr::{
    Dimension, Facts, FunctionDefinition, Graph, Id, Module, Names, Op, Rational, Role, Shape,
    Variable, print, print_definition, print_sexpr, printed_size, size,
};
use hbp::hbp::{Equation, Equations, Step, Structure};
use hbp::report::{Setting, document, json, latex, latex_name, legibility, page, text};
use proptest::prelude::*;

/// A graph with matrices A, B (n × n), W (m × n), vectors x, y (n), scalars s, t and a gradient and Hessian
/// at z (m).
fn graph() -> Graph {
    let mut g = Graph::default();
    let (m, n) = (Dimension::named("m"), Dimension::named("n"));
    let shapes = [
        ("A", Shape::matrix(n.clone(), n.clone())),
        ("B", Shape::matrix(n.clone(), n.clone())),
        ("W", Shape::matrix(m.clone(), n.clone())),
        ("x", Shape::vector(n.clone())),
        ("y", Shape::vector(n)),
        ("s", Shape::scalar()),
        ("t", Shape::scalar()),
        ("grad(z)", Shape::vector(m.clone())),
        ("hess(z)", Shape::matrix(m.clone(), m)),
    ];
    for (name, shape) in shapes {
        g.declare(
            name,
            Variable {
                shape,
                role: Role::Input,
                facts: Facts::default(),
            },
        );
    }
    g
}

/// Builds an expression written in the rules' notation; `phi''` is a function, other words are variables,
/// `#3` a constant size, else dimensions.
fn build(g: &mut Graph, text: &str) -> Id {
    let text = text.replace('(', " ( ").replace(')', " ) ");
    let text = text
        .replace("grad ( z ) ", "grad(z) ")
        .replace("hess ( z ) ", "hess(z) ");
    let mut stack: Vec<Vec<Id>> = vec![Vec::new()];
    let mut heads = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "(" => {
                heads.push(words.next().unwrap());
                stack.push(Vec::new());
            }
            ")" => {
                let children = stack.pop().unwrap();
                let (op, _) = Op::from_head(heads.pop().unwrap()).unwrap();
                let id = g.node(op, &children).unwrap();
                stack.last_mut().unwrap().push(id);
            }
            _ => {
                let id = leaf(g, word);
                stack.last_mut().unwrap().push(id);
            }
        }
    }
    stack[0][0]
}

fn leaf(g: &mut Graph, word: &str) -> Id {
    if let Some(id) = g.variable(word) {
        return id;
    }
    if let Ok(value) = word.parse::<Rational>() {
        return g.number(value);
    }
    let name = word.trim_end_matches('\'');
    if name == "phi" {
        let order = u32::try_from(word.len() - name.len()).unwrap();
        return g.function(name, order);
    }
    if let Some(value) = word.strip_prefix('#') {
        return g.dimension(Dimension::constant(value.parse().unwrap()));
    }
    let factors = word.split('*').map(Dimension::named);
    let d = factors.reduce(|a, b| a.times(&b)).unwrap();
    g.dimension(d)
}

fn check(sexpr: &str, expected: &str) {
    let mut g = graph();
    let id = build(&mut g, sexpr);
    let names = Names::default();
    let text = print(&g, id, &names);
    assert_eq!(text, expected, "{sexpr}");
    assert_eq!(
        printed_size(&g, id, &names),
        text.chars().count() as u64,
        "{sexpr}"
    );
}

#[test]
fn expressions_read_as_a_mathematician_writes() {
    for (sexpr, expected) in [
        ("(add (mul W x) grad(z))", "W*x + grad(z)"),
        ("(add x (scale -1 y))", "x - y"),
        ("(add (scale -1 x) y)", "y - x"),
        ("(add (scale -1 x) (scale -2 y))", "-x - 2*y"),
        ("(add x (scale -1/3 y))", "x - y / 3"),
        ("(scale -1 (add x y))", "-(x + y)"),
        ("(scale -1 (mul A x))", "-A*x"),
        ("(mul A (scale -1 x))", "-A*x"),
        ("(scale -1 (t (scale -1 A)))", "A'"),
        ("(scale 2 A)", "2*A"),
        ("(scale 2 (add A B))", "2*(A + B)"),
        ("(scale 1/2 A)", "0.5*A"),
        ("(scale 2/3 A)", "2*A / 3"),
        ("(scale s (mul A B))", "s*A*B"),
        ("(mul A (scale s (scale 2 B)))", "2*s*A*B"),
        ("(scale (pow s -1) A)", "A / s"),
        (
            "(scale (pow s -2) (scale (pow t -1/2) A))",
            "A / (s^2*sqrt(t))",
        ),
        ("(pow s -1/2)", "1 / sqrt(s)"),
        ("(pow s -1)", "1 / s"),
        ("(pow x -1)", "1 ./ x"),
        ("(had x (pow y -1))", "x ./ y"),
        ("(had (pow y -2) (had x x))", "x .* x ./ y.^2"),
        ("(pow s 2)", "s^2"),
        ("(pow (scale -1 s) 2)", "(-s)^2"),
        ("(scale -1 (pow s 2))", "-s^2"),
        ("(pow s (scale -1 t))", "s^(-t)"),
        ("(pow x 2)", "x.^2"),
        ("(pow (t x) 2)", "x'.^2"),
        ("(pow x 1/3)", "x.^(1/3)"),
        ("(pow x 1/2)", "sqrt(x)"),
        ("(pow x y)", "x.^y"),
        ("(pow (pow s 2) 3)", "(s^2)^3"),
        ("(add s 1/3)", "s + 1/3"),
        ("(add s 1/100000)", "s + 1e-5"),
        ("(add s -1/8)", "s - 0.125"),
        ("(kron (mul x (t x)) hess(z))", "(x*x') ⊗ hess(z)"),
        ("(kron A (kron B A))", "A ⊗ B ⊗ A"),
        ("(had x (mul A y))", "x .* (A*y)"),
        ("(had (had x y) (add x y))", "x .* y .* (x + y)"),
        ("(scale 2 (had x y))", "2*(x .* y)"),
        ("(t (mul A B))", "(A*B)'"),
        ("(t (t A))", "A''"),
        ("(sand W hess(z))", "W'*hess(z)*W"),
        ("(sand (mul W A) hess(z))", "(W*A)'*hess(z)*(W*A)"),
        ("(sand (t A) B)", "A*B*A'"),
        ("(sand A (add A B))", "A'*(A + B)*A"),
        ("(sand A (eye n))", "A'*A"),
        ("(sand (diag x) A)", "diag(x)*A*diag(x)"),
        ("(sand A (scale -1 B))", "-A'*B*A"),
        ("(apply phi'' (mul A x))", "phi''(A*x)"),
        ("(t (apply phi' x))", "phi'(x)'"),
        (
            "(add (had (sand W hess(z)) (mul (apply phi' x) (t (apply phi' x)))) \
             (diag (had (apply phi'' x) (mul (t W) grad(z)))))",
            "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))",
        ),
        ("(scale (mul (t x) y) (mul A x))", "x'*y*A*x"),
        ("(mul A (scale (mul (t x) (scale s y)) x))", "s*x'*y*A*x"),
        ("(eye n)", "eye(n)"),
        ("(mul A (eye n))", "A*eye(n)"),
        ("(zeros m n)", "zeros(m, n)"),
        ("(ones n #1)", "ones(n)"),
        ("(commutation m n*n)", "commutation(m, n*n)"),
        ("(reshape W n m)", "reshape(W, n, m)"),
        ("(scale (pow n -1) x)", "x / n"),
        ("(J (mul A x) x)", "jac(A*x, x)"),
        ("(V (mul W x) grad(z) x)", "V(W*x, grad(z), x)"),
        ("(E (mul x (t x)))", "E(x*x')"),
        ("(logdet (inv A))", "logdet(inv(A))"),
    ] {
        check(sexpr, expected);
    }
}

#[test]
fn names_stand_for_their_nodes_but_not_in_their_own_definition() {
    let mut g = graph();
    let h = build(&mut g, "(mul A x)");
    let e = build(&mut g, "(had (apply phi' (mul A x)) y)");
    let names: Names = [(h, "h"), (e, "e")].into_iter().collect();
    assert_eq!(print(&g, e, &names), "e");
    assert_eq!(print_definition(&g, e, &names), "phi'(h) .* y");
    assert_eq!(print_definition(&g, h, &names), "A*x");
    assert_eq!(print_sexpr(&g, e), "(had (apply phi' (mul A x)) y)");
    assert_eq!(size("a + b'*c"), 6);
}

#[test]
fn a_size_that_a_value_hides_is_written_out() {
    let mut g = graph();
    g.declare(
        "n",
        Variable {
            shape: Shape::scalar(),
            role: Role::Input,
            facts: Facts::default(),
        },
    );
    let n = g.dimension(Dimension::named("n"));
    let x = g.variable("x").unwrap();
    let scaled = g.node(Op::Scale, &[n, x]).unwrap();
    assert_eq!(print(&g, scaled, &Names::default()), "sum(ones(n))*x");
}

#[test]
fn depth_and_sharing_are_no_danger() {
    let names = Names::default();
    for head in ["mul", "had", "t", "sum", "inv"] {
        let mut g = graph();
        let (a, op) = (g.variable("A").unwrap(), Op::from_head(head).unwrap().0);
        let mut id = a;
        for _ in 0..50_000 {
            let children = if matches!(head, "mul" | "had") {
                vec![id, a]
            } else {
                vec![id]
            };
            id = g.node(op.clone(), &children).unwrap();
        }
        assert_eq!(
            print(&g, id, &names).chars().count() as u64,
            printed_size(&g, id, &names)
        );
    }
    let mut g = graph();
    let mut id = g.variable("A").unwrap();
    for _ in 0..200 {
        id = g.node(Op::Multiply, &[id, id]).unwrap();
    }
    assert_eq!(printed_size(&g, id, &names), u64::MAX);
}

/// A random expression: every choice applies an operation to values made before, when it fits.
fn grow(g: &mut Graph, choices: &[(usize, usize, usize)]) -> Id {
    let ops: Vec<(Op, Option<usize>)> = [
        "add", "add", "scale", "scale", "mul", "mul", "mul", "had", "had", "pow", "t", "diag",
        "diagvec", "vec", "kron", "inv", "det", "tr", "sum", "softmax", "apply", "sand", "norm2",
        "reshape",
    ]
    .iter()
    .map(|head| Op::from_head(head).unwrap())
    .collect();
    let mut pool: Vec<Id> = g
        .variables()
        .keys()
        .cloned()
        .collect::<Vec<_>>()
        .iter()
        .map(|n| g.variable(n).unwrap())
        .collect();
    for text in ["-1", "2", "1/2", "-1/3", "-2", "n", "phi'"] {
        pool.push(leaf(g, text));
    }
    for size in ["n", "m"] {
        let d = leaf(g, size);
        pool.push(g.node(Op::Eye, &[d]).unwrap());
    }
    let mut last = pool[0];
    for (op, a, b) in choices {
        let (op, arity) = &ops[op % ops.len()];
        // Recent values are chosen more often, so that expressions grow deep.
        let pick = |k: &usize| pool[pool.len() - 1 - (k % pool.len()).min(k / 7 % pool.len())];
        let first = if *op == Op::Apply {
            leaf(g, "phi''")
        } else {
            pick(a)
        };
        let children: Vec<Id> = [first, pick(b)]
            .into_iter()
            .take(arity.unwrap_or(2))
            .collect();
        // `.*` of scalars and products with a scalar have a canonical form of their own.
        let shapes: Vec<_> = children.iter().filter_map(|c| g[*c].sort.shape()).collect();
        let scalar = shapes.iter().any(Shape::is_scalar);
        if scalar && matches!(op, Op::Multiply | Op::Hadamard | Op::Kronecker) {
            continue;
        }
        if *op == Op::Scale && !shapes[0].is_scalar() {
            continue;
        }
        if let Ok(id) = g.node(op.clone(), &children) {
            pool.push(id);
            last = id;
        }
    }
    last
}

/// Strategies for [`grow`].
fn choices() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..1000usize, 0..1000usize, 0..1000usize), 1..60)
}

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

    #[test]
    fn the_size_is_known_beforehand(choices in choices()) {
        let mut g = graph();
        let id = grow(&mut g, &choices);
        let size = printed_size(&g, id, &Names::default());
        if size < 100_000 {
            prop_assert_eq!(print(&g, id, &Names::default()).chars().count() as u64, size);
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
        ("(add (mul W x) (scale -1 grad(z)))", r"W \, x - \delta z"),
        ("(t grad(z))", r"\left(\delta z\right)^\top"),
        (
            "(kron (mul x (t x)) hess(z))",
            r"\left(x \, x^\top\right) \otimes \mathcal{H}z",
        ),
        ("(sand W hess(z))", r"W^\top \, \mathcal{H}z \, W"),
        ("(had x (pow y -1))", r"x \oslash y"),
        ("(scale (pow s -1) x)", r"\frac{1}{s} \, x"),
        ("(scale 2/3 x)", r"\frac{2}{3} \, x"),
        ("(pow s 1/2)", r"\sqrt{s}"),
        ("(pow x 2)", r"x^{\odot 2}"),
        ("(apply phi'' (mul A x))", r"\phi''\left(A \, x\right)"),
        ("(diag (scale -1 x))", r"\operatorname{diag}\left(-x\right)"),
        ("(t (inv A))", r"\left(A^{-1}\right)^\top"),
        ("(scale -1 (eye m*n))", r"-I_{m n}"),
        ("(zeros m n)", r"\mathbf{0}_{m, n}"),
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
        ("sigma_2", r"\sigma_{2}"),
        ("weight", r"\mathrm{weight}"),
        ("y.W", "y.W"),
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
        gradient: id("(mul (t A) (had (apply phi' (mul A x)) (mul (t W) grad(z))))"),
        jacobian: id("(mul W (mul (diag (apply phi' (mul A x))) A))"),
        residual: id("(sand A (diag (had (apply phi'' (mul A x)) (mul (t W) grad(z)))))"),
        hessian: id(
            "(add (sand (mul (diag (apply phi' (mul A x))) A) (sand W hess(z))) \
             (sand A (diag (had (apply phi'' (mul A x)) (mul (t W) grad(z))))))",
        ),
        lets: vec![("Q".into(), q)],
        structure: Structure::Dense,
        steps: vec![Step {
            phase: "differentiate".into(),
            rule: "jacobian-product".into(),
            cites: "MN 9.5".into(),
            before: "jac(W*phi(h), x)".into(),
            after: "W*jac(phi(h), x)".into(),
        }],
    };
    let module = Module {
        name: "two_layers".into(),
        inputs: vec!["x".into()],
        parameters: vec!["A".into(), "W".into()],
        locals: vec![("h".into(), id("(mul A x)")), ("f".into(), slope)],
        output: ("z".into(), id("(mul W (apply phi (mul A x)))")),
        graph: g,
    };
    Equations {
        module,
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
        "Q'*(W'*hess(z)*W)*Q+A'*diag(phi''(h).*(W'*grad(z)))*A",
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
