//! The recursion of KFRA and BDA-PCH, Equation S.12c, proved; and refuted with φ in place of φ'.

#![allow(clippy::print_stdout, reason = "an example prints")]
use hbp::proof::{Claim, Verdict, prove};
use hbp::rewrite::Rewriter;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = include_str!("composite.hbp");
    let file = hbp::language::parse("composite.hbp", text).map_err(|e| e.to_string())?;
    let right = "(W*diag(phi'(x)))'*hess(b)*(W*diag(phi'(x))) + diag(phi''(x) .* (W'*grad(b)))";
    for right in [right.to_owned(), right.replace("phi'(x)", "phi(x)")] {
        let claim = Claim {
            module: file.module("composite").map_err(|e| e.to_string())?,
            lets: Vec::new(),
            left: "hess(x)".into(),
            right,
            seed: 0,
        };
        println!("hess(x) = {}", claim.right);
        match prove(&file, &claim, Rewriter::embedded()).map_err(|_| "the claim makes no sense")? {
            Verdict::Proved { steps, .. } => {
                for step in steps {
                    println!("  = {}    [{}, {}]", step.after, step.rule, step.cites);
                }
            }
            Verdict::SameIndexForm { form } => println!("  both sides are {form}"),
            Verdict::Refuted(numbers) => {
                println!("  refuted: {} is not {}", numbers.left, numbers.right);
            }
            Verdict::Unknown { reason } => println!("  unknown: {reason}"),
        }
    }
    Ok(())
}
