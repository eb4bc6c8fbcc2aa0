//! Which rules of the book are used when equations are derived. Why: a rule that no module needs is a rule
//! that nobody would miss.

use std::collections::BTreeSet;

use hbp::expr::{
    Dimension, Draw, Facts, Graph, Id, Module, Name, Role, Shape, Variable, evaluate, print_sexpr,
    random_environment,
};
use hbp::hbp::{Request, derive};
use hbp::rewrite::{Phase, Report, Rewriter, Style};

use crate::support::expression;

/// Declares `x: n`, a parameter `W*: m n`, a symmetric `S~: n n` or a distribution `y!: n`.
fn declare(graph: &mut Graph, declaration: &str) -> (Name, Role) {
    let (name, sizes) = declaration.split_once(':').expect("name: sizes");
    let plain = name.trim_end_matches(['*', '~', '!']);
    let mut sizes = sizes.split_whitespace().map(|size| {
        size.parse()
            .map_or_else(|_| Dimension::named(size), Dimension::constant)
    });
    let mut next = || sizes.next().unwrap_or_else(Dimension::one);
    let shape = Shape::matrix(next(), next());
    let role = match name.chars().last() {
        Some('*') => Role::Parameter,
        Some('!') => Role::Target,
        _ => Role::Input,
    };
    let facts = Facts {
        symmetric: name.ends_with('~'),
        distribution: name.ends_with('!'),
        ..Facts::default()
    };
    graph.declare(plain, Variable { shape, role, facts });
    (plain.into(), role)
}

pub(crate) fn module(declarations: &str, output: &str) -> Module {
    let mut graph = Graph::default();
    let (mut inputs, mut parameters) = (Vec::new(), Vec::new());
    for declaration in declarations.split(',') {
        let (name, role) = declare(&mut graph, declaration.trim());
        match role {
            Role::Parameter => parameters.push(name),
            Role::Target => {}
            _ => inputs.push(name),
        }
    }
    let z: Id = expression(&mut graph, &[], output);
    Module {
        name: "test".into(),
        graph,
        inputs,
        parameters,
        locals: Vec::new(),
        output: ("z".into(), z),
        model: None,
    }
}

/// The derivative of its gradient goes through `diag(1)V`, over and over, where it is not seen that this is V.
pub(crate) const FACTORISATION_MACHINE: (&str, &str) = (
    "x: n, w*: m n, U*: m k, V*: k n",
    "(add (mul w x) (mul U (had (mul V x) (mul V x))))",
);

