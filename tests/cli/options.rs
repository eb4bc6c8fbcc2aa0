//! Options: what the contract names and this version refuses, and what help says of it.

use super::hbp;

const AFFINE: &str = "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }";

#[test]
fn options_of_later_versions_are_known_and_refused() {
    let options = [["--threads", "2"]];
    for option in options {
        for command in [
            &["derive", "-"][..],
            &["plan", "-", "--dims", "m=2,n=3"],
            &["run", "-", "--data", "in.npz", "--out", "out.npz"],
        ] {
            let answer = hbp(&[command, &option[..]].concat(), AFFINE.as_bytes());
            let part = format!("{} is not available in this version", option[0]);
            assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{option:?}");
            assert!(answer.err.contains(&part), "{}", answer.err);
        }
    }
    let seeded = ["plan", "-", "--dims", "m=2,n=3", "--seed", "7"];
    assert_eq!(hbp(&seeded, AFFINE.as_bytes()).code, 0);
}

#[test]
fn help_says_what_is_not_available() {
    let derive = hbp(&["derive", "-h"], b"").out;
    assert!(derive.contains("`html` is not available"), "{derive}");
}

#[test]
fn sizes_are_given_once_and_for_what_has_sizes() {
    let scalar = "module s(x: R) -> z: R { z = x*x }";
    for (text, dims, part) in [
        (AFFINE, "m=64,n=128,m=3", "--dims gives `m` twice: 64 and 3"),
        (scalar, "n=3", "there are no dimensions to choose"),
        (AFFINE, "m=2,n=3,q=4", "the dimensions are `m`, `n`"),
    ] {
        let answer = hbp(&["plan", "-", "--dims", dims], text.as_bytes());
        assert_eq!(answer.code, 2, "{dims}");
        assert!(answer.err.contains(part), "{}", answer.err);
    }
}

#[test]
fn plans_count_and_name() {
    let text = "network net { input x: R[3]\n target y: R[2]\n h = linear[2](x)\n loss square_loss(h, y) }";
    let plan = hbp(&["plan", "-"], text.as_bytes()).out;
    assert!(plan.contains("2 nodes, 2 distinct modules"), "{plan}");
    assert!(plan.contains("\noutput value: 2 × 32"), "{plan}");
    let one = "network net { input x: R[3]\n target y: R[3]\n loss square_loss(x, y) }";
    let plan = hbp(&["plan", "-"], one.as_bytes());
    let part = "1 node, 1 distinct module,";
    assert!(plan.out.contains(part), "{}{}", plan.out, plan.err);
}

#[test]
fn a_scheme_is_a_pair_of_modes() {
    let affine = AFFINE.as_bytes();
    let derive = |options: &[&str]| hbp(&[&["derive", "-"], options].concat(), affine);
    let pairs: [(&[&str], &[&str]); 3] = [
        (&["--scheme", "hbp"], &[]),
        (
            &["--scheme", "kfra"],
            &["--curvature", "ggn", "--batch", "average-hessian"],
        ),
        (
            &["--scheme", "bda-pch", "--curvature", "pch-clip"],
            &["--curvature", "pch-clip", "--batch", "average-jacobian"],
        ),
    ];
    for (scheme, modes) in pairs {
        let (first, second) = (derive(scheme), derive(modes));
        assert_eq!((first.code, second.code), (0, 0), "{}", first.err);
        assert_eq!(first.out, second.out);
    }
    let contradiction = derive(&["--scheme", "kfra", "--curvature", "pch-abs"]);
    assert_eq!(contradiction.code, 2);
    let message = "--scheme kfra contradicts --curvature pch-abs";
    assert!(contradiction.err.contains(message), "{}", contradiction.err);
}

/// What roots carry is printed; what they cannot carry is refused.
#[test]
fn roots_are_derived_and_planned() {
    let affine = AFFINE.as_bytes();
    let kflr = hbp(&["derive", "-", "--scheme", "kflr"], affine);
    assert_eq!(kflr.code, 0, "{}", kflr.err);
    for part in ["root(x)   = W'*root(z)", "hess(W)   = E(x*x') ⊗ E(hess(z))"] {
        assert!(kflr.out.contains(part), "{}", kflr.out);
    }
    let root = ["--curvature", "ggn", "--message", "root"];
    let exact = hbp(&[&["derive", "-"][..], &root].concat(), affine).out;
    assert!(exact.contains("root(W)   = x ⊗ root(z)"), "{exact}");
    let text = "network net { input x: R[3]\n target y: R[2]\n h = linear[2](x)\n k = linear[2](h)\n loss softmax_cross_entropy(k, y) }";
    let plan = ["plan", "-", "--batch-size", "7", "--scheme", "kfac"];
    let plan = hbp(&plan, text.as_bytes());
    for part in [
        "7 samples side by side",
        "a column of the root, all samples",
        "the model of the loss, each sample",
    ] {
        assert!(plan.out.contains(part), "{}{}", plan.out, plan.err);
    }
    for (options, part) in [
        (&["--message", "root"][..], "a root cannot carry"),
        (&["--samples", "0"], "0 is not in 1.."),
        (
            &["--scheme", "kflr", "--message", "hessian"],
            "contradicts --message hessian",
        ),
        (&["--batch-size", "0"], "0 is not in 1.."),
        (&["--samples", "2"], "targets are drawn for Fisher"),
    ] {
        let answer = hbp(&[&["plan", "-"], options].concat(), text.as_bytes());
        assert_eq!(answer.code, 2, "{options:?}");
        assert!(answer.err.contains(part), "{}", answer.err);
    }
}

#[test]
fn a_table_of_nothing_is_refused() {
    let table = hbp(&["coverage", "-"], AFFINE.as_bytes());
    assert!(table.out.contains("| `affine` | exact |"), "{}", table.out);
    let nothing = hbp(&["coverage", "-"], b"");
    assert_eq!((nothing.code, nothing.out.as_str()), (2, ""));
    assert!(nothing.err.contains("defines no module"), "{}", nothing.err);
}
