//! `--compose` and `hbp groupings` on the command line.

use super::hbp;

const NETWORK: &str = "fn phi(t)
network n { input x: R[n]\n target y: R[k]\n h1 = linear[m](x)\n a1 = phi(h1)\n h2 = linear[k](a1)\n loss square_loss(h2, y) }";

#[test]
fn a_composed_network_is_derived_in_its_own_names() {
    let derive = |options: &[&str]| hbp(&[&["derive", "-"], options].concat(), NETWORK.as_bytes());
    let composed = derive(&["--compose", "activation-affine", "--wrt", "h1,h2.W"]);
    assert_eq!(composed.code, 0, "{}", composed.err);
    for part in [
        "module phi+linear(h1: R[m]) -> h2: R[k] {",
        "    hess(h1)    = (h2.W'*hess(h2)*h2.W) .* (phi'(h1)*phi'(h1)') + diag(phi''(h1) .* (h2.W'*grad(h2)))",
        "    hess(h2.W)    = (a1*a1') ⊗ hess(h2)",
    ] {
        assert!(composed.out.contains(part), "no {part}\n{}", composed.out);
    }
    let by_name = derive(&["--network", "n", "--compose", "a1+h2", "--wrt", "h1,h2.W"]);
    assert_eq!(by_name.out, composed.out);
    // A scheme has its grouping; another one can be asked for.
    let kfra = derive(&["--network", "n", "--scheme", "kfra", "--wrt", "h1"]);
    assert!(
        kfra.out
            .contains("hess(h1)    = (h2.W'*E(hess(h2))*h2.W) .* E(phi'(h1)*phi'(h1)')"),
        "{}",
        kfra.out
    );
    let apart = derive(&[
        "--network",
        "n",
        "--scheme",
        "kfra",
        "--compose",
        "none",
        "--wrt",
        "h1",
    ]);
    assert!(
        apart
            .out
            .contains("hess(h1)    = E(hess(a1)) .* E(phi'(h1)*phi'(h1)')"),
        "{}",
        apart.out
    );
    let json = derive(&["--compose", "a1+h2", "--format", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["modules"][1]["output"], "h2");
}

#[test]
fn groups_are_planned_and_drawn() {
    let text = NETWORK.replace("fn phi(t)", "fn phi(t) = t*t");
    let plan = hbp(
        &["plan", "-", "--compose", "a1+h2", "--dims", "n=3,m=2,k=2"],
        text.as_bytes(),
    );
    assert!(
        plan.out.contains("phi+linear of `h2`, backward"),
        "{}{}",
        plan.out,
        plan.err
    );
    let drawing = hbp(
        &["show", "-", "--format", "dot", "--compose", "a1+h2"],
        NETWORK.as_bytes(),
    );
    let part = r#""h2" [label="h2 = phi+linear\nR[k]\nh2.W: R[k, m]\nh2.b: R[k]"];"#;
    assert!(drawing.out.contains(part), "{}{}", drawing.out, drawing.err);
}

#[test]
fn groups_that_cannot_be_are_refused_with_help() {
    let module = "module affine(x: R[n]) -> z: R[m] { param W: R[m, n]; z = W*x }";
    for (text, groups, message, help) in [
        (
            NETWORK,
            "h1+h2",
            "they are not neighbours",
            "it is read by `a1`",
        ),
        (
            NETWORK,
            "a1",
            "is grouped with nothing",
            "activation-affine",
        ),
        (
            NETWORK,
            "q+h2",
            "`q` in --compose is no node",
            "its nodes are",
        ),
        (module, "a+b", "a module is asked for", "--network"),
    ] {
        for command in [&["derive", "-"][..], &["plan", "-", "--dims", "m=2,n=3"]] {
            let answer = hbp(&[command, &["--compose", groups]].concat(), text.as_bytes());
            assert_eq!(
                (answer.code, answer.out.as_str()),
                (2, ""),
                "{}",
                answer.err
            );
            for part in [message, help] {
                assert!(answer.err.contains(part), "no {part} in\n{}", answer.err);
            }
        }
    }
    let none = hbp(&["derive", "-", "--compose", "none"], module.as_bytes());
    assert_eq!((none.code, none.err.as_str()), (0, ""));
    let hidden = hbp(
        &["derive", "-", "--compose", "a1+h2", "--wrt", "a1"],
        NETWORK.as_bytes(),
    );
    assert_eq!(hidden.code, 2);
    assert!(
        hidden.err.contains("what a group hides has no equations"),
        "{}",
        hidden.err
    );
}

#[test]
fn groupings_are_told_in_every_format() {
    let groupings =
        |options: &[&str]| hbp(&[&["groupings", "-"], options].concat(), NETWORK.as_bytes());
    let text = groupings(&["--curvature", "ggn"]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    for part in [
        "h1+a1    linear+phi\n  average-hessian (6): changed\n    hess(h1.W): different;",
        "        apart     E(x*x') ⊗ (E(hess(a1)) .* E(phi'(h1)*phi'(h1)'))\n",
        "a1+h2    phi+linear\n  average-hessian (6): unchanged, proved\n    hess(h1): equal, proved; the numbers agree at",
    ] {
        assert!(text.out.contains(part), "no {part}\n{}", text.out);
    }
    assert_eq!(groupings(&["--curvature", "ggn"]).out, text.out);
    let json: serde_json::Value =
        serde_json::from_str(&groupings(&["--format", "json"]).out).unwrap();
    assert_eq!(
        json["pairs"][1]["modes"]["average-jacobian"]["verdict"],
        "equal"
    );
    let latex = groupings(&["--format", "latex"]).out;
    assert!(latex.contains(r"\mathcal{H}W_{h_{1}} &\colon"), "{latex}");
    let html = groupings(&["--format", "html"]);
    assert_eq!((html.code, html.out.as_str()), (2, ""));
    let module = hbp(&["groupings", "-"], b"module m(x: R) -> z: R { z = x*x }");
    assert_eq!(module.code, 2);
    assert!(module.err.contains("defines no network"), "{}", module.err);
    // Without a proof no claim: what is live together is treated as one matrix.
    let joint = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n s = multiply(a, h)\n k = linear[2](s)\n loss square_loss(k, y) }";
    let open = hbp(
        &["groupings", "-", "--curvature", "pch-abs"],
        joint.as_bytes(),
    );
    assert_eq!(open.code, 3);
    assert!(
        open.out.contains("undecided; positive curvature treats"),
        "{}",
        open.out
    );
}