/// Modules of every kind, in the notation of the rules.
pub(crate) const MODULES: &[(&str, &str)] = &[
    // layers
    ("x: n, W*: m n, b*: m", "(add (mul W x) b)"),
    ("x: n", "(apply phi x)"),
    ("x: n, W*: m n, b*: m", "(add (mul W (apply phi x)) b)"),
    ("x: n, W*: m n, b*: m", "(apply sigmoid (add (mul W x) b))"),
    (
        "x: n, U*: m n, V*: m n",
        "(had (mul U x) (apply silu (mul V x)))",
    ),
    (
        "x: n, W*: n n, b*: n",
        "(add x (apply phi (add (mul W x) b)))",
    ),
    (
        "x: n, W*: m n, b*: m",
        "(mul (t W) (apply sigmoid (add (mul W x) b)))",
    ),
    (FACTORISATION_MACHINE.0, FACTORISATION_MACHINE.1),
    ("X: n k, W*: m n", "(apply phi (mul W X))"),
    ("X: n k, W*: m n", "(t (mul W X))"),
    ("x: n, a*: n", "(mul (diag a) x)"),
    ("X: n k, a*: n", "(mul (diag a) X)"),
    ("X: n k, a*: k", "(mul X (diag a))"),
    (
        "x: n, a*: n, W*: n n",
        "(mul (diag (apply phi a)) (mul W (diag x)))",
    ),
    ("X: n n, v*: n", "(mul (inv X) v)"),
    ("X: n k, S~: n n", "(mul X (mul (t X) (mul S X)))"),
    ("x: n, y: n", "(mul x (t y))"),
    ("x: n, y: m", "(kron x y)"),
    ("x: n, A*: m m", "(kron (diag x) A)"),
    ("X: n k, Y: k n", "(kron X (t Y))"),
    ("x: n", "(kron x (apply phi x))"),
    ("x: n", "(kron (t x) (apply phi x))"),
    ("x: n, W*: m n", "(kron (mul W x) (t x))"),
    ("X: n k", "(mul (reshape X #k #n) X)"),
    ("X: n k", "(vec (apply sin X))"),
    ("x: n", "(reshape x #1 #n)"),
    ("X: n n", "(diagvec (mul X X))"),
    ("X: n n", "(diag (diagvec X))"),
    ("X: n n", "(diag (diagvec (mul X (t X))))"),
    ("x: n, s*:", "(scale s x)"),
    ("x: n, s:", "(scale (apply exp s) (apply log x))"),
    ("x: n, p*: n", "(pow x p)"),
    ("x: n, p*:", "(pow x p)"),
    ("x: n", "(pow x 3)"),
    ("x: n", "(pow (pow x 2) 3)"),
    ("x: n", "(softmax x)"),
    ("X: n k", "(softmax X)"),
    ("X: n k, Y: n k", "(softmax (mul (t X) Y))"),
    (
        "X: n k, Q*: n n, V*: m n",
        "(mul (mul V X) (softmax (mul (t X) (mul (t Q) X))))",
    ),
    // derivatives in a forward map
    ("x: n", "(apply (prime elu) x)"),
    ("x: n", "(apply (prime selu) x)"),
    // scalars
    ("x: n, y: n", "(sum (pow (add y (scale -1 x)) 2))"),
    ("x: n, y: n", "(mean (pow (add y (scale -1 x)) 2))"),
    (
        "x: n, y!: n",
        "(scale -1 (sum (had y (apply log (softmax x)))))",
    ),
    (
        "x: n, y!: n",
        "(sum (had y (add (scale (logsumexp x) (ones #n #1)) (scale -1 x))))",
    ),
    ("X: n k", "(logsumexp X)"),
    ("X: n k", "(mean X)"),
    ("x: n", "(scale (pow (sum (pow x 2)) -1/2) x)"),
    ("x: n", "(scale (pow (norm2 x) -1) x)"),
    ("X: n k", "(norm2 X)"),
    ("x: n, A*: n n", "(mul (t x) (mul A x))"),
    ("x: n, S~: n n", "(mul (t x) (mul S x))"),
    ("X: n k, S~: n n", "(mul (t X) (mul S X))"),
    ("X: n n", "(logdet X)"),
    ("X: n n", "(det X)"),
    ("X: n n, A*: n n", "(tr (mul (t X) (mul A X)))"),
    ("X: n n", "(tr (inv X))"),
    ("x: n, S~: n n", "(mul (t x) (mul (inv S) x))"),
    ("x: n, S~: n n", "(apply exp (mul (t x) (mul S x)))"),
    ("x: n", "(pow (add (mean (pow x 2)) 1/100000) -1/2)"),
    (
        "x: n, w*: n",
        "(had w (scale (pow (add (mean (pow x 2)) 1/100000) -1/2) x))",
    ),
    ("x: n", "(sum (apply abs x))"),
    ("x: n, W*: m n", "(sum (apply softplus (mul W x)))"),
    ("s:, t:", "(scale s (scale s t))"),
    ("s:, t:", "(scale (pow s -1) (apply tanh t))"),
    ("X: n k", "(sum (had X X))"),
    ("x: n", "(apply relu x)"),
    ("x: n", "(apply leaky_relu x)"),
    ("x: n", "(apply elu x)"),
    ("x: n", "(apply selu x)"),
    ("x: n", "(apply gelu x)"),
    ("x: n", "(apply erf x)"),
    ("x: n", "(apply tanh (apply cos x))"),
    ("x: n", "(apply exp (apply log x))"),
    ("x: n", "(apply sqrt x)"),
    (
        "x: n",
        "(had (apply exp x) (apply exp (scale -1 (pow x 2))))",
    ),
];

