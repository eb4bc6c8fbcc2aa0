//! Normal forms and what they decide.

use hbp::calculus::index::{Decision, equal, normal_form};

use crate::support::{expression, module, names};

const NAMES: &str = "
fn phi(t)
fn swish(t) = t * sigmoid(t)
module names(t: R, s: R, a: R[n], b: R[n], c: R[m], X: R[n, k], Y: R[n, k], P: R[m, n], Q: R[k, m]) -> z: R {
    param A: R[n, n]
    param B: R[n, n]
    param C: R[m, m]
    param D: R[m, m]
    param S: R[n, n] symmetric
    param G: R[n, n] diagonal
    param y: R[n] distribution
    param V: R[m*n]
    param M: R[m, n]
    z = t + s + sum(a) + sum(b) + sum(c) + sum(X) + sum(Y) + sum(P) + sum(Q) + sum(A) + sum(B) + sum(C) + sum(D) + sum(S) + sum(G) + sum(y) + sum(V) + sum(M)
}";

fn decide(left: &str, right: &str) -> Decision {
    let (file, mut module) = module(NAMES);
    let (a, b) = (
        expression(&file, &mut module, left),
        expression(&file, &mut module, right),
    );
    equal(&module.graph, a, b, &[])
}

fn form(text: &str) -> String {
    let (file, mut module) = module(NAMES);
    let id = expression(&file, &mut module, text);
    normal_form(&module.graph, id).map_or_else(|e| e.to_string(), |form| form.to_string())
}

#[test]
fn normal_forms_read_like_formulas() {
    for (text, expected) in [
        ("P*a", "Σ_j P[i,j] a[j]"),
        ("a'*a", "Σ_i a[i]^2"),
        ("tr(A*B)", "Σ_i,j A[i,j] B[j,i]"),
        ("diag(a)*A", "A[i,j] a[i]"),
        ("kron(A, C)", "A[j,l] C[i,k]"),
        ("vec(P)", "P[i,j]"),
        ("eye(n)*A", "A[i,j]"),
        ("sum(ones(n))", "n"),
        ("ones(n, m)*c", "Σ_j c[j]"),
        ("A - A", "0"),
        ("inv(A)'", "inv(A)[j,i]"),
        ("mean(a)", "Σ_i n^(-1) a[i]"),
        ("phi''(a)", "phi''(a[i])"),
    ] {
        assert_eq!(form(text), expected, "{text}");
    }
}

