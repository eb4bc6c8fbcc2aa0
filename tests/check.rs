//! The check: what is right agrees, what is wrong is found.

use hbp::check::{
    CheckOptions, CheckReport, Outcome, Quantity, QuantityCheck, TOLERANCE, Verdict,
    check_equations, check_file, check_module, text,
};
use hbp::expr::{Module, Op};
use hbp::hbp::{Equations, Request, derive};
use hbp::language::{File, parse};
use hbp::rewrite::{Report, Rewriter};

fn file(text: &str) -> File {
    parse("test.hbp", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn module(text: &str) -> Module {
    let file = file(text);
    file.module(&file.modules()[0]).expect("defined")
}

fn report(text: &str) -> CheckReport {
    check_module(&module(text), &CheckOptions::default())
        .unwrap_or_else(|e| panic!("{text}: {e}; {}", e.help()))
}

const RIGHT: &[&str] = &[
    "module m(x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*x + b }",
    "fn phi(t)\nmodule m(x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = W*phi(x) + b }",
    "fn swish(t) = t * sigmoid(t)\nmodule m(x: R[n]) -> z: R[m] { param U: R[m, n]\n param V: R[m, n]\n z = (U*x) .* swish(V*x) }",
    "module m(x: R[n]) -> z: R[n] { z = relu(x) + abs(x) }",
    "module m(x: R[n]) -> z: R[n] { z = log(x) .* sqrt(x) }",
    "module m(x: R[n]) -> z: R[n] { z = x / sqrt(x'*x + 1) }",
    "module m(X: R[n, k]) -> Z: R[n, n] { param W: R[n, n]\n Z = X*X' + W'*W }",
    "module m(z: R[n], y: R[n] distribution) -> e: R { e = y' * (logsumexp(z) * ones(n) - z) }",
    "module m(x: R[n]) -> e: R { param A: R[n, n] symmetric\n e = x'*A*A*x + tr(A'*A*A) }",
    "module m(x: R[n]) -> z: R[n] { param D: R[n, n] diagonal\n z = D*D'*x + D*tanh(D*x) }",
    "module m(x: R[n] distribution) -> z: R[n] { z = x * sum(x) + x .* x }",
    "module m(x: R[n]) -> z: R[n] { z = 1000*x + 2e6*sin(x) }",
    "module m(x: R[n]) -> e: R { param A: R[n, n] positive-definite\n e = x' * inv(A) * x + logdet(A) }",
];

#[test]
fn right_equations_agree() {
    for text in RIGHT {
        let report = report(text);
        assert_eq!(
            report.outcome(),
            Outcome::Agree,
            "{}",
            hbp::check::text(&report)
        );
        assert!(report.points.len() >= 2, "{text}");
        let is_abstract = text.contains("phi");
        for check in report.variables.iter().flat_map(|v| &v.quantities) {
            assert!(
                check.witness.is_some() && check.differences.is_some(),
                "{text}"
            );
            assert_eq!(check.kernels.is_none(), is_abstract, "{text}");
            assert!(check.indices.is_some(), "{text}");
        }
        assert_eq!(
            report.notes.iter().any(|n| n.contains("`phi` is abstract")),
            is_abstract
        );
    }
}

#[test]
fn the_built_in_modules_agree() {
    let file = file("");
    for name in hbp::language::builtin_names() {
        let Ok(module) = file.module(name) else {
            continue;
        };
        let report = check_module(&module, &CheckOptions::default()).unwrap();
        assert_eq!(report.outcome(), Outcome::Agree, "{}", text(&report));
        assert!(report.notes.is_empty(), "{}", text(&report));
        assert_all_columns(&report);
    }
}

fn checks(report: &CheckReport) -> impl Iterator<Item = &QuantityCheck> {
    report.variables.iter().flat_map(|v| &v.quantities)
}

/// The index core has derived all of it, too, and comes to the same expressions and numbers.
fn assert_all_columns(report: &CheckReport) {
    for check in checks(report) {
        let indices = check.indices.unwrap_or(f64::NAN);
        assert!(
            indices <= TOLERANCE && check.index == Verdict::Equal,
            "{}",
            text(report)
        );
    }
}

#[test]
fn the_examples_agree() {
    let mut modules = 0;
    for entry in std::fs::read_dir("examples").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "hbp") {
            continue;
        }
        let file = file(&std::fs::read_to_string(&path).unwrap());
        for report in check_file(&file, None, &CheckOptions::default()).unwrap() {
            assert_eq!(report.outcome(), Outcome::Agree, "{}", text(&report));
            assert_all_columns(&report);
            modules += 1;
        }
    }
    assert!(modules >= 8, "{modules}");
}

#[test]
fn the_index_core_says_why_it_does_not_reach_a_module() {
    let report = report(
        "module m(x: R[n], y: R[n]) -> z: R[n] { z = (tanh(x) / 100 + tanh(y) / 100 + ones(n)) .^ 66 }",
    );
    assert_eq!(report.outcome(), Outcome::Agree, "{}", text(&report));
    for check in checks(&report) {
        assert!(matches!(check.index, Verdict::Unreached(_)) && check.indices.is_none());
    }
    let text = text(&report);
    let note =
        "note: the index core does not reach this module: more than 64 as the power of a sum";
    assert_eq!(text.matches(note).count(), 1, "{text}");
}

