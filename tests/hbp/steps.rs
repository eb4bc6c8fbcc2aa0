//! Derivations as text.

use hbp::hbp::{Request, derive};
use hbp::rewrite::{Report, Rewriter};

use super::cases::cases;

/// Every line begins where the one before it ends: nothing is left to the reader.
#[test]
fn steps_follow_on_each_other() {
    let mut lines = 0;
    for case in cases() {
        let mut report = Report {
            explain: true,
            ..Report::default()
        };
        let request = Request::default();
        let equations = derive(&case.module, &request, Rewriter::embedded(), &mut report)
            .expect("every case is derivable");
        for equation in &equations.equations {
            for pair in equation.steps.windows(2) {
                let [first, second] = pair else { continue };
                if first.of == second.of {
                    assert_eq!(first.after, second.before, "{}: {}", case.name, second.of);
                    lines += 1;
                }
            }
        }
    }
    assert!(lines > 1000, "{lines} lines");
}
