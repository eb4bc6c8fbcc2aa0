//! One page for every built-in layer and loss and every example: the forward map, what is derived of it, the same for
//! LaTeX, how large the e-graphs were, and the kernels. Why pages: whatever a change of a rule, a cost or an order does,
//! it is seen. A page proves nothing, so beside each the same equations are checked on numbers, kernels included.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use hbp::check::{CheckOptions, Outcome, check_module, text as check_text};
use hbp::expr::{Draw, Module, Names, Sizes, print};
use hbp::hbp::{Batch, Curvature, Equations, Request, approximate, derive};
use hbp::language::{builtin_names, builtin_source, parse};
use hbp::network::{RunOptions, plan_module};
use hbp::report::{Setting, page, text};
use hbp::rewrite::{Report, Rewriter, Style};

use support::numbers::{disagreement, environment};

#[test]
fn built_in_modules() {
    let functions = include_str!("../src/language/prelude/functions.hbp");
    let of_the_language = |name: &&str| functions.contains(builtin_source(name).unwrap());
    let mut names = builtin_names();
    names.retain(|name| !of_the_language(name));
    assert!(names.len() >= 13, "{names:?}");
    let file = parse("none.hbp", "").unwrap();
    for name in names {
        check(name, &file.module(name).unwrap());
    }
}

/// Every function of the language that is a module by itself.
#[test]
fn built_in_functions() {
    let functions = include_str!("../src/language/prelude/functions.hbp");
    let file = parse("none.hbp", "").unwrap();
    let mut names = builtin_names();
    names.retain(|name| functions.contains(builtin_source(name).unwrap()));
    names.retain(|name| file.module(name).is_ok());
    assert!(names.len() >= 17, "{names:?}");
    for name in names {
        check(name, &file.module(name).unwrap());
    }
}

#[test]
fn examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    // The modules of the comparison with a peer are the others once more.
    paths.retain(|path| {
        path.extension().is_some_and(|e| e == "hbp") && !path.ends_with("legibility.hbp")
    });
    paths.sort();
    assert!(paths.len() >= 7, "{paths:?}");
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy();
        let source = fs::read_to_string(&path).unwrap();
        let file = parse(&name, &source).unwrap_or_else(|e| panic!("{e}"));
        for module in file.modules() {
            check(&format!("example_{name}"), &file.module(&module).unwrap());
        }
    }
}

/// Compares the page of a module with `snapshots/page__NAME.snap`, and its equations with numbers.
fn check(name: &str, module: &Module) {
    let mut report = Report::default();
    let equations = derive(
        module,
        &Request::default(),
        Rewriter::embedded(),
        &mut report,
    )
    .unwrap_or_else(|e| panic!("{name}: {e}"));
    let sizes: Sizes = module.dimensions().into_iter().zip(2..).collect();
    for seed in 0..2 {
        let at = |draw| environment(&equations.module, &sizes, seed, draw).unwrap();
        // Logarithms and roots have values at positive numbers only.
        let wrong = disagreement(&equations, &at(Draw::Normal))
            .or_else(|_| disagreement(&equations, &at(Draw::Positive)))
            .unwrap();
        assert_eq!(wrong, None, "{name}");
    }
    let checked = check_module(module, &CheckOptions::default()).unwrap();
    assert_eq!(
        checked.outcome(),
        Outcome::Agree,
        "{}",
        check_text(&checked)
    );

    let setting = Setting::default();
    let mut stages = text(&equations, setting, false).unwrap();
    let _ = write!(
        stages,
        "\n== LaTeX ==\n\n{}",
        page(&equations, setting).unwrap()
    );
    let _ = write!(stages, "\n== Modes ==\n\n{}", in_modes(&equations));
    let _ = write!(stages, "\n== E-graphs ==\n\n{}", graphs(&report));
    let _ = write!(stages, "\n== Kernels ==\n\n{}", kernels(module, sizes));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("page__{name}"), stages));
}

/// Every block in every curvature and batch mode, equal ones once.
fn in_modes(exact: &Equations) -> String {
    let mut blocks: Vec<Vec<(String, Vec<String>)>> = vec![Vec::new(); exact.equations.len()];
    for (curvature, _) in Curvature::ALL {
        for (batch, _) in Batch::ALL {
            let (style, rewriter) = (Style::Hadamard, Rewriter::embedded());
            let found = approximate(exact.clone(), curvature, batch, style, rewriter).unwrap();
            let graph = &found.module.graph;
            for (place, equation) in found.equations.iter().enumerate() {
                let is_loss = exact.equations[place].loss.is_some();
                let block = match &equation.loss {
                    _ if !is_loss => print(graph, equation.hessian, &Names::default()),
                    Some(loss) => print(graph, loss.hessian, &Names::default()),
                    None => "refused: the loss declares no model".to_owned(),
                };
                let mode = format!("{curvature}/{batch}");
                match blocks[place].iter_mut().find(|(known, _)| *known == block) {
                    Some((_, modes)) => modes.push(mode),
                    None => blocks[place].push((block, vec![mode])),
                }
            }
        }
    }
    let mut lines = String::new();
    for (equation, blocks) in exact.equations.iter().zip(blocks) {
        for (block, modes) in blocks {
            let _ = writeln!(lines, "hess({}) = {block}", equation.variable);
            let _ = writeln!(lines, "    {}", modes.join(", "));
        }
    }
    lines
}

/// One line for every saturation.
fn graphs(report: &Report) -> String {
    let mut lines = String::new();
    for (phase, graph) in &report.phases {
        let phase = format!("{phase:?}").to_lowercase();
        let end = if graph.saturated {
            ""
        } else {
            ", stopped at its limit"
        };
        let (nodes, classes, rounds) = (graph.nodes, graph.classes, graph.iterations);
        let _ = writeln!(
            lines,
            "{phase}: {nodes} e-nodes in {classes} classes after {rounds} rounds{end}"
        );
    }
    lines
}

fn kernels(module: &Module, sizes: Sizes) -> String {
    let options = RunOptions {
        sizes,
        ..RunOptions::default()
    };
    plan_module(module, &options).unwrap_or_else(|error| format!("none: {}\n", error.message()))
}
