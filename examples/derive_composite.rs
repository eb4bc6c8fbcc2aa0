//! From text to equations: the composite module of Equation S.11.

#![allow(clippy::print_stdout, reason = "an example prints")]
use hbp::expr::{Names, print};
use hbp::hbp::{Request, derive};
use hbp::rewrite::{Report, Rewriter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = include_str!("composite.hbp");
    let file = hbp::language::parse("composite.hbp", text).map_err(|e| e.to_string())?;
    let module = file.module("composite").map_err(|e| e.to_string())?;

    let mut report = Report::default();
    let equations = derive(
        &module,
        &Request::default(),
        Rewriter::embedded(),
        &mut report,
    )?;
    let graph = &equations.module.graph;
    for equation in &equations.equations {
        let hessian = print(graph, equation.hessian, &Names::default());
        println!(
            "hess({}) = {hessian}   ({:?})",
            equation.variable, equation.structure
        );
    }
    let nodes = report
        .phases
        .iter()
        .map(|(_, phase)| phase.nodes)
        .max()
        .unwrap_or(0);
    println!("{} phases, at most {nodes} e-nodes", report.phases.len());
    Ok(())
}
