//! Derivations as textbook lines: one rule a line, with its citation. Why: an equation is believed when each
//! of its lines can be looked up.

use std::fmt::Write;

use crate::hbp::Step;

/// Writes steps as `before`, then `= after    [rule, citation]` lines, with a heading for every quantity and phase.
pub fn steps(steps: &[Step]) -> String {
    let mut out = String::new();
    let (mut of, mut phase, mut last) = ("", "", "");
    for step in steps {
        if (step.of.as_str(), step.phase.as_str()) != (of, phase) {
            (of, phase) = (&step.of, &step.phase);
            let comma = if of.is_empty() { "" } else { ", " };
            let _ = writeln!(out, "{of}{comma}{phase}:");
            last = "";
        }
        if step.before != last {
            let _ = writeln!(out, "    {}", step.before);
        }
        last = &step.after;
        let source = if step.cites.is_empty() {
            step.rule.clone()
        } else {
            format!("{}, {}", step.rule, step.cites)
        };
        let _ = writeln!(out, "  = {}    [{source}]", step.after);
    }
    out
}
