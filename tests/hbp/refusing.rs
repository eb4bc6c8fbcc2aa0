//! What cannot be derived is refused by name, never by a zero.

use hbp::expr::{Module, Name};
use hbp::hbp::{DeriveError, Request, derive};
use hbp::rewrite::{Report, RewriteError, Rewriter, RuleBook};

use super::support::module;

fn refusal(module: &Module, request: &Request, rewriter: &Rewriter) -> DeriveError {
    derive(module, request, rewriter, &mut Report::default()).unwrap_err()
}

#[test]
fn an_operation_without_a_rule_is_named() {
    let mut book = RuleBook::embedded();
    book.rules.retain(|rule| !rule.sides.0.contains("(softmax"));
    let rewriter = Rewriter::new(book);
    let module = module(&["x: n"], &[], "(softmax x)");
    let error = refusal(&module, &Request::default(), &rewriter);
    let DeriveError::Rewrite {
        variable, source, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(variable.as_deref(), Some("x"));
    assert!(
        matches!(source, RewriteError::NoRule { operation, .. } if operation == "softmax"),
        "{error}"
    );
}

#[test]
fn an_unknown_variable_is_refused_with_the_known_ones() {
    let module = module(&["x: n", "W*: m n"], &[], "(mul W x)");
    let request = Request {
        wrt: Some(vec![Name::from("q")]),
        ..Request::default()
    };
    let error = refusal(&module, &request, Rewriter::embedded());
    assert_eq!(
        error.to_string(),
        "`q` is neither an input nor a parameter of `test`; there are `x`, `W`"
    );
}

#[test]
fn only_what_is_asked_for_is_derived() {
    let module = module(&["x: n", "W*: m n", "b*: m"], &[], "(add (mul W x) b)");
    let request = Request {
        wrt: Some(vec!["b".into(), "x".into()]),
        ..Request::default()
    };
    let mut report = Report::default();
    let equations = derive(&module, &request, Rewriter::embedded(), &mut report).unwrap();
    let names: Vec<&str> = equations.equations.iter().map(|e| &*e.variable).collect();
    assert_eq!(names, ["x", "b"], "in the module's order");
}

/// Shared parts make these trees too long to count: each level doubles them.
#[test]
fn what_doubles_at_every_level_is_refused_at_once() {
    for step in [
        "h{i} + h{i} .* h{i}",
        "sin(h{i}) .* cos(h{i}) + h{i} .* exp(h{i})",
    ] {
        let levels: String = (0..60)
            .map(|i| format!("h{} = {}\n", i + 1, step.replace("{i}", &i.to_string())))
            .collect();
        let text = format!("module m(x: R[n]) -> z: R[n] {{\nh0 = x\n{levels}z = h60\n}}");
        let file = hbp::parse("deep.hbp", &text).unwrap();
        let module = file.module("m").unwrap();
        let error = refusal(&module, &Request::default(), Rewriter::embedded());
        let DeriveError::Rewrite { source, .. } = &error else {
            panic!("{error}")
        };
        assert!(matches!(source, RewriteError::TooLarge { .. }), "{error}");
    }
}