#[test]
fn equal_expressions_are_equal() {
    for (left, right) in [
        // Functions
        ("1/(1 + exp(-t))", "exp(t)/(1 + exp(t))"),
        ("sigmoid(t)", "1/(1 + exp(-t))"),
        ("sigmoid'(a)", "sigmoid(a) .* (ones(n) - sigmoid(a))"),
        (
            "sigmoid''(t)",
            "sigmoid(t)*(1 - sigmoid(t))*(1 - 2*sigmoid(t))",
        ),
        ("sigmoid(-t)", "1 - sigmoid(t)"),
        ("tanh(t)", "2*sigmoid(2*t) - 1"),
        ("tanh(t)", "(exp(t) - exp(-t))/(exp(t) + exp(-t))"),
        ("tanh'(t)", "1 - tanh(t)^2"),
        ("tanh''(t)", "-2*tanh(t)*(1 - tanh(t)^2)"),
        ("softplus(t)", "log(1 + exp(t))"),
        ("softplus(t)", "t + softplus(-t)"),
        ("softplus'(t)", "sigmoid(t)"),
        ("softplus''(t)", "sigmoid'(t)"),
        ("silu(t)", "t*sigmoid(t)"),
        ("swish''(t)", "silu''(t)"),
        ("silu''(t)", "sigmoid'(t)*(2 + t*(1 - 2*sigmoid(t)))"),
        ("gelu(t)", "t/2*(1 + erf(t/sqrt(2)))"),
        ("erf''(t)", "-2*t*erf'(t)"),
        ("relu''(t)", "0*t"),
        ("relu(t) - relu(-t)", "t*(step(t) + step(-t))"),
        ("abs'(t)", "sign(t)"),
        ("leaky_relu'(t)", "step(t) + 0.01*(1 - step(t))"),
        ("elu'(t)", "step(t) + (1 - step(t))*exp(t)"),
        ("sin''(t)", "-sin(t)"),
        ("cos(-t)", "cos(t)"),
        ("log(exp(t))", "t"),
        ("exp(t + s)", "exp(t)*exp(s)"),
        ("exp(2*log(t))", "t*t"),
        ("softmax(a)", "exp(a)/sum(exp(a))"),
        ("softmax(a + t*ones(n))", "softmax(a)"),
        ("sum(softmax(a))", "1"),
        ("logsumexp(a)", "log(sum(exp(a)))"),
        ("log(softmax(a))", "a - logsumexp(a)*ones(n)"),
        ("softmax(X)'*ones(n)", "ones(k)"),
        ("norm2(a)^2", "a'*a"),
        ("sqrt(t)*sqrt(t)", "t"),
        ("sqrt(8)", "2*sqrt(2)"),
        ("(t + 1)^2", "t*t + 2*t + 1"),
        ("1/(t + s) + 1/(t + s)", "2/(t + s)"),
        ("1/(2*t + 2*s)", "0.5/(t + s)"),
        ("t^n*t", "t^(n + 1)"),
        ("exp(diag(a))", "ones(n, n) + diag(exp(a) - ones(n))"),
        // Facts
        ("S'", "S"),
        ("a'*S*b", "b'*S*a"),
        ("inv(S)'", "inv(S)"),
        ("G*A", "diag(diagvec(G))*A"),
        ("inv(G)", "diag(ones(n) ./ diagvec(G))"),
        ("sum(y)*t", "t"),
        ("y'*(t*ones(n))", "t"),
        // Structure: 26-32
        ("(A⊗C)*(B⊗D)", "(A*B)⊗(C*D)"),
        ("inv(A⊗C)", "inv(A)⊗inv(C)"),
        ("det(A⊗C)", "det(A)^m*det(C)^n"),
        ("logdet(A⊗C)", "m*logdet(A) + n*logdet(C)"),
        ("tr(A⊗C)", "tr(A)*tr(C)"),
        ("diagvec(A⊗C)", "diagvec(A)⊗diagvec(C)"),
        ("tr(P'*C*P*B)", "vec(B')'*(P'⊗P')*vec(C)"),
        ("diag(a)*A*diag(b)", "A .* (a*b')"),
        ("a'*(A .* B)*b", "tr(diag(a)*A*diag(b)*B')"),
        ("(A⊗C)*V", "vec(C*reshape(V, m, n)*A')"),
        ("vec(P')", "commutation(m, n)*vec(P)"),
        (
            "commutation(m, n)*(P⊗X)*commutation(n, k)'",
            "commutation(m, n)*(P⊗X)*commutation(k, n)",
        ),
        ("commutation(n, m)*commutation(m, n)", "eye(m*n)"),
        ("reshape(vec(P), m, n)", "P"),
        ("vec(a*c')", "c⊗a"),
        // Inverses
        ("A*inv(A)", "eye(n)"),
        ("inv(A)*A", "eye(n)"),
        ("inv(A')", "inv(A)'"),
        ("inv(A*B)", "inv(B)*inv(A)"),
        ("inv(2*A)", "0.5*inv(A)"),
        ("inv(inv(A))", "A"),
        ("inv(A + B)*(A + B)", "eye(n)"),
        ("(A + B)*inv(B + A)*A", "A"),
        ("X'*S*X*inv(X'*S*X)", "eye(k)"),
        ("inv(A) - inv(B)", "inv(A)*(B - A)*inv(B)"),
        ("A^(-2)*A", "inv(A)"),
        ("det(A*B')", "det(A)*det(B)"),
        ("logdet(inv(A))", "-logdet(A)"),
        ("tr(A*B*inv(A))", "tr(B)"),
        ("tr(A*B*B)", "tr(B*A*B)"),
    ] {
        assert_eq!(
            decide(left, right),
            Decision::Equal,
            "{left} = {right}\n  {}\n  {}",
            form(left),
            form(right)
        );
    }
}

