//! The forms of a damped step: as the theory has them, at their cost, and refused where there is none.

use hbp::expr::{Facts, Id, Name, Op, Rational, Role, Shape, Sizes, Variable, print_sexpr};
use hbp::hbp::{Solver, StepError, StepForm, steps};
use hbp::kernel::{MEMORY_LIMIT, compile, compile_cheapest};
use hbp::rewrite::Rewriter;

use crate::damped_step::{forms, graph, read};

/// The forms that the rules give, as text.
#[test]
fn forms_are_those_of_the_theory() {
    let cg = Solver::conjugate_gradients();
    let cases: [(&str, &str, &Solver, &[&str]); 7] = [
        (
            "(kron A B)",
            "G",
            &Solver::Exact,
            &["(scale -1 (stein alpha beta B A G))"],
        ),
        (
            "(kron A B)",
            "G",
            &cg,
            &["(scale -1 (cg alpha beta B A G 1/10 50))"],
        ),
        (
            "(kron (mul a (t a)) B)",
            "G",
            &Solver::Exact,
            &[
                "(scale (scale -1 (pow alpha -1)) (add (scale (scale -1 beta) (mul (mul (mul (mul B (inv (add \
                 (scale (scale beta (mul (t a) a)) B) (scale alpha (eye m))))) G) a) (t a))) G))",
            ],
        ),
        (
            "(kron (mul a (t a)) B)",
            "G",
            &cg,
            &["(scale -1 (cg alpha beta B (mul a (t a)) G 1/10 50))"],
        ),
        (
            "(kron (mul X (t X)) B)",
            "(mul D (t X))",
            &cg,
            &[
                "(scale -1 (cg alpha beta B (mul X (t X)) (mul D (t X)) 1/10 50))",
                "(scale -1 (mul (cg-gram alpha beta B (mul (t X) X) D 1/10 50) (t X)))",
            ],
        ),
        (
            "(diag d)",
            "g",
            &Solver::Exact,
            &["(scale -1 (had g (pow (add (scale beta d) (scale alpha (ones m 1))) -1)))"],
        ),
        ("P", "g", &cg, &["(scale -1 (cg alpha beta P 1 g 1/10 50))"]),
    ];
    for (block, gradient, solver, expected) in cases {
        let mut graph = graph();
        let (block, gradient) = (read(&mut graph, block), read(&mut graph, gradient));
        let forms = forms(&mut graph, block, gradient, solver);
        let found: Vec<String> = (forms.iter())
            .map(|form| print_sexpr(&graph, form.step))
            .collect();
        assert_eq!(found, expected);
    }
}

/// Fewer samples than inputs: the batch space is cheaper, and nothing of the size of the inputs squared is formed.
#[test]
fn the_cheaper_form_is_taken() {
    for solver in [Solver::Exact, Solver::conjugate_gradients()] {
        for (samples, best) in [(6, "batch space"), (200, "weight space")] {
            let mut graph = graph();
            let block = read(&mut graph, "(kron (scale c (mul X (t X))) P)");
            let gradient = read(&mut graph, "(mul D (t X))");
            let forms = forms(&mut graph, block, gradient, &solver);
            let sizes: Sizes = [("m", 5), ("n", 40), ("B", samples)]
                .map(|(name, size)| (Name::from(name), size))
                .into();
            let outputs: Vec<Vec<(String, Id)>> = (forms.iter())
                .map(|form| vec![("step".to_owned(), form.step)])
                .collect();
            let (place, program) =
                compile_cheapest(&graph, &outputs, &sizes, MEMORY_LIMIT).unwrap();
            assert_eq!(forms[place].name, best, "{solver:?}, {samples} samples");
            let largest = program
                .values
                .iter()
                .map(hbp::kernel::Value::len)
                .max()
                .unwrap();
            if samples == 6 {
                assert!(largest < 40 * 40, "{program}");
            }
        }
    }
}

/// A factor of rank one takes one solve of the size of the other, and a few passes over the gradient.
#[test]
fn a_factor_of_rank_one_costs_one_solve() {
    let mut graph = graph();
    let block = read(&mut graph, "(kron (mul a (t a)) P)");
    let gradient = read(&mut graph, "G");
    let forms = forms(&mut graph, block, gradient, &Solver::Exact);
    let (m, n) = (30, 70);
    let sizes: Sizes = [("m", m), ("n", n)]
        .map(|(name, size)| (Name::from(name), size))
        .into();
    let outputs = [("step".to_owned(), forms[0].step)];
    let program = compile(&graph, &outputs, &sizes).unwrap();
    let (m, n) = (m as u64, n as u64);
    let most = m * m * m / 3 + 6 * m * m + 8 * m * n;
    assert!(
        program.flops() <= most,
        "{} > {most}\n{program}",
        program.flops()
    );
    assert!(program.to_string().contains("(symmetric)"), "{program}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut graph = graph();
    let [alpha, beta] = ["alpha", "beta"].map(|name| graph.variable(name).unwrap());
    let (block, g, vector) = (
        read(&mut graph, "(kron A B)"),
        read(&mut graph, "G"),
        read(&mut graph, "g"),
    );
    let rewriter = Rewriter::embedded();
    let mut refused = |damping, gradient, solver: &Solver| {
        let error = steps(&mut graph, damping, block, gradient, solver, rewriter).unwrap_err();
        assert!(!error.help().is_empty());
        error
    };
    let error = refused((vector, beta), g, &Solver::Exact);
    assert!(matches!(error, StepError::Damping { name: "alpha", .. }));
    let error = refused((alpha, beta), vector, &Solver::Exact);
    assert!(error.to_string().contains("does not fit"), "{error}");
    let negative = Solver::ConjugateGradients {
        tolerance: Rational::new((-1).into(), 10.into()),
        iterations: 3,
    };
    let error = refused((alpha, beta), g, &negative);
    assert!(matches!(error, StepError::Tolerance(_)));
}

/// α that may be zero gives no form that divides by it.
#[test]
fn a_damping_that_may_vanish_is_not_divided_by() {
    let mut graph = graph();
    let shape = Shape::scalar();
    let (role, facts) = (Role::Parameter, Facts::default());
    let alpha = graph.declare("unknown", Variable { shape, role, facts });
    let beta = graph.variable("beta").unwrap();
    let block = read(&mut graph, "(kron (mul X (t X)) B)");
    let gradient = read(&mut graph, "(mul D (t X))");
    let rewriter = Rewriter::embedded();
    let forms = steps(
        &mut graph,
        (alpha, beta),
        block,
        gradient,
        &Solver::Exact,
        rewriter,
    );
    assert_eq!(forms.unwrap().len(), 1);
    let number = graph.number(Rational::new(1.into(), 50.into()));
    let forms = steps(
        &mut graph,
        (number, beta),
        block,
        gradient,
        &Solver::Exact,
        rewriter,
    );
    let forms = forms.unwrap();
    assert_eq!(forms.len(), 2);
    let is_solved = |form: &StepForm| {
        let below = graph.topological(&[form.step]);
        below.into_iter().all(|id| graph[id].op != Op::Kronecker)
    };
    assert!(forms.iter().all(is_solved));
}
