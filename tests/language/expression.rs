//! Expressions in their canonical form, and how they read back.

use std::collections::BTreeMap;

use hbp::diagnostic::Style;
use hbp::expr::{Module, print_sexpr};
use hbp::language::{File, Query, parse, parse_expression};

/// Names of every kind of shape.
const NAMES: &str = "
fn phi(t)
fn swish(t) = t * sigmoid(t)
fn tanh(t) = t
module names(x: R[n], y: R[n], u: R[m], s: R, t: R, A: R[n, n], B: R[m, n], C: R[n, m]) -> z: R {
    param W: R[m, n]
    h = W*x
    z = s + t + sum(h) + sum(A) + sum(B) + sum(C) + sum(u) + sum(y) + sum(phi(x)) + sum(tanh(x))
}
";

fn names() -> (File, Module) {
    let file = parse("names.hbp", NAMES).unwrap_or_else(|e| panic!("{}", e.render(Style::PLAIN)));
    let module = file.module("names").unwrap();
    (file, module)
}

/// `text` becomes `expected` in the notation of the rules.
fn check(text: &str, expected: &str) {
    let (file, mut module) = names();
    let id = parse_expression(
        &file,
        &mut module,
        "text",
        text,
        &BTreeMap::new(),
        &mut |module, query| {
            let Query::Gradient(name) = query else {
                panic!("asked for {query:?}")
            };
            Ok(module.graph.variable(name).unwrap())
        },
    );
    let id = id.unwrap_or_else(|e| panic!("{}", e.render(Style::PLAIN)));
    assert_eq!(print_sexpr(&module.graph, id), expected, "{text}");
}

#[test]
fn operators_bind_as_documented() {
    check("-2^2", "-4");
    check("-s^2", "(scale -1 (pow s 2))");
    check("A'^2", "(mul (t A) (t A))");
    check("s^t^2", "(pow s (pow t 2))");
    check("s^-t*2", "(scale (pow s (scale -1 t)) 2)");
    check("2 * s * A'*A", "(mul (scale (scale 2 s) (t A)) A)");
    check("s - t - s", "(add s (scale -1 t) (scale -1 s))");
    check("s / t / 2", "(scale 1/2 (scale (pow t -1) s))");
    check("-x'", "(scale -1 (t x))");
    check("- x + y", "(add (scale -1 x) y)");
    check("B ⊗ A * 2", "(scale 2 (kron B A))");
    check("x ⊙ y", "(had x y)");
    check("A''", "A");
    check("s - (t - s)", "(add s (scale -1 t) s)");
}

#[test]
fn a_point_before_an_operator_belongs_to_it() {
    check("2.*x", "(scale 2 x)");
    check("2./x", "(scale 2 (pow x -1))");
    check("2.^s", "(pow 2 s)");
    check("2.5.*x", "(scale 5/2 x)");
    check("1e-5", "1/100000");
    check("1.5e3", "1500");
    check("0e400", "0");
}

#[test]
fn operations_have_one_canonical_form() {
    check("x * s", "(scale s x)");
    check("s * t", "(scale s t)");
    check("x' * A * x * x", "(scale (mul (mul (t x) A) x) x)");
    check("x / s", "(scale (pow s -1) x)");
    check("x / 4", "(scale 1/4 x)");
    check("1 / s", "(pow s -1)");
    check("2 / s", "(scale 2 (pow s -1))");
    check("x ./ y", "(had x (pow y -1))");
    check("s ./ x", "(scale s (pow x -1))");
    check("x ./ s", "(scale (pow s -1) x)");
    check("s .* x", "(scale s x)");
    check("x .^ 2", "(pow x 2)");
    check("x .^ y", "(pow x y)");
    check("A^3", "(mul (mul A A) A)");
    check("A^-2", "(mul (inv A) (inv A))");
    check("A^0", "(eye n)");
    check("A^(1+1)", "(mul A A)");
    check("sqrt(x)", "(pow x 1/2)");
    check("1/2 + 1/3", "5/6");
    check("s'", "s");
    check("dot(x, y)", "(mul (t x) y)");
    check("dot(A, A)", "(sum (had A A))");
    check("kron(x, y)", "(kron x y)");
    check("ones(n)", "(ones n 1)");
    check("zeros(n, m+1)", "(zeros n m+1)");
    check("eye(n*m)", "(eye m*n)");
    check(
        "commutation(m, n) * vec(B)",
        "(mul (commutation m n) (vec B))",
    );
    check("reshape(B, n, m)", "(reshape B n m)");
    check("s / sqrt(n)", "(scale (pow (pow n 1/2) -1) s)");
    check(
        "tr(A) + det(A) + logdet(A)",
        "(add (tr A) (det A) (logdet A))",
    );
    check("eigabs(A) + eigclip(A)", "(add (eigabs A) (eigclip A))");
    check("softmax(B) .* B", "(had (softmax B) B)");
}

#[test]
fn functions_and_their_derivatives() {
    check("phi'(x)", "(apply phi' x)");
    check("phi''(x) .* y", "(had (apply phi'' x) y)");
    check("sigmoid'(x)", "(apply sigmoid' x)");
    check("swish(x)'", "(t (apply swish x))");
}

#[test]
fn the_newline_means_nothing_inside_brackets_or_after_an_operator() {
    let text = "
        module f(
            x: R[n],
            y: R[n],
        ) -> z: R[n]
        {
            a = x +
                y   # a comment after an operator

            b = (x
                 - y); c = a .*
                 b
            z = linear[n](
                c;
                W = eye(n),
            )
        }";
    let file = parse("f.hbp", text).unwrap_or_else(|e| panic!("{}", e.render(Style::PLAIN)));
    let f = file.module("f").unwrap();
    let expected = "(add (mul (eye n) (had (add x y) (add x (scale -1 y)))) z.b)";
    assert_eq!(print_sexpr(&f.graph, f.output.1), expected);
}