#[test]
fn an_index_form_that_cancels_contradicts_nothing() {
    let report = report("module m(x: R[n]) -> z: R[n] { z = tanh(x) .^ 8 }");
    assert_eq!(report.outcome(), Outcome::Agree, "{}", text(&report));
    assert!(checks(&report).all(|c| c.index == Verdict::Equal));
    let cancels = "it cancels too much to be exact";
    assert!(
        report.notes.iter().any(|n| n.contains(cancels)),
        "{}",
        text(&report)
    );
}

#[test]
fn what_symbols_do_not_decide_numbers_do() {
    let mut undecided = check_equations(&equations(), &CheckOptions::default()).unwrap();
    undecided.variables[0].quantities[0].index = Verdict::Undecided;
    assert!(text(&undecided).contains("  numbers\n"));
    undecided.variables[0].quantities[0].indices = Some(2.0 * TOLERANCE);
    assert!(text(&undecided).contains("  different  WRONG\n"));
    assert_eq!(undecided.outcome(), Outcome::Differ);
}

#[test]
fn the_index_core_decides_the_affine_map() {
    let report = report(RIGHT[0]);
    for check in report.variables.iter().flat_map(|v| &v.quantities) {
        assert_eq!(check.index, Verdict::Equal, "{}", text(&report));
    }
    let names: Vec<_> = report.variables.iter().map(|v| &*v.variable).collect();
    assert_eq!(names, ["x", "W", "b"]);
    assert_eq!(
        report
            .points
            .iter()
            .map(|s| (s["m"], s["n"]))
            .collect::<Vec<_>>(),
        [(2, 3), (3, 4), (4, 2)]
    );
}

fn equations() -> Equations {
    let module = module("module m(x: R[n]) -> z: R[m] { param W: R[m, n]\n z = sigmoid(W*x) }");
    derive(
        &module,
        &Request::default(),
        Rewriter::embedded(),
        &mut Report::default(),
    )
    .expect("derivable")
}

#[test]
fn wrong_equations_are_found() {
    let good = check_equations(&equations(), &CheckOptions::default()).unwrap();
    assert_eq!(good.outcome(), Outcome::Agree, "{}", text(&good));
    for place in 0..2 {
        for quantity in Quantity::ALL {
            let mut wrong = equations();
            let graph = &mut wrong.module.graph;
            let equation = &mut wrong.equations[place];
            let slot = match quantity {
                Quantity::Gradient => &mut equation.gradient,
                Quantity::Jacobian => &mut equation.jacobian,
                Quantity::Residual => &mut equation.residual,
                Quantity::Hessian => &mut equation.hessian,
            };
            let factor = graph.number("1000001/1000000".parse().unwrap());
            *slot = graph.node(Op::Scale, &[factor, *slot]).unwrap();
            let report = check_equations(&wrong, &CheckOptions::default()).unwrap();
            assert_eq!(report.outcome(), Outcome::Differ, "{}", text(&report));
            let found = report.variables[place]
                .quantities
                .iter()
                .find(|q| q.quantity == quantity)
                .unwrap();
            assert!(
                !found.agrees()
                    && found.index != Verdict::Equal
                    && found.indices.is_some_and(|error| error > TOLERANCE),
                "{}",
                text(&report)
            );
            assert!(
                text(&report).contains("WRONG") && text(&report).contains("a witness contradicts")
            );
        }
    }
}

#[test]
fn a_map_without_values_is_said_to_have_none() {
    let report = report("module m(x: R[n]) -> z: R { z = log(0 - x'*x - 1) }");
    assert_eq!(report.outcome(), Outcome::NoPoint);
    assert!(
        text(&report).contains("no valid point was found at n = 2"),
        "{}",
        text(&report)
    );
}

#[test]
fn fixed_sizes_become_names_when_they_are_large() {
    let report = report(
        "module m(x: R[784]) -> z: R[128] { param W: R[128, 784]\n z = tanh(W*x) + ones(128) }",
    );
    assert_eq!(report.outcome(), Outcome::Agree);
    assert!(
        text(&report).contains("784 as d1, 128 as d2")
            || text(&report).contains("128 as d2, 784 as d1"),
        "{}",
        text(&report)
    );
    let text = "module m(x: R[100]) -> z: R[4, 25] { z = reshape(x, 4, 25) }";
    let error = check_module(&module(text), &CheckOptions::default()).unwrap_err();
    assert!(
        error.is_limit()
            && error
                .message()
                .contains("`x` of the module `m` has 100 entries"),
        "{error}"
    );
    assert!(error.help().contains("R[m, n]"));
}

#[test]
fn networks_are_checked_by_their_modules() {
    let file = file(
        "network n { input x: R[784]\n target y: R[10]\n h1 = linear[128](x)\n a1 = tanh(h1)\n h2 = linear[64](a1)
            a2 = tanh(h2)\n h3 = linear[10](a2) + ones(10)\n loss softmax_cross_entropy(h3, y) }",
    );
    let reports = check_file(&file, None, &CheckOptions::default()).unwrap();
    let names: Vec<_> = reports.iter().map(|r| &*r.module).collect();
    assert_eq!(names, ["linear", "tanh", "h3", "softmax_cross_entropy"]);
    assert!(reports.iter().all(|r| r.outcome() == Outcome::Agree));
    let error = check_file(&file, Some("nothing"), &CheckOptions::default()).unwrap_err();
    assert!(error.message().contains("`nothing`"));
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let options = CheckOptions {
        seed: 3,
        ..CheckOptions::default()
    };
    let (first, second) = (
        check_module(&module(RIGHT[2]), &options),
        check_module(&module(RIGHT[2]), &options),
    );
    assert_eq!(text(&first.unwrap()), text(&second.unwrap()));
}
