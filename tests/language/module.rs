//! Modules: names, dimensions, facts, and calls inlined.

use hbp::expr::{Facts, FunctionDefinition, Module, Name, Role, print_sexpr};

use crate::parse;

fn module(text: &str, name: &str) -> Module {
    parse(text).module(name).unwrap()
}

fn parameters(module: &Module) -> String {
    let shape = |name: &Name| format!("{name}: {}", module.graph.variables()[name].shape);
    module
        .parameters
        .iter()
        .map(shape)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The parameters and the output of the last module of a file.
fn check(text: &str, expected_parameters: &str, expected_output: &str) {
    let file = parse(text);
    let module = file.module(file.modules().last().unwrap()).unwrap();
    assert_eq!(parameters(&module), expected_parameters, "{text}");
    assert_eq!(
        print_sexpr(&module.graph, module.output.1),
        expected_output,
        "{text}"
    );
}

#[test]
fn a_call_inlines_and_its_parameters_become_the_callers() {
    check(
        "fn phi(t)
         module f[m](x: R[n]) -> z: R[m] { y = phi(x); z = linear[m](y) }",
        "W: R[m, n], b: R[m]",
        "(add (mul W (apply phi x)) b)",
    );
}

#[test]
fn repeated_parameter_names_are_dotted_with_their_local() {
    check(
        "module f[m](x: R[n]) -> z: R[m] { y = linear[k](x); z = linear[m](y) }",
        "y.W: R[k, n], y.b: R[k], z.W: R[m, k], z.b: R[m]",
        "(add (mul z.W (add (mul y.W x) y.b)) z.b)",
    );
    // The module's own keep theirs.
    check(
        "module f(x: R[n]) -> z: R[n] { param W: R[n, n]; y = linear[n](x); z = W*y }",
        "W: R[n, n], y.W: R[n, n], b: R[n]",
        "(mul W (add (mul y.W x) b))",
    );
    // Calls inside calls, and calls of modules that call.
    check(
        "module two(x: R[n]) -> z: R[n] { y = matmul[n](x); z = matmul[n](y) }
         module f(x: R[n]) -> z: R[n] { a = two(x); z = two(a) + matmul[n](matmul[n](x)) }",
        "a.y.W: R[n, n], a.z.W: R[n, n], z.y.W: R[n, n], z.z.W: R[n, n], z_3.W: R[n, n], z_2.W: R[n, n]",
        "(add (mul z.z.W (mul z.y.W (mul a.z.W (mul a.y.W x)))) (mul z_2.W (mul z_3.W x)))",
    );
}

#[test]
fn parameters_may_be_given_and_used_by_name() {
    check(
        "module tied(x: R[n]) -> z: R[n] { h = matmul[m](x); z = matmul(h; W = W') }",
        "W: R[m, n]",
        "(mul (t W) (mul W x))",
    );
    check(
        "module tied(x: R[n]) -> z: R[n] { param V: R[m, n]; z = V' * matmul(x; W = V) }",
        "V: R[m, n]",
        "(mul (t V) (mul V x))",
    );
}

#[test]
fn dimensions_are_solved_for() {
    check(
        "module half(x: R[2*k], y: R[k + 1]) -> z: R { z = sum(x) + sum(y) + k }
         module f(x: R[2*n*m], y: R[m*n + 1]) -> z: R { z = half(x, y) }",
        "",
        "(add (sum x) (sum y) m*n)",
    );
    check(
        "module half(x: R[2*k]) -> z: R { z = sum(x) / k }
         module f(x: R[6]) -> z: R { z = half(x) }",
        "",
        "(scale (pow 3 -1) (sum x))",
    );
    // A dimension that nothing determines stays free, under a name that nothing else bears.
    check(
        "module hidden(x: R[n]) -> z: R { param A: R[m, n]; z = sum(A*x) }
         module f(x: R[m]) -> z: R { z = hidden(x) }",
        "A: R[m_2, m]",
        "(sum (mul A x))",
    );
}

#[test]
fn products_take_their_form_at_the_callers_sizes() {
    check(
        "module f(x: R[n]) -> z: R[n] { y = matmul[1](x); z = matmul[n](y) }",
        "y.W: R[1, n], z.W: R[n]",
        "(scale (mul y.W x) z.W)",
    );
}

#[test]
fn facts_are_kept() {
    let text = "module f(y: R[n] distribution, x: R[n]) -> z: R {
        param A: R[n, n] positive-definite
        param D: R[n, n] diagonal
        z = y'*A*D*x
    }";
    let module = module(text, "f");
    let facts = |name: &str| module.graph.variables()[name].facts;
    assert_eq!(facts("x"), Facts::default());
    assert!(facts("y").distribution && !facts("y").symmetric);
    assert!(facts("A").positive_definite && facts("A").symmetric);
    assert!(facts("D").diagonal && facts("D").symmetric && !facts("D").positive_definite);
}

