//! The files of `tests/cases/hbp`: a module, sizes to try it at, and what must be printed.
//!
//! A line `#> ` is a line of what is expected: the most e-nodes that a saturation to differentiate and one to simplify
//! may reach, then for every variable its `let`s and its block, and the same for a module that is the loss itself.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use hbp::expr::{Draw, Id, Matrix, Module, Name, Names, Sizes, evaluate, print, print_definition};
use hbp::hbp::{Equations, Request, Structure, cross_hessian, row_major};
use hbp::rewrite::{Phase, Report, Rewriter};

use super::derived;
use super::support::numbers::{TOLERANCE, disagreement, environment, witnessed};

pub(crate) struct Case {
    pub(crate) name: String,
    text: String,
    pub(crate) module: Module,
    sizes: Vec<Sizes>,
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hbp");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let file = hbp::parse(&name, &text).unwrap_or_else(|e| panic!("{e}"));
    let module = file.module(&file.modules()[0]).unwrap();
    let sizes = text
        .lines()
        .find_map(|line| line.strip_prefix("# sizes "))
        .unwrap();
    Case {
        module,
        sizes: sizes.split('|').map(read_sizes).collect(),
        name,
        text,
    }
}

fn read_sizes(text: &str) -> Sizes {
    let size = |item: &str| -> (Name, usize) {
        let (name, size) = item.split_once('=').unwrap();
        (name.into(), size.parse().unwrap())
    };
    text.split_whitespace().map(size).collect()
}

