//! Claims: what must be proved, what must be refuted, what must stay unknown; and that what is printed as JSON is
//! what was derived.

#[path = "proof/rows.rs"]
mod rows;

use hbp::expr::Name;
use hbp::hbp::{Request, derive};
use hbp::language::{self, File};
use hbp::proof::{Claim, ClaimError, Verdict, prove};
use hbp::report;
use hbp::rewrite::{Report, Rewriter};

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Rules,
    Indices,
    Refuted,
    Unknown,
    Nonsense,
}

fn ask(file: &File, module: &str, lets: &[(String, String)], left: &str, right: &str) -> Answer {
    let claim = Claim {
        module: file.module(module).expect("the module is defined"),
        lets: lets
            .iter()
            .map(|(name, value)| (Name::from(name.as_str()), value.clone()))
            .collect(),
        left: left.into(),
        right: right.into(),
        seed: 1,
    };
    match prove(file, &claim, Rewriter::embedded()) {
        Ok(Verdict::Proved { .. }) => Answer::Rules,
        Ok(Verdict::SameIndexForm { .. }) => Answer::Indices,
        Ok(Verdict::Refuted(_)) => Answer::Refuted,
        Ok(Verdict::Unknown { .. }) => Answer::Unknown,
        Err(ClaimError::Rewrite(e)) => panic!("{left} = {right}: {e}"),
        Err(_) => Answer::Nonsense,
    }
}

const MODULES: &str = "
fn phi(t)
module linear_map(x: R[n]) -> z: R[m] {
    param W: R[m, n]
    param b: R[m]
    z = W*x + b
}
module activation(x: R[n]) -> z: R[n] { z = phi(x) }
module composite(x: R[n]) -> z: R[m] {
    param W: R[m, n]
    param b: R[m]
    z = W*phi(x) + b
}
module names(x: R[n], t: R[n], X: R[n, n], Y: R[n, n], A: R[m, k], B: R[p, q], C: R[k, h], D: R[q, r], s: R, S: R[n, n] symmetric, y: R[n] distribution) -> z: R {
    z = sum(x) + sum(t) + sum(X) + sum(Y) + sum(A) + sum(B) + sum(C) + sum(D) + s + sum(S) + sum(y)
}
";

#[test]
fn the_papers_equations_are_proved_and_their_slips_refuted() {
    let file = language::parse("modules.hbp", MODULES).expect("no errors");
    let scaled = "(W*diag(phi'(x)))'*hess(z)*(W*diag(phi'(x))) + diag(phi''(x) .* (W'*grad(z)))";
    let hadamard = "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))";
    let rows = "(W' .* (phi'(x)*ones(1, m)))*hess(b)*(W' .* (phi'(x)*ones(1, m)))' + diag(phi''(x) .* (W'*grad(b)))";
    let cases = [
        ("linear_map", "hess(x)", "W'*hess(z)*W", true),
        ("linear_map", "hess(b)", "hess(z)", true),
        (
            "linear_map",
            "hess(W)",
            "(x' ⊗ eye(m))'*hess(z)*(x' ⊗ eye(m))",
            true,
        ),
        ("linear_map", "hess(W)", "x ⊗ x' ⊗ hess(z)", true),
        (
            "activation",
            "hess(x)",
            "diag(phi'(x))*hess(z)*diag(phi'(x)) + diag(phi''(x) .* grad(z))",
            true,
        ),
        ("activation", "jac(z, x)", "diag(phi'(x))", true),
        ("composite", "hess(W)", "phi(x) ⊗ phi(x)' ⊗ hess(z)", true),
        ("composite", "hess(b)", "hess(z)", true),
        ("composite", "hess(x)", scaled, true),
        ("composite", "hess(x)", hadamard, true),
        ("composite", "hess(x)", rows, true),
        ("composite", "jac(z, x)", "W*diag(phi'(x))", true),
        (
            "composite",
            "hess(x, b)",
            "(W*diag(phi'(x)))'*hess(z)",
            true,
        ),
        // The paper's slip below S.11c, and the same slip elsewhere.
        ("composite", "jac(z, x)", "W*diag(phi(x))", false),
        (
            "composite",
            "hess(x)",
            &scaled.replace("phi'(x)", "phi(x)"),
            false,
        ),
        (
            "composite",
            "hess(x)",
            &hadamard.replace("phi'(x)", "phi(x)"),
            false,
        ),
        (
            "composite",
            "hess(x)",
            &hadamard.replace("phi''(x)", "phi'(x)"),
            false,
        ),
        (
            "activation",
            "hess(x)",
            "diag(phi(x))*hess(z)*diag(phi(x)) + diag(phi''(x) .* grad(z))",
            false,
        ),
        ("composite", "hess(W)", "hess(z) ⊗ (phi(x)*phi(x)')", false),
    ];
    for (module, left, right, holds) in cases {
        let answer = ask(&file, module, &[], left, right);
        let expected = if holds {
            &[Answer::Rules, Answer::Indices][..]
        } else {
            &[Answer::Refuted, Answer::Nonsense]
        };
        assert!(
            expected.contains(&answer),
            "{module}: {left} = {right}: {answer:?}"
        );
    }
}