#[test]
fn different_expressions_are_not_equal() {
    for (left, right) in [
        ("A*B", "B*A"),
        ("P'*P", "2*P'*P"),
        ("a'*A*b", "b'*A*a"),
        ("tr(A*B*A*B)", "tr(A*A*B*B)"),
        ("sum(a)", "n*sum(a)"),
    ] {
        assert_eq!(decide(left, right), Decision::Different, "{left} ≠ {right}");
    }
    for (left, right) in [
        ("sigmoid'(t)", "sigmoid(t)"),
        ("phi(a)", "phi'(a)"),
        ("inv(A + B)", "inv(A) + inv(B)"),
        ("S*S", "S*S'*2"),
        ("t/t", "1 + 0*t"),
        ("(t*s)/s", "t"),
        ("sqrt(t*t)", "t"),
        ("inv(X'*X)", "inv(X'*X)'*2"),
        ("log(t*s)", "log(t) + log(s)"),
        ("sigmoid(t*s)", "sigmoid(t)*sigmoid(s)"),
    ] {
        assert!(
            matches!(decide(left, right), Decision::Undecided(_)),
            "{left} ? {right}"
        );
    }
}

#[test]
fn what_cancels_on_both_sides_is_equal() {
    assert_eq!(
        decide("t/t", "s*t/(t*s) + 0*t"),
        Decision::Undecided("equal only where s is not zero".into())
    );
    assert_eq!(
        decide("t*t/t", "t*s*t/s/t*s/s"),
        Decision::Undecided("equal only where s is not zero".into())
    );
    assert_eq!(
        decide("(t + s)/(t + s)", "2*(t + s)/(2*t + 2*s)"),
        Decision::Equal
    );
}

#[test]
fn limits_are_errors() {
    let (file, mut module) = names("");
    let id = expression(&file, &mut module, "(unit + exp(unit) + exp(unit^2))^60");
    let error = normal_form(&module.graph, id).expect_err("too many terms");
    assert!(error.to_string().starts_with("more than"), "{error}");
    let id = expression(&file, &mut module, "1/(unit - unit)");
    assert_eq!(
        normal_form(&module.graph, id).unwrap_err().to_string(),
        "a negative power of zero is not defined"
    );
    let id = expression(&file, &mut module, "E(unit)");
    assert!(
        normal_form(&module.graph, id)
            .unwrap_err()
            .to_string()
            .starts_with("`E` has no index form")
    );
}

#[test]
fn deep_and_long_expressions_end_soon() {
    let (file, mut module) = module(NAMES);
    let nested = |f: &str, n: usize| format!("{}t{}", format!("{f}(").repeat(n), ")".repeat(n));
    for text in [
        nested("sin", 50),
        nested("sin", 100),
        nested("sigmoid", 25),
        nested("softplus", 100),
        vec!["A"; 150].join("*"),
        vec!["A"; 400].join("*"),
        vec!["(A + B)"; 30].join("*"),
        vec!["sum(a)"; 40].join("*"),
        vec!["norm2(a + b)"; 20].join(" + "),
        "(a'*a)^64".to_owned(),
        "(t + s)^64".to_owned(),
    ] {
        let id = expression(&file, &mut module, &text);
        for result in [
            normal_form(&module.graph, id),
            hbp::calculus::index::differentiate(&module.graph, id, "t"),
            hbp::calculus::index::differentiate(&module.graph, id, "A"),
        ] {
            if let Err(error) = result {
                assert!(error.to_string().starts_with("more than"), "{error}");
            }
        }
    }
}