#[test]
fn functions_are_registered_when_used() {
    let text = "fn phi(t)
        fn unused(t) = t
        fn swish(t) = t * sigmoid(t)
        fn deep(u) = swish(u) + phi'(u)
        module f(x: R[n]) -> z: R[n] { z = deep(x) }";
    let module = module(text, "f");
    let names: Vec<&str> = module.graph.functions().keys().map(|n| &**n).collect();
    assert_eq!(names, ["sigmoid", "swish", "phi", "deep"]);
    let FunctionDefinition::Defined { argument, body } = &module.graph.functions()["deep"] else {
        panic!("deep is defined");
    };
    assert_eq!(&**argument, "deep(u)");
    assert_eq!(module.graph.variables()[argument].role, Role::Argument);
    let body = print_sexpr(&module.graph, *body);
    assert_eq!(body, "(add (apply swish deep(u)) (apply phi' deep(u)))");
}

#[test]
fn a_definition_hides_a_builtin_of_its_name() {
    // The prelude still means the built-in, and the file's own bears another name in expressions.
    check(
        "fn sqrt(t) = t
         module bias(x: R[n]) -> z: R[n] { z = x + sqrt(x) }
         module f(x: R[n]) -> z: R[n] { z = bias(layer_norm(x)) }",
        "weight: R[n], bias: R[n]",
        &{
            let variance = "(mean (pow (add x (scale -1 (scale (mean x) (ones n 1)))) 2))";
            let scaled = format!("(scale (pow (pow (add {variance} 1/100000) 1/2) -1) ");
            let norm = format!(
                "(add (had weight {scaled}(add x (scale -1 (scale (mean x) (ones n 1)))))) bias)"
            );
            format!("(add {norm} (apply own.sqrt {norm}))")
        },
    );
}

#[test]
fn the_three_namespaces_do_not_meet() {
    check(
        "module n(n: R[n], R: R[m]) -> E: R[n] { E = n / 2 + sum(R) * m * ones(n) }
         module f(x: R[n], I: R[m]) -> D: R[n] { D = n(x, I) + n * m * x }",
        "",
        "(add (add (scale 1/2 x) (scale (scale (sum I) m) (ones n 1))) (scale (scale n m) x))",
    );
}

#[test]
fn unused_names_are_warned_about() {
    let text = include_str!("../cases/language/good/warnings.hbp");
    let file = parse(text);
    let warnings: Vec<String> = file.warnings().iter().map(|w| w.message.clone()).collect();
    assert_eq!(
        warnings,
        [
            "the input `extra` is never used",
            "the parameter `W` is never used",
            "the local name `q` is never used",
        ]
    );
}

#[test]
fn the_shared_cases_are_read() {
    for (text, parameters_expected) in [
        (
            include_str!("../cases/modules/affine/affine.hbp"),
            "W: R[m, n], b: R[m]",
        ),
        (
            include_str!("../cases/modules/matrix_residual/matrix_residual.hbp"),
            "W: R[n, n]",
        ),
        (
            include_str!("../cases/modules/squared_norm/squared_norm.hbp"),
            "A: R[m, n]",
        ),
        (
            include_str!("../cases/modules/swish_gate/swish_gate.hbp"),
            "U: R[m, n], V: R[m, n]",
        ),
        (
            include_str!("../cases/modules/two_inputs/two_inputs.hbp"),
            "A: R[m, n], B: R[m, k]",
        ),
        (
            include_str!("../cases/modules/unit_length/unit_length.hbp"),
            "",
        ),
    ] {
        let file = parse(text);
        assert!(file.warnings().is_empty());
        let names = file.modules();
        assert_eq!(
            parameters(&file.module(&names[0]).unwrap()),
            parameters_expected
        );
    }
}