#[test]
fn equations_are_printed_as_they_must_be() {
    let mut wrong = String::new();
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    for case in cases {
        let (equations, report) = derived(&case.module);
        let found = nodes(&report) + &printed(&equations);
        let expected: String = case
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("#>"))
            .map(|line| format!("#>{line}\n"))
            .collect();
        if found != expected {
            let _ = writeln!(wrong, "{}.hbp now reads\n{found}", case.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The largest e-graph of each phase.
fn nodes(report: &Report) -> String {
    let most = |phase| {
        let phases = report.phases.iter().filter(|(p, _)| *p == phase);
        phases.map(|(_, report)| report.nodes).max().unwrap_or(0)
    };
    let (inwards, shorter) = (most(Phase::Differentiate), most(Phase::Simplify));
    format!("#> e-nodes: {inwards} to differentiate, {shorter} to simplify\n")
}

/// The blocks in names: locals, then `let`s.
fn printed(equations: &Equations) -> String {
    let module = &equations.module;
    let mut text = String::new();
    for e in &equations.equations {
        let name = format!("hess({})", e.variable);
        block(&mut text, module, (&name, e.hessian), &e.lets, e.structure);
        if let Some(loss) = &e.loss {
            let name = format!("as the loss: {name}");
            block(
                &mut text,
                module,
                (&name, loss.hessian),
                &loss.lets,
                loss.structure,
            );
        }
    }
    text
}

fn block(
    text: &mut String,
    module: &Module,
    (name, id): (&str, Id),
    lets: &[(Name, Id)],
    structure: Structure,
) {
    let graph = &module.graph;
    let mut names = Names::default();
    for (local, value) in &module.locals {
        if !graph[*value].children.is_empty() {
            names.insert(*value, local.clone());
        }
    }
    for (local, value) in lets {
        let _ = writeln!(
            text,
            "#>     let {local} = {}",
            print_definition(graph, *value, &names)
        );
        names.insert(*value, local.clone());
    }
    let value = print(graph, id, &names);
    let form = format!("{structure:?}").to_lowercase();
    let _ = writeln!(text, "#> {name} = {value}    [{form}]");
}

#[test]
fn equations_agree_with_hyper_dual_numbers() {
    for case in cases() {
        let (equations, _) = derived(&case.module);
        assert!(case.sizes.len() >= 2, "{}", case.name);
        for (seed, sizes) in (0..).zip(&case.sizes) {
            let environment = environment(&equations.module, sizes, seed, Draw::Normal).unwrap();
            let wrong = disagreement(&equations, &environment).unwrap();
            assert_eq!(wrong, None, "{} at {sizes:?}", case.name);
        }
    }
}

#[test]
fn cross_blocks_agree_with_hyper_dual_numbers() {
    for name in [
        "linear",
        "composite",
        "bilinear",
        "gated",
        "tied",
        "matrix_product",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hbp");
        let case = case(&folder.join(format!("{name}.hbp")));
        let (equations, _) = derived(&case.module);
        let mut module = equations.module.clone();
        for u in &equations.equations {
            for v in &equations.equations {
                let (of_u, of_v) = ((&u.variable, u), (&v.variable, v));
                let id = cross_hessian(&mut module, of_u, of_v, Rewriter::embedded()).unwrap();
                for (seed, sizes) in (0..).zip(&case.sizes) {
                    let environment = environment(&module, sizes, seed, Draw::Normal).unwrap();
                    let seen = witnessed(&module, &environment).unwrap();
                    let expected = seen.hessian(&u.variable, &v.variable).unwrap();
                    let found = evaluate(&module.graph, id, &environment).unwrap();
                    let distance = found.distance(&expected);
                    let pair = format!("{name}: hess({}, {})", u.variable, v.variable);
                    assert!(distance < TOLERANCE, "{pair} is off by {distance}");
                }
            }
        }
    }
}

/// The rows of a matrix whose rows are the entries of a value of this shape, from column to row order.
fn by_rows(matrix: &Matrix<f64>, (rows, cols): (usize, usize)) -> Matrix<f64> {
    let place = |k: usize| k / cols + (k % cols) * rows;
    Matrix::from_fn(matrix.rows(), matrix.cols(), |i, j| matrix[(place(i), j)])
}

#[test]
fn blocks_by_rows_are_those_by_columns_in_another_order() {
    let style = Request::default().style;
    let mut turned = 0;
    for case in cases() {
        let (columns, _) = derived(&case.module);
        let rows = row_major(columns.clone(), style, Rewriter::embedded()).unwrap();
        let (z, z_id) = &columns.module.output;
        let sizes = &case.sizes[0];
        let at = environment(&columns.module, sizes, 7, Draw::Normal).unwrap();
        let shape_of = |id| evaluate(&columns.module.graph, id, &at).unwrap().shape();
        let z_shape = shape_of(*z_id);
        let both =
            |m: &Matrix<f64>, shape| by_rows(&by_rows(m, shape).transpose(), shape).transpose();
        let mut at_rows = at.clone();
        let hessian = at.get(&format!("hess({z})")).unwrap();
        at_rows.set(format!("hess({z})"), &both(hessian, z_shape));
        for (c, r) in columns.equations.iter().zip(&rows.equations) {
            let v_shape = at.get(&c.variable).unwrap().shape();
            let value = |id| evaluate(&columns.module.graph, id, &at).unwrap();
            let row_value = |id| evaluate(&rows.module.graph, id, &at_rows).unwrap();
            let jacobian = by_rows(&value(c.jacobian), z_shape);
            let jacobian = by_rows(&jacobian.transpose(), v_shape).transpose();
            for (name, expected, found) in [
                ("jac", jacobian, row_value(r.jacobian)),
                (
                    "resid",
                    both(&value(c.residual), v_shape),
                    row_value(r.residual),
                ),
                (
                    "hess",
                    both(&value(c.hessian), v_shape),
                    row_value(r.hessian),
                ),
            ] {
                let distance = found.distance(&expected);
                assert!(
                    distance < TOLERANCE,
                    "{}: {name}({}) is off by {distance}",
                    case.name,
                    c.variable
                );
                turned += usize::from(v_shape.0 > 1 && v_shape.1 > 1);
            }
        }
    }
    assert!(turned >= 20, "only {turned} quantities of matrices");
}
