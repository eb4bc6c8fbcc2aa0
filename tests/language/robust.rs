//! Nothing a text can hold makes the parser panic, hang or run out of memory.

use std::fmt::Write as _;

use hbp::diagnostic::{Diagnostics, Style};
use hbp::language::{decode, limits, parse};
use proptest::prelude::*;

use crate::errors;

/// Reads a text and renders what is found, in every style.
fn survive(text: &str) -> Option<Diagnostics> {
    match parse("any.hbp", text) {
        Ok(file) => {
            for name in file.networks() {
                let _ = file.network(&name);
            }
            for name in file.modules() {
                assert!(file.module(&name).is_ok());
            }
            None
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for diagnostic in &errors {
                assert!(!diagnostic.help.is_empty() && diagnostic.source.is_some());
            }
            for (colour, unicode) in [(false, false), (true, true)] {
                let style = Style {
                    colour,
                    unicode,
                    width: 60,
                };
                assert!(errors.render(style).contains("help: "));
            }
            Some(errors)
        }
    }
}

const VALID: &str = "
fn phi(t)
fn swish(t) = t * sigmoid(t)
module gated[m](x: R[n]) -> z: R[m] {
    param U: R[m, n]
    param A: R[n, n] positive-definite
    gate = swish(U*x + phi'(U*x)) # gate
    z = (U*A^2*x) .* gate ./ 2.5e-1
}
network net {
    input x: R[3]
    target y: R[4]
    h = gated[4](x); g = linear[4](h; W = eye(4))
    loss softmax_cross_entropy(g, y)
}
";

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        "module network fn param input target loss R x y z f g n m phi sigmoid linear 1 0 2.5 1e9 ( ) [ ] { } , ; : = \
         -> ' '' + - * .* / ./ ^ .^ ⊗ ⊙ symmetric h.W # . \u{301} é \n \r\n \t"
            .split(' ')
            .collect::<Vec<_>>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        match decode("any.hbp", bytes) {
            Ok(text) => { survive(&text); }
            Err(errors) => assert!(errors.render(Style::PLAIN).contains("UTF-8")),
        }
    }

    #[test]
    fn random_text(text in ".{0,200}") {
        survive(&text);
    }

    #[test]
    fn random_tokens(tokens in prop::collection::vec(token(), 0..120)) {
        survive(&tokens.join(" "));
        survive(&format!("module f(x: R[n]) -> z: R[n] {{ {} }}", tokens.join(" ")));
    }

    #[test]
    fn damaged_files(places in prop::collection::vec((any::<prop::sample::Index>(), token(), 0usize..4), 1..6)) {
        let mut tokens: Vec<&str> = VALID.split_inclusive(' ').collect();
        for (place, token, cut) in places {
            let at = place.index(tokens.len());
            let end = (at + cut).min(tokens.len());
            tokens.splice(at..end, [token]);
        }
        survive(&tokens.concat());
    }
}

#[test]
fn the_valid_file_is_valid() {
    assert!(survive(VALID).is_none());
}

/// A text of one kind, a megabyte long, is refused with few messages that name the reason.
fn refused(text: &str, reason: &str) {
    let found = survive(text).expect(reason);
    let shown = found.render(Style::PLAIN);
    assert!(shown.contains(reason), "{shown}");
    assert!(shown.len() < 200_000, "{} bytes of messages", shown.len());
}

fn body(expression: &str) -> String {
    format!("module f(x: R, A: R[n, n]) -> z: R {{ z = {expression} }}")
}

#[test]
fn deep_nesting_is_refused() {
    const N: usize = 1 << 20;
    refused(&"(".repeat(N), "nested deeper");
    refused(&body(&"(".repeat(N)), "nested deeper");
    refused(
        &body(&format!("{}x{}", "(".repeat(N / 2), ")".repeat(N / 2))),
        "nested deeper",
    );
    refused(&body(&"f[".repeat(N / 2)), "nested deeper");
    refused(&body(&"f(x,".repeat(N / 4)), "nested deeper");
    refused(&body(&format!("{}x", "-".repeat(N))), "nested deeper");
    refused(&body(&format!("x{}", "^x".repeat(N / 2))), "nested deeper");
    refused(&body(&format!("x{}", "^-x".repeat(N / 3))), "nested deeper");
    refused(&")".repeat(N), "closes nothing");
    refused(&"{".repeat(N), "nested deeper");
    refused(
        &format!("{}{}", "(".repeat(90), "]".repeat(N)),
        "closes nothing",
    );
    refused(&"module f(".repeat(N / 9), "nested deeper");
    refused(&"module f(\n".repeat(90), "never closed");
}

#[test]
fn what_the_limit_allows_works() {
    let deep = limits::NESTING - 2;
    assert!(survive(&body(&format!("{}x{}", "(".repeat(deep), ")".repeat(deep)))).is_none());
    assert!(survive(&body(&format!("{}x", "-".repeat(deep)))).is_none());
    assert!(survive(&body(&format!("x{}", "^x".repeat(deep)))).is_none());
    assert!(
        survive(&body(&format!(
            "{}x{}",
            "(-(".repeat(deep / 3),
            "))".repeat(deep / 3)
        )))
        .is_none()
    );
    assert!(
        survive(&body(&format!(
            "{}x{}",
            "exp(".repeat(deep),
            ")".repeat(deep)
        )))
        .is_none()
    );
}