/// Expressions that a person may write in a proof, each with the rule that is to work on it.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("add-like", "(add A (scale 3 (mul A (eye #n))))"),
    (
        "commutation-inverse",
        "(mul (commutation #m #n) (commutation #n #m))",
    ),
    ("d-sign", "(apply sign' x)"),
    ("d-step", "(apply step' x)"),
    ("det-scalar", "(det s)"),
    ("diag-kron", "(diag (kron x u))"),
    ("diag-ones", "(diag (ones #n #1))"),
    ("diagvec-add", "(diagvec (add A B))"),
    ("exp-zero", "(apply exp (scale 0 x))"),
    ("exp-zero-scalar", "(apply exp (scale 0 s))"),
    ("eigabs-diag", "(eigabs (diag x))"),
    ("eigabs-scalar", "(eigabs s)"),
    ("eigabs-zero", "(eigabs (scale 0 A))"),
    ("eigclip-diag", "(eigclip (diag x))"),
    ("eigclip-scalar", "(eigclip s)"),
    ("eigclip-zero", "(eigclip (scale 0 A))"),
    ("had-factor", "(add (had x y) (had x p))"),
    ("diagvec-diag", "(diagvec (diag x))"),
    ("diagvec-had", "(diagvec (had A B))"),
    ("diagvec-identity", "(diagvec (eye #n))"),
    ("diagvec-kron", "(diagvec (kron A B))"),
    ("diagvec-outer", "(diagvec (mul x (t y)))"),
    ("diagvec-scalar", "(diagvec s)"),
    ("diagvec-scale", "(diagvec (scale s A))"),
    ("diagvec-t", "(diagvec (t A))"),
    ("distribution-mean", "(mean p)"),
    ("exp-log", "(apply exp (apply log (softmax x)))"),
    ("had-column-outer", "(had (mul x (t u)) (mul y (t v)))"),
    ("had-rows-scaled", "(had W (mul u (ones #1 #n)))"),
    ("had-columns-scaled", "(had W (mul (ones #m #1) (t x)))"),
    ("had-diag", "(had (diag x) A)"),
    ("had-identity", "(had (eye #n) A)"),
    ("had-kron", "(had (kron A W) (kron B (scale 2 W)))"),
    ("d-sqrt", "(apply sqrt' x)"),
    ("had-columns-scaled", "(had A (mul (ones #n #1) (t x)))"),
    ("had-rows-scaled", "(had A (mul x (ones #1 #n)))"),
    ("inv-inv", "(inv (inv A))"),
    ("inv-mul", "(inv (mul A B))"),
    ("inv-kron", "(inv (kron A B))"),
    ("inv-scalar", "(inv s)"),
    (
        "kron-factor-right-scaled",
        "(add (kron A x) (scale s (kron B x)))",
    ),
    (
        "kron-row-left-commutation",
        "(mul (kron (t x) W) (commutation #n #n))",
    ),
    (
        "kron-row-right-commutation",
        "(mul (kron W (t x)) (commutation #n #n))",
    ),
    ("kron-vec", "(mul (kron B W) (vec A))"),
    ("log-sigmoid", "(apply log (apply sigmoid x))"),
    (
        "softplus-recognise",
        "(apply log (add (ones #n #1) (apply exp x)))",
    ),
    (
        "softplus-recognise-scalar",
        "(apply log (add 1 (apply exp s)))",
    ),
    ("log-exp", "(apply log (apply exp x))"),
    ("mean-times-size", "(scale #n (mean x))"),
    ("mul-inv-left", "(mul (inv A) A)"),
    ("mul-inv-right", "(mul A (inv A))"),
    ("mul-ones-column", "(mul (t x) (ones #n #1))"),
    ("mul-ones-row", "(mul (ones #1 #n) x)"),
    ("mul-vector-diag", "(mul (t x) (diag y))"),
    ("reshape-reshape", "(reshape (reshape W #n #m) #m #n)"),
    ("reshape-scale", "(reshape (scale s W) #n #m)"),
    ("sand-diag-diag", "(sand (diag x) (diag y))"),
    ("sand-kron-kron", "(sand (kron A B) (kron S S))"),
    ("sand-of-identity", "(sand A (eye #n))"),
    ("scale-power-more", "(scale s (pow (tr s) 2))"),
    (
        "had-power-positive",
        "(had (softmax x) (pow (softmax x) -1))",
    ),
    (
        "had-powers-positive",
        "(had (pow (softmax x) 2) (pow (softmax x) -2))",
    ),
    (
        "scale-powers-positive",
        "(scale (pow (add 1 (pow s 2)) 1/2) (pow (add 1 (pow s 2)) -1/2))",
    ),
    ("size-times-mean", "(scale (mean x) #n)"),
    ("softmax-sum", "(sum (softmax x))"),
    ("sum-add", "(sum (add x y))"),
    ("sum-ones", "(sum (ones #m #n))"),
    ("sum-outer", "(sum (mul x (t u)))"),
    ("sum-t", "(sum (t W))"),
    ("t-apply", "(apply phi (t W))"),
    ("t-commutation", "(t (commutation #m #n))"),
    ("tr-add", "(tr (add A B))"),
    ("tr-cyclic-row", "(tr (mul x (mul (t y) A)))"),
    ("tr-diag", "(tr (diag x))"),
    ("tr-had", "(tr (mul (t A) B))"),
    ("tr-identity", "(tr (eye #n))"),
    ("tr-kron", "(tr (kron A B))"),
    ("tr-outer", "(tr (mul x (t y)))"),
    ("tr-scalar", "(tr s)"),
    ("tr-scale", "(tr (scale s A))"),
    ("tr-t", "(tr (t A))"),
    ("vec-inner", "(mul (t (vec A)) (vec B))"),
    (
        "add-zero-scalar-left",
        "(add (tr (scale 0 A)) (scale 2 (mul (t x) (scale 3 y))))",
    ),
    ("commutation-vec", "(mul (commutation #m #n) (vec W))"),
    ("diag-add-scaled", "(add (diag x) (scale s (diag y)))"),
    ("exp-product", "(had (apply exp x) (apply exp y))"),
    ("norm2-square", "(pow (norm2 x) 2)"),
    ("norm2-square-matrix", "(pow (norm2 A) 2)"),
    ("reshape-column", "(reshape A (dim* #n #n) #1)"),
    ("reshape-row", "(reshape A #1 (dim* #n #n))"),
    ("sum-square", "(sum (pow x 2))"),
    (
        "kron-row-diagonal-places",
        "(mul (kron (t x) A) (mul (diag (vec (eye #n))) (kron (ones #n #1) B)))",
    ),
    (
        "diagonal-places-kron-column",
        "(mul (mul (kron (ones #1 #n) B) (diag (vec (eye #n)))) (kron x A))",
    ),
];