#[test]
fn every_form_of_the_recursion_is_proved_by_rules() {
    let file = language::parse("modules.hbp", MODULES).expect("no errors");
    for right in [
        "(W*diag(phi'(x)))'*hess(b)*(W*diag(phi'(x))) + diag(phi''(x) .* (W'*grad(b)))",
        "(W' .* (phi'(x)*ones(1, m)))*hess(b)*(W' .* (phi'(x)*ones(1, m)))' + diag(phi''(x) .* (W'*grad(b)))",
    ] {
        assert_eq!(
            ask(&file, "composite", &[], "hess(x)", right),
            Answer::Rules,
            "{right}"
        );
    }
}

#[test]
fn algebra_is_decided() {
    let file = language::parse("modules.hbp", MODULES).expect("no errors");
    let equal = [
        ("kron(A, B)*kron(C, D)", "kron(A*C, B*D)"),
        ("sigmoid(x)", "ones(n) ./ (ones(n) + exp(-x))"),
        ("sigmoid(x)", "exp(x) ./ (ones(n) + exp(x))"),
        ("sigmoid'(x)", "sigmoid(x) .* (ones(n) - sigmoid(x))"),
        ("softplus(x)", "log(ones(n) + exp(x))"),
        ("tanh(x)", "2*sigmoid(2*x) - ones(n)"),
        ("tanh''(x)", "-2*tanh(x) .* (ones(n) - tanh(x).^2)"),
        ("silu'(x)", "sigmoid(x) + x .* sigmoid'(x)"),
        ("softmax(x)", "exp(x)/sum(exp(x))"),
        ("logsumexp(x)", "log(sum(exp(x)))"),
        ("tr(X*Y)", "tr(Y*X)"),
        ("inv(X*Y)", "inv(Y)*inv(X)"),
        ("det(X*Y)", "det(X)*det(Y)"),
        ("commutation(m, k)*vec(A)", "vec(A')"),
        ("(X + Y)^2", "X^2 + X*Y + Y*X + Y^2"),
        ("S'", "S"),
        ("sum(y)", "1"),
        ("E(x + t)", "E(x) + E(t)"),
        ("-(x - t)", "t - x"),
    ];
    for (left, right) in equal {
        let answer = ask(&file, "names", &[], left, right);
        assert!(
            [Answer::Rules, Answer::Indices].contains(&answer),
            "{left} = {right}: {answer:?}"
        );
    }
    let others = [
        ("s/s", "1", Answer::Unknown),
        ("(S*X)'", "S*X", Answer::Refuted),
        ("E(x*x')", "E(x)*E(x)'", Answer::Refuted),
        ("(X*Y)'", "X'*Y'", Answer::Refuted),
        ("x", "X", Answer::Nonsense),
        ("x +", "x", Answer::Nonsense),
        ("hess(nobody)", "S", Answer::Nonsense),
    ];
    for (left, right, expected) in others {
        assert_eq!(
            ask(&file, "names", &[], left, right),
            expected,
            "{left} = {right}"
        );
    }
}

