//! What cannot be compiled is refused, with the reason and what to do.

use hbp::expr::{FunctionDefinition, Sizes};
use hbp::kernel::{CompileError, compile, compile_within};

use super::{graph, outputs, sized, universe};

fn refusal(text: &str, sizes: &Sizes) -> CompileError {
    let mut graph = graph();
    let body = universe::read(&mut graph, "(apply loop fn.t)").unwrap();
    graph.define(
        "loop",
        FunctionDefinition::Defined {
            argument: "fn.t".into(),
            body,
        },
    );
    let outputs = outputs(&mut graph, &[text]);
    match compile(&graph, &outputs, sizes) {
        Ok(program) => panic!("{text} compiles\n{program}"),
        Err(error) => error,
    }
}

#[test]
fn what_cannot_be_computed_is_refused_with_reason_and_help() {
    let some = sized(5, 4, 2);
    let cases = [
        (
            "(apply phi x)",
            "the function `phi` has no definition, so it has no values",
            "define it",
        ),
        (
            "(apply sigmoid' x)",
            "`sigmoid'` is a derivative that has not been carried out",
            "expand the derivatives",
        ),
        (
            "(apply nothing x)",
            "the function `nothing` has no definition, so it has no values",
            "define it",
        ),
        (
            "(apply loop x)",
            "the definition of `loop` uses `loop` itself",
            "other functions",
        ),
        (
            "(J (mul A x) x)",
            "`J` is a derivative that has not been carried out",
            "expand the derivatives",
        ),
        (
            "(V (mul A x) x x)",
            "`V` is a derivative that has not been carried out",
            "expand the derivatives",
        ),
        (
            "(E x)",
            "`E` averages over samples, but a program computes one sample",
            "for one sample",
        ),
    ];
    for (text, message, help) in cases {
        let error = refusal(text, &some);
        assert_eq!(error.to_string(), message, "{text}");
        assert!(error.help().contains(help), "{text}: {}", error.help());
    }
    let unbound = refusal("x", &Sizes::new());
    assert_eq!(
        unbound.to_string(),
        "the size of `n` is not known, or too large for this machine"
    );
    assert_eq!(
        refusal("(mul A x)", &sized(0, 4, 2)).to_string(),
        "the dimension `n` is 0"
    );
    assert!(matches!(
        refusal("x", &sized(1 << 40, 1, 1)),
        CompileError::TooLarge { .. }
    ));
    let huge = refusal("(kron A A)", &sized(1 << 40, 1, 1));
    assert!(matches!(huge, CompileError::Uncountable { .. }), "{huge}");
    assert!(huge.help().contains("smaller dimensions"));
}

#[test]
fn arrays_above_the_memory_limit_are_refused_by_name_and_size() {
    let weight = sized(1000, 1000, 2);
    let error = refusal("(apply exp (kron (mul x (t x)) H))", &weight);
    let CompileError::TooLarge {
        value,
        rows,
        cols,
        bytes,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (value.as_str(), *rows, *cols, *bytes),
        ("apply", 1_000_000, 1_000_000, 8_000_000_000_000)
    );
    assert!(
        error.to_string().contains("8_000_000_000_000 bytes"),
        "{error}"
    );
    // All together: the limit holds for the arena as well.
    let mut graph = graph();
    let outputs = outputs(&mut graph, &["(apply exp A)", "(apply sin A)"]);
    let sizes = sized(10, 1, 1);
    assert!(compile_within(&graph, &outputs, &sizes, 1600).is_ok());
    let error = compile_within(&graph, &outputs, &sizes, 1599).unwrap_err();
    assert!(
        matches!(
            error,
            CompileError::ArenaTooLarge {
                bytes: 1600,
                limit: 1599
            }
        ),
        "{error}"
    );
    assert!(matches!(
        compile_within(&graph, &outputs, &sizes, 799),
        Err(CompileError::TooLarge { .. })
    ));
}
