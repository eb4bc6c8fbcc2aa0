//! Limits end the program with a code of their own, whichever command meets them.

use super::hbp;

const GATED: &str = include_str!("../../examples/gated.hbp");

#[test]
fn sizes_beyond_the_machine_are_limits() {
    for dims in ["m=100000,n=100000", "m=3000000000,n=3000000000"] {
        let answer = hbp(&["plan", "-", "--dims", dims], GATED.as_bytes());
        assert_eq!(answer.code, 3, "{dims}: {}", answer.err);
        assert!(
            answer.err.contains("use smaller dimensions"),
            "{}",
            answer.err
        );
        assert!(!answer.err.contains("memory limit"), "{}", answer.err);
    }
}

/// A derivation too large for the rules is a limit for every command.
#[test]
fn modules_beyond_the_rules_are_limits() {
    let inputs: Vec<String> = (0..130).map(|k| format!("x{k}: R")).collect();
    let squares: Vec<String> = (0..130).map(|k| format!("x{k}^2")).collect();
    let text = format!(
        "module m({}) -> z: R {{ z = {} }}",
        inputs.join(", "),
        squares.join(" + ")
    );
    for command in ["derive", "check", "plan"] {
        let answer = hbp(&[command, "-"], text.as_bytes());
        assert_eq!(answer.code, 3, "{command}: {}", answer.err);
        assert!(
            answer.err.contains("compose them in a network"),
            "{command}: {}",
            answer.err
        );
    }
}

#[test]
fn networks_beyond_the_machine_are_limits() {
    let text = "network n { input x: R[100000]; target y: R[4]; h = linear[100000](x); a = tanh(h); k = linear[4](a); loss square_loss(k, y) }";
    let answer = hbp(&["plan", "-"], text.as_bytes());
    assert_eq!(
        (answer.code, answer.out.as_str()),
        (3, ""),
        "{}",
        answer.err
    );
    for part in ["`h`", "10000000000 × 10000000000", "use smaller dimensions"] {
        assert!(answer.err.contains(part), "{part}\n{}", answer.err);
    }
}
