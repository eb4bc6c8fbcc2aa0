//! Expressions of `hbp prove`.

use std::collections::BTreeMap;

use hbp::diagnostic::{Code, Diagnostic, Style};
use hbp::expr::{Facts, Id, Module, Name, Names, Role, Shape, Variable, print, print_sexpr};
use hbp::language::{Query, parse_expression};

use crate::parse;

const TEXT: &str = "fn phi(t)
    fn E(t) = 2 * t
    module f[m](x: R[n]) -> z: R[m] { y = phi(x); s = E(y); z = linear[m](s) }";

/// Every query is a new variable that says what was asked.
fn stub(module: &mut Module, query: &Query) -> Id {
    let size = |name: &str| {
        let variable = module.graph.variables().get(name).map(|v| v.shape.size());
        variable.or_else(|| Some(module.graph.shape(module.output.1).size()))
    };
    let (name, shape) = match query {
        Query::Gradient(v) => (format!("grad({v})"), Shape::vector(size(v).unwrap())),
        Query::Hessian(v) => {
            let n = size(v).unwrap();
            (format!("hess({v})"), Shape::matrix(n.clone(), n))
        }
        Query::CrossHessian(u, v) => (
            format!("hess({u},{v})"),
            Shape::matrix(size(u).unwrap(), size(v).unwrap()),
        ),
        Query::Jacobian(z, v) => {
            let n = module.graph.shape(module.output.1).size();
            (format!("jac({z},{v})"), Shape::matrix(n, size(v).unwrap()))
        }
        Query::Residual(v) => {
            let n = size(v).unwrap();
            (format!("resid({v})"), Shape::matrix(n.clone(), n))
        }
    };
    let variable = Variable {
        shape,
        role: Role::Upstream,
        facts: Facts::default(),
    };
    module.graph.declare(name, variable)
}

fn read(text: &str) -> Result<String, String> {
    let file = parse(TEXT);
    let mut module = file.module("f").unwrap();
    let x = module.graph.variable("x").unwrap();
    let names = BTreeMap::from([(Name::from("t1"), x)]);
    let mut asked = Vec::new();
    let id = parse_expression(
        &file,
        &mut module,
        "lhs",
        text,
        &names,
        &mut |module, query| {
            assert!(!asked.contains(query), "asked twice");
            asked.push(query.clone());
            if *query == Query::Residual("x".into()) {
                return Err(Diagnostic::new(Code::Limit, "too hard", "try another").into());
            }
            Ok(stub(module, query))
        },
    );
    match id {
        Ok(id) => Ok(print_sexpr(&module.graph, id)),
        Err(errors) => {
            assert!(!module.graph.is_empty(), "the module keeps its graph");
            assert!(errors.render(Style::PLAIN).contains("lhs:1:"), "{errors}");
            Err(errors.to_string())
        }
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(read(text).unwrap_or_else(|e| panic!("{e}")), expected);
}

#[test]
fn derivatives_are_asked_for() {
    check("hess(x)", "hess(x)");
    check("hess(z) - hess( z )", "(add hess(z) (scale -1 hess(z)))");
    check("hess(x, W) + hess(x,W)", "(add hess(x,W) hess(x,W))");
    check(
        "jac(z, x)' * hess(z) * jac(z, x)",
        "(mul (mul (t jac(z,x)) hess(z)) jac(z,x))",
    );
    check("-grad(b)", "(scale -1 grad(b))");
    check("resid(b)", "resid(b)");
}

#[test]
fn all_names_of_the_module_are_known() {
    check("phi''(x) .* y", "(had (apply phi'' x) (apply phi x))");
    check(
        "W*s + b - z",
        "(add (mul W (apply E_2 (apply phi x))) b (scale -1 (add (mul W (apply E_2 (apply phi x))) b)))",
    );
    check("n*t1 + ones(n)", "(add (scale n x) (ones n 1))");
    check("E(x*x')", "(E (mul x (t x)))");
    check("E_2(x)", "(apply E_2 x)");
    check("tanh(x)", "(apply tanh x)");
    check("x\n + x", "(add x x)");
    check("linear(x; W = W, b = b)", "(add (mul W x) b)");
}

#[test]
fn what_is_wrong_is_said() {
    for (text, message) in [
        (
            "hess(q)",
            "`q` is neither an input, a parameter nor the output",
        ),
        ("hess(x + x)", "`hess` takes names, not expressions"),
        ("jac(x)", "this is not how `jac` is called"),
        ("resid(x)", "too hard"),
        ("linear[m](x)", "`linear` would bring new parameters here"),
        ("x + W", "sum of n × 1 and m × n has no meaning"),
        ("x +", "the end of the text cannot stand here"),
        ("x x", "`x` cannot stand here"),
        ("", "the end of the text cannot stand here"),
        ("x = x", "`=` cannot stand here"),
        ("grad", "nothing is called `grad`"),
    ] {
        let errors = read(text).expect_err(text);
        assert!(errors.contains(message), "{text}: {errors}");
    }
}

/// What the printer writes reads back as the same expression.
#[test]
fn printed_expressions_read_back() {
    for text in [
        "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))",
        "x*x' ⊗ hess(z)",
        "-x / 2 + 0.5*x - 1e-5*x .^ 3",
        "1 ./ (1 + n) * softmax(x) ./ exp(x)",
        "inv(x*x' + eye(n)) * x / sqrt(x'*x + 1)",
        "reshape(W, n, m) * reshape(ones(m*n), m, n) * commutation(n, 1) * x",
        "E(x*x') * vec(x) + diagvec(x*x')",
        "tanh''(x) .* E_2(x) .^ x",
    ] {
        let file = parse(TEXT);
        let mut module = file.module("f").unwrap();
        let mut read = |text: &str| {
            let resolve: &mut hbp::language::Resolver = &mut |m, q| Ok(stub(m, q));
            let id = parse_expression(&file, &mut module, "text", text, &BTreeMap::new(), resolve);
            let id = id.unwrap_or_else(|e| panic!("{}", e.render(Style::PLAIN)));
            print(&module.graph, id, &Names::default())
        };
        let written = read(text);
        assert_eq!(written, read(&written), "{text}");
    }
}