#[test]
fn rules_fire_where_expressions_are_simplified() {
    let rewriter = Rewriter::embedded();
    let mut idle = Vec::new();
    for (rule, text) in EXPRESSIONS {
        let mut module = module(
            "A: n n, B: n n, W: m n, S~: n n, x: n, y: n, u: m, v: m, s:, p!: n",
            "s",
        );
        let graph = &mut module.graph;
        let e = expression(graph, &[], text);
        let mut report = Report::default();
        let simple = rewriter
            .simplify(graph, &[e], &[], Style::Hadamard, &mut report)
            .expect("few variables");
        if !report.fired.contains(*rule) {
            idle.push(format!(
                "{rule}: {text} becomes {}",
                print_sexpr(graph, simple[0])
            ));
        }
        let sizes = [("m", 2), ("n", 3)].map(|(n, s)| (Name::from(n), s)).into();
        let data = random_environment(graph, &sizes, 1, 1, Draw::Normal).expect("data");
        let value = |id| evaluate(graph, id, &data).expect("a value");
        let distance = value(e).distance(&value(simple[0]));
        assert!(distance < 1e-9, "{rule}: {text} is off by {distance}");
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}

#[test]
fn every_rule_is_needed_somewhere() {
    let rewriter = Rewriter::embedded();
    let mut report = Report::default();
    let mut unsolved = Vec::new();
    for (declarations, output) in MODULES {
        for style in [Style::Hadamard, Style::Congruence] {
            let request = Request { wrt: None, style };
            let module = module(declarations, output);
            match derive(&module, &request, rewriter, &mut report) {
                Ok(mut equations) => {
                    let roots: Vec<Id> = equations.equations.iter().map(|e| e.hessian).collect();
                    let graph = &mut equations.module.graph;
                    rewriter
                        .tabulate(graph, &roots, &mut report)
                        .expect("few variables");
                }
                Err(e) => unsolved.push(format!("{output}: {e}")),
            }
        }
    }
    assert!(unsolved.is_empty(), "{}", unsolved.join("\n"));
    // Definitions are for proofs, and the mean over samples has its own floor.
    let runnable = [Phase::Differentiate, Phase::Simplify, Phase::Table];
    let idle: BTreeSet<&str> = rewriter
        .book()
        .rules
        .iter()
        .filter(|r| r.phases.iter().any(|p| runnable.contains(p)))
        .map(|r| r.name.as_str())
        .filter(|name| !report.fired.contains(*name))
        .filter(|name| EXPRESSIONS.iter().all(|(rule, _)| rule != name))
        .collect();
    assert_eq!(
        idle,
        BTreeSet::new(),
        "no module and no expression needs these rules"
    );
}