#[test]
fn long_texts_are_read() {
    const N: usize = 1 << 20;
    assert!(survive(&body(&format!("x{}", "+x".repeat(N / 2)))).is_none());
    assert!(survive(&body(&format!("x{}", "'".repeat(N)))).is_none());
    refused(&body(&format!("x{}", "*x".repeat(N / 2))), "too large");
    refused(&"x + ".repeat(N / 4), "cannot stand here");
    refused(&"module ".repeat(N / 7), "keyword");
    refused(&"\0".repeat(N), "unexpected character");
    refused(
        &body(&format!("{}x", "q; ".repeat(N / 8))),
        "cannot stand here",
    );
    refused(&body(&"1".repeat(N)), "more than 400 digits");
    refused(&body(&"y".repeat(N)), "longer than");
    refused(
        &format!("module {}(x: R) -> z: R {{ z = x }}", "y".repeat(N)),
        "longer than",
    );
    refused(&"# comment\n".repeat(limits::FILE_BYTES / 10 + 1), "bytes");
}

#[test]
fn many_statements_are_read() {
    let mut text = String::new();
    for i in 0..100_000 {
        let _ = writeln!(text, "a{i} = x + 1");
    }
    let module = format!("module f(x: R) -> z: R {{ {text} z = x }}");
    let file = parse("long.hbp", &module).unwrap();
    assert_eq!(file.warnings().len(), 100_000);
    let broken = format!(
        "module f(x: R) -> z: R {{ {} z = x }}",
        text.replace("x + 1", "x +* 1")
    );
    assert_eq!(survive(&broken).unwrap().len(), 100_000);
}

/// Definitions that each use the one before `times`.
fn tower(levels: usize, line: impl Fn(usize) -> String) -> String {
    (1..=levels).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn calls_that_double_are_refused() {
    let modules = tower(40, |i| {
        let callee = i - 1;
        format!("module d{i}(x: R[n]) -> z: R[n] {{ z = d{callee}(d{callee}(x)) }}")
    });
    let start = "module d0(x: R[n]) -> z: R[n] { z = sin(x) + x .* x }\n";
    refused(&format!("{start}{modules}"), "too large");
    let start = "module d0(x: R[n]) -> z: R[n] { param W: R[n, n]; z = W*x }\n";
    refused(&format!("{start}{modules}"), "more than 10000 parameters");
    let functions = tower(40, |i| format!("fn f{i}(t) = f{0}(f{0}(t))", i - 1));
    refused(&format!("fn f0(t) = t * t\n{functions}"), "too large");
    let dims = tower(40, |i| {
        format!(
            "module k{i}(x: R[n]) -> z: R[n*n] {{ z = kron(x, x) }}\nmodule g{i}(x: R[n]) -> z: R {{ a = k{i}(x); b = k{i}(a); c = k{i}(b); d = k{i}(c); z = sum(d) }}"
        )
    });
    refused(&dims, "limits on dimensions");
}

#[test]
fn towers_of_calls_are_refused_beyond_the_limit() {
    let modules = |levels| {
        let tower = tower(levels, |i| {
            format!("module d{i}(x: R) -> z: R {{ z = d{}(x) + 1 }}", i - 1)
        });
        format!("module d0(x: R) -> z: R {{ z = x }}\n{tower}")
    };
    assert!(survive(&modules(limits::CALL_DEPTH)).is_none());
    refused(&modules(limits::CALL_DEPTH + 1), "deep");
    refused(&modules(20_000), "deep");
    let functions = tower(20_000, |i| format!("fn f{i}(t) = f{}(t) + 1", i - 1));
    refused(&format!("fn f0(t) = t\n{functions}"), "too large");
    let circle = tower(20_000, |i| format!("fn f{i}(t) = f{}(t)", i % 20_000 + 1));
    refused(&circle, "call each other in a circle");
    // Many callers of one large module pass the limit of the file.
    let mut large = "module big(x: R) -> z: R { z = x".to_owned();
    for i in 2..20_000 {
        let _ = write!(large, " + {i}*x");
    }
    large.push_str(" }\n");
    let callers = tower(200, |i| {
        format!("module c{i}(x: R) -> z: R {{ z = big(x) }}")
    });
    refused(&format!("{large}{callers}"), "too large");
}

#[test]
fn invalid_text_is_refused_with_its_place() {
    let errors = decode("bad.hbp", b"fn phi(t)\n# caf\xe9\n".to_vec()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "bad.hbp:2:6: byte 15 is not UTF-8 text [E0101]"
    );
    assert!(errors.render(Style::PLAIN).contains("the byte is 0xe9"));
    assert_eq!(decode("good.hbp", "é".into()).unwrap(), "é");
}

#[test]
fn messages_do_not_act_on_the_terminal() {
    let text = "module f(x: R) -> z: R { z = x + \u{1b}[31mred\u{202e} \u{9b}1m + q }";
    let shown = survive(text).unwrap().render(Style::PLAIN);
    assert!(
        !shown
            .chars()
            .any(|c| matches!(c, '\u{1b}' | '\u{202e}' | '\u{9b}'))
    );
    assert!(errors("module f(x: R) -> z: R { z = q }").contains("test.hbp:1:30"));
}

#[test]
fn long_networks_are_refused() {
    let chain = |n| {
        let nodes = tower(n, |i| format!("h{i} = linear[3](h{})", i - 1));
        format!("network long {{ input h0: R[3]\n{nodes}\nloss sum(h{n}) }}")
    };
    assert!(survive(&chain(500)).is_none());
    refused(&chain(limits::NETWORK_STATEMENTS), "statements");
    refused(&chain(100_000), "statements");
}
