//! `hbp prove`: which names mean what, and which module is meant.

use super::hbp;

const TWO: &str = "module f(x: R[n]) -> z: R[n] { h = 2*x; z = h .* h }\nmodule g(x: R[m]) -> y: R { param A: R[m, m]; y = x'*A*x }\nmodule k(x: R[m]) -> z: R { z = sum(x) }";

#[test]
fn names_given_with_let_are_new_names() {
    for (lets, part) in [
        (&["x = 2*x"][..], "it is an input of the module `f`"),
        (&["h = 2*x"], "it is a local of the module `f`"),
        (&["z = 2*x"], "it is the output of the module `f`"),
        (&["q = x", "q = 2*x"], "--let gives `q` twice"),
        (&["2q = x"], "`2q` in `--let 2q = x` is no name"),
        (&["q r = x"], "`q r` in"),
        (&["module = x"], "`module` in"),
        (&[" = x"], "is no name"),
        (&["q.r = x"], "`q.r` in"),
    ] {
        let mut arguments = vec!["prove", "-", "x", "x", "--module", "f"];
        for value in lets {
            arguments.extend(["--let", value]);
        }
        let answer = hbp(&arguments, TWO.as_bytes());
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{lets:?}");
        assert!(answer.err.contains(part), "{lets:?}: {}", answer.err);
    }
    // In another module the name is free.
    let free = ["prove", "-", "x + h", "x + x", "--let", "h = x"];
    let answer = hbp(&free, TWO.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.out.starts_with("proved in `g`"), "{}", answer.out);
}

#[test]
fn other_possible_modules_are_named() {
    for (sides, note) in [
        (
            ["x + x", "2*x"],
            Some("note: also possible in `g`, `k`; choose with --module"),
        ),
        (
            ["hess(x)", "hess(x)'"],
            Some("note: also possible in `g`, `k`; choose with --module"),
        ),
        (
            ["grad(z)", "grad(z)"],
            Some("note: also possible in `k`; choose with --module"),
        ),
        (["x'*A*x", "y"], None),
    ] {
        let answer = hbp(&["prove", "-", sides[0], sides[1]], TWO.as_bytes());
        assert_eq!(answer.code, 0, "{sides:?}: {}{}", answer.out, answer.err);
        assert_eq!(answer.err.trim_end(), note.unwrap_or_default(), "{sides:?}");
    }
    let chosen = ["prove", "-", "x + x", "2*x", "--module", "g"];
    assert_eq!(hbp(&chosen, TWO.as_bytes()).err, "");
}

/// A prime makes `E` and `grad` the user's functions.
#[test]
fn a_prime_makes_a_derivative() {
    let text =
        "fn E(t) = t^3\nfn grad(t) = t^2\nmodule f(x: R[n]) -> z: R[n] { z = E(x) + grad(x) }";
    for (left, right) in [
        ("E'(x)", "3*x.^2"),
        ("grad'(x)", "2*x"),
        ("grad''(x)", "2*ones(n)"),
        ("grad(z)", "grad(z)"),
        ("jac(z, x)", "diag(E'(x) + grad'(x))"),
    ] {
        let answer = hbp(&["prove", "-", left, right], text.as_bytes());
        assert_eq!(answer.code, 0, "{left}: {}{}", answer.out, answer.err);
    }
    let none = "module f(x: R[n]) -> z: R[n] { z = x }";
    for side in ["E'(x)", "grad'(x)"] {
        assert_eq!(hbp(&["prove", "-", side, "x"], none.as_bytes()).code, 2);
    }
}

/// A file may define what the equations need: the built-in is then written `builtin.…`, the user's as it stands there.
#[test]
fn equations_of_files_that_hide_built_ins_are_read_back() {
    let body = "module f(x: R[n]) -> z: R[n] { z = tanh(x .* x) }";
    for (definition, hidden) in [
        ("fn diag(t) = t^2", "builtin.diag("),
        ("fn ones(t) = t", "builtin.ones("),
        ("fn eye(t) = t", "builtin.eye("),
        ("fn tanh(t) = t*builtin.tanh(t)", "builtin.tanh"),
        ("module diag(a: R[k]) -> b: R[k] { b = a }", "builtin.diag("),
        ("fn sqrt(t) = t^2", "builtin.sqrt("),
    ] {
        let uses = match definition {
            _ if definition.contains("fn ones") => {
                "module f(x: R[n]) -> z: R { z = sum(x) + sum(x .* x) }"
            }
            _ if definition.contains("fn tanh") => {
                "module f(x: R[n]) -> z: R[n] { z = tanh(x) + builtin.tanh(x) }"
            }
            _ if definition.contains("fn eye") => "module f(x: R[n]) -> z: R[n] { z = x * (x'*x) }",
            _ if definition.contains("fn sqrt") => {
                "module f(x: R[n]) -> z: R { z = norm2(x) + (1 + x'*x)^(1/2) }"
            }
            _ => body,
        };
        let text = format!("{definition}\n{uses}");
        let derive = ["derive", "-", "--module", "f", "--format", "json"];
        let answer = hbp(&derive, text.as_bytes());
        assert_eq!(answer.code, 0, "{text}: {}", answer.err);
        assert!(answer.out.contains(hidden), "{text}: {}", answer.out);
        assert!(!answer.out.contains("own."), "{text}: {}", answer.out);
        let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        let variable = &json["variables"][0];
        let lets: Vec<String> = variable["let"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| {
                format!(
                    "{} = {}",
                    l["name"].as_str().unwrap(),
                    l["value"].as_str().unwrap()
                )
            })
            .collect();
        for (what, asked) in [
            ("hessian", "hess(x)"),
            ("gradient", "grad(x)"),
            ("jacobian", "jac(z, x)"),
        ] {
            let found = variable[what].as_str().unwrap();
            let mut prove = vec!["prove", "-", asked, found, "--module", "f"];
            for value in &lets {
                prove.extend(["--let", value]);
            }
            let answer = hbp(&prove, text.as_bytes());
            assert_eq!(
                answer.code, 0,
                "{text}: {found}\n{}{}",
                answer.out, answer.err
            );
        }
    }
    let answer = hbp(
        &["derive", "-"],
        b"fn tanh(t) = t^3\nmodule f(x: R[n]) -> z: R[n] { z = tanh(x) + builtin.tanh(x) }",
    );
    assert!(
        answer.out.starts_with("fn tanh(t) = t^3\n"),
        "{}",
        answer.out
    );
    assert!(
        answer.out.contains("z = tanh(x) + builtin.tanh(x)"),
        "{}",
        answer.out
    );
}