const MATRICES: &str = "
module matrices(x: R[n], A: R[n, n], C: R[k, k], U: R[n, k], V: R[k, n], X: R[m, n], S: R[m, m] symmetric, s: R) -> z: R {
    z = sum(x) + sum(A) + sum(C) + sum(U) + sum(V) + sum(X) + sum(S) + s
}
module distance(x: R[n]) -> z: R {
    param A: R[m, n]
    param b: R[m]
    z = norm2(A*x - b)^2
}
module residuals(X: R[m, n]) -> z: R {
    param S: R[m, m] symmetric
    z = logdet(X'*S*X)
}
module ratio(x: R[n], s: R) -> z: R[n] { z = x / s }
module divergence(x: R[n], y: R[n]) -> z: R {
    p = softmax(x)
    q = softmax(y)
    z = dot(p, log(p) - log(q))
}
";

/// What was once unknown, refuted by rounding alone, or without an end.
#[test]
fn what_rounding_or_a_division_hid_is_decided() {
    let file = language::parse("matrices.hbp", MATRICES).expect("no errors");
    let equal = [
        (
            "matrices",
            "inv(A + U*C*V)",
            "inv(A) - inv(A)*U*inv(inv(C) + V*inv(A)*U)*V*inv(A)",
        ),
        ("matrices", "inv(eye(n) + U*V)*U", "U*inv(eye(k) + V*U)"),
        ("matrices", "sin(x).^2 + cos(x).^2", "ones(n)"),
        ("matrices", "sqrt(x.^2)", "abs(x)"),
        ("matrices", "abs(x).^2", "x.^2"),
        ("matrices", "tr(E(A))", "E(tr(A))"),
        ("distance", "grad(x)", "2*grad(z)*A'*(A*x - b)"),
        ("distance", "resid(x)", "2*grad(z)*A'*A"),
        // X'SX is singular where X has more columns than rows.
        ("residuals", "grad(X)", "2*grad(z)*S*X*inv(X'*S*X)"),
        ("ratio", "s/s", "1"),
        ("divergence", "grad(y)", "grad(z)*(softmax(y) - softmax(x))"),
    ];
    for (module, left, right) in equal {
        let answer = ask(&file, module, &[], left, right);
        assert!(
            [Answer::Rules, Answer::Indices].contains(&answer),
            "{left} = {right}: {answer:?}"
        );
    }
    let others = [
        ("matrices", "s/s", "1", Answer::Unknown),
        (
            "matrices",
            "inv(A + U*V)",
            "inv(A) - inv(A)*U*V*inv(A)",
            Answer::Refuted,
        ),
        (
            "matrices",
            "inv(eye(n) + U*V)*U",
            "U*inv(eye(k) - V*U)",
            Answer::Refuted,
        ),
        ("matrices", "x", "1.0000001*x", Answer::Refuted),
        (
            "residuals",
            "grad(X)",
            "grad(z)*S*X*inv(X'*S*X)",
            Answer::Refuted,
        ),
    ];
    for (module, left, right, expected) in others {
        let answer = ask(&file, module, &[], left, right);
        assert_eq!(answer, expected, "{left} = {right}");
    }
    // True, and rounding says otherwise: whatever the answer, it is not that they differ.
    for (left, right) in [
        ("log(1 - sigmoid(30*s))", "-softplus(30*s)"),
        ("1/(1 - tanh(20*s))", "(1 + exp(40*s))/2"),
        ("(sqrt(1e8 + s^2) - 1e4)*(sqrt(1e8 + s^2) + 1e4)", "s^2"),
    ] {
        let answer = ask(&file, "matrices", &[], left, right);
        assert_ne!(answer, Answer::Refuted, "{left} = {right}");
    }
}

/// Everything a module's JSON says of its Hessians is read back and proved.
fn read_back(file: &File, module: &str) {
    let derived = derive(
        &file.module(module).expect("defined"),
        &Request::default(),
        Rewriter::embedded(),
        &mut Report::default(),
    )
    .expect("derivable");
    let json = report::json(&derived).expect("short");
    for variable in json["variables"].as_array().expect("an array") {
        let text = |key: &str| variable[key].as_str().expect("text").to_owned();
        let lets: Vec<(String, String)> = variable["let"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|l| {
                let part = |key: &str| l[key].as_str().expect("text").to_owned();
                (part("name"), part("value"))
            })
            .collect();
        let (name, output) = (text("name"), &derived.module.output.0);
        for (key, left) in [
            ("hessian", format!("hess({name})")),
            ("gradient", format!("grad({name})")),
            ("jacobian", format!("jac({output}, {name})")),
            ("residual", format!("resid({name})")),
        ] {
            let answer = ask(file, module, &lets, &left, &text(key));
            assert!(
                [Answer::Rules, Answer::Indices].contains(&answer),
                "{module}: {left} = {} with {lets:?}: {answer:?}",
                text(key)
            );
        }
    }
}

#[test]
fn what_is_printed_is_what_was_derived() {
    let examples = [
        include_str!("../examples/composite.hbp"),
        include_str!("../examples/gated.hbp"),
        include_str!("../examples/residual.hbp"),
        include_str!("../examples/tied_autoencoder.hbp"),
        include_str!("../examples/activation.hbp"),
        include_str!("../examples/layer_norm.hbp"),
        "module nested(x: R[n]) -> z: R[n] {\n param g: R[n]\n u = linear[h](layer_norm(x))\n z = x + linear[n](gelu(u)) .* g\n}",
    ];
    for text in examples {
        let file = language::parse("example.hbp", text).expect("no errors");
        for module in file.modules() {
            read_back(&file, &module);
        }
    }
    let file = language::parse("empty.hbp", "").expect("no errors");
    for module in [
        "linear",
        "bias",
        "scale",
        "square_loss",
        "softmax_cross_entropy",
        "sigmoid",
        "softmax",
        "tanh",
        "gelu",
        "elu",
    ] {
        read_back(&file, module);
    }
}
