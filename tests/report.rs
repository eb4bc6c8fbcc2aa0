//! What is printed: expressions in the language.

use hbp::expr::{
    Dimension, Facts, Graph, Id, Names, Op, Rational, Role, Shape, Variable, print,
    print_definition, print_sexpr, printed_size, size,
};

/// A graph with matrices A, B (n × n), W (m × n), vectors x, y (n), scalars s, t and a gradient and Hessian
/// at z (m).
fn graph() -> Graph {
    let mut g = Graph::default();
    let (m, n) = (Dimension::named("m"), Dimension::named("n"));
    let shapes = [
        ("A", Shape::matrix(n.clone(), n.clone())),
        ("B", Shape::matrix(n.clone(), n.clone())),
        ("W", Shape::matrix(m.clone(), n.clone())),
        ("x", Shape::vector(n.clone())),
        ("y", Shape::vector(n)),
        ("s", Shape::scalar()),
        ("t", Shape::scalar()),
        ("grad(z)", Shape::vector(m.clone())),
        ("hess(z)", Shape::matrix(m.clone(), m)),
    ];
    for (name, shape) in shapes {
        g.declare(
            name,
            Variable {
                shape,
                role: Role::Input,
                facts: Facts::default(),
            },
        );
    }
    g
}

/// Builds an expression written in the rules' notation; `phi''` is a function, other words are variables,
/// `#3` a constant size, else dimensions.
fn build(g: &mut Graph, text: &str) -> Id {
    let text = text.replace('(', " ( ").replace(')', " ) ");
    let text = text
        .replace("grad ( z ) ", "grad(z) ")
        .replace("hess ( z ) ", "hess(z) ");
    let mut stack: Vec<Vec<Id>> = vec![Vec::new()];
    let mut heads = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "(" => {
                heads.push(words.next().unwrap());
                stack.push(Vec::new());
            }
            ")" => {
                let children = stack.pop().unwrap();
                let (op, _) = Op::from_head(heads.pop().unwrap()).unwrap();
                let id = g.node(op, &children).unwrap();
                stack.last_mut().unwrap().push(id);
            }
            _ => {
                let id = leaf(g, word);
                stack.last_mut().unwrap().push(id);
            }
        }
    }
    stack[0][0]
}

fn leaf(g: &mut Graph, word: &str) -> Id {
    if let Some(id) = g.variable(word) {
        return id;
    }
    if let Ok(value) = word.parse::<Rational>() {
        return g.number(value);
    }
    let name = word.trim_end_matches('\'');
    if name == "phi" {
        let order = u32::try_from(word.len() - name.len()).unwrap();
        return g.function(name, order);
    }
    if let Some(value) = word.strip_prefix('#') {
        return g.dimension(Dimension::constant(value.parse().unwrap()));
    }
    let factors = word.split('*').map(Dimension::named);
    let d = factors.reduce(|a, b| a.times(&b)).unwrap();
    g.dimension(d)
}

fn check(sexpr: &str, expected: &str) {
    let mut g = graph();
    let id = build(&mut g, sexpr);
    let names = Names::default();
    let text = print(&g, id, &names);
    assert_eq!(text, expected, "{sexpr}");
    assert_eq!(
        printed_size(&g, id, &names),
        text.chars().count() as u64,
        "{sexpr}"
    );
}

#[test]
fn expressions_read_as_a_mathematician_writes() {
    for (sexpr, expected) in [
        ("(add (mul W x) grad(z))", "W*x + grad(z)"),
        ("(add x (scale -1 y))", "x - y"),
        ("(add (scale -1 x) y)", "y - x"),
        ("(add (scale -1 x) (scale -2 y))", "-x - 2*y"),
        ("(add x (scale -1/3 y))", "x - y / 3"),
        ("(scale -1 (add x y))", "-(x + y)"),
        ("(scale -1 (mul A x))", "-A*x"),
        ("(mul A (scale -1 x))", "-A*x"),
        ("(scale -1 (t (scale -1 A)))", "A'"),
        ("(scale 2 A)", "2*A"),
        ("(scale 2 (add A B))", "2*(A + B)"),
        ("(scale 1/2 A)", "0.5*A"),
        ("(scale 2/3 A)", "2*A / 3"),
        ("(scale s (mul A B))", "s*A*B"),
        ("(mul A (scale s (scale 2 B)))", "2*s*A*B"),
        ("(scale (pow s -1) A)", "A / s"),
        (
            "(scale (pow s -2) (scale (pow t -1/2) A))",
            "A / (s^2*sqrt(t))",
        ),
        ("(pow s -1/2)", "1 / sqrt(s)"),
        ("(pow s -1)", "1 / s"),
        ("(pow x -1)", "1 ./ x"),
        ("(had x (pow y -1))", "x ./ y"),
        ("(had (pow y -2) (had x x))", "x .* x ./ y.^2"),
        ("(pow s 2)", "s^2"),
        ("(pow (scale -1 s) 2)", "(-s)^2"),
        ("(scale -1 (pow s 2))", "-s^2"),
        ("(pow s (scale -1 t))", "s^(-t)"),
        ("(pow x 2)", "x.^2"),
        ("(pow (t x) 2)", "x'.^2"),
        ("(pow x 1/3)", "x.^(1/3)"),
        ("(pow x 1/2)", "sqrt(x)"),
        ("(pow x y)", "x.^y"),
        ("(pow (pow s 2) 3)", "(s^2)^3"),
        ("(add s 1/3)", "s + 1/3"),
        ("(add s 1/100000)", "s + 1e-5"),
        ("(add s -1/8)", "s - 0.125"),
        ("(kron (mul x (t x)) hess(z))", "(x*x') ⊗ hess(z)"),
        ("(kron A (kron B A))", "A ⊗ B ⊗ A"),
        ("(had x (mul A y))", "x .* (A*y)"),
        ("(had (had x y) (add x y))", "x .* y .* (x + y)"),
        ("(scale 2 (had x y))", "2*(x .* y)"),
        ("(t (mul A B))", "(A*B)'"),
        ("(t (t A))", "A''"),
        ("(sand W hess(z))", "W'*hess(z)*W"),
        ("(sand (mul W A) hess(z))", "(W*A)'*hess(z)*(W*A)"),
        ("(sand (t A) B)", "A*B*A'"),
        ("(sand A (add A B))", "A'*(A + B)*A"),
        ("(sand A (eye n))", "A'*A"),
        ("(sand (diag x) A)", "diag(x)*A*diag(x)"),
        ("(sand A (scale -1 B))", "-A'*B*A"),
        ("(apply phi'' (mul A x))", "phi''(A*x)"),
        ("(t (apply phi' x))", "phi'(x)'"),
        (
            "(add (had (sand W hess(z)) (mul (apply phi' x) (t (apply phi' x)))) \
             (diag (had (apply phi'' x) (mul (t W) grad(z)))))",
            "(W'*hess(z)*W) .* (phi'(x)*phi'(x)') + diag(phi''(x) .* (W'*grad(z)))",
        ),
        ("(scale (mul (t x) y) (mul A x))", "x'*y*A*x"),
        ("(mul A (scale (mul (t x) (scale s y)) x))", "s*x'*y*A*x"),
        ("(eye n)", "eye(n)"),
        ("(mul A (eye n))", "A*eye(n)"),
        ("(zeros m n)", "zeros(m, n)"),
        ("(ones n #1)", "ones(n)"),
        ("(commutation m n*n)", "commutation(m, n*n)"),
        ("(reshape W n m)", "reshape(W, n, m)"),
        ("(scale (pow n -1) x)", "x / n"),
        ("(J (mul A x) x)", "jac(A*x, x)"),
        ("(V (mul W x) grad(z) x)", "V(W*x, grad(z), x)"),
        ("(E (mul x (t x)))", "E(x*x')"),
        ("(logdet (inv A))", "logdet(inv(A))"),
    ] {
        check(sexpr, expected);
    }
}

#[test]
fn names_stand_for_their_nodes_but_not_in_their_own_definition() {
    let mut g = graph();
    let h = build(&mut g, "(mul A x)");
    let e = build(&mut g, "(had (apply phi' (mul A x)) y)");
    let names: Names = [(h, "h"), (e, "e")].into_iter().collect();
    assert_eq!(print(&g, e, &names), "e");
    assert_eq!(print_definition(&g, e, &names), "phi'(h) .* y");
    assert_eq!(print_definition(&g, h, &names), "A*x");
    assert_eq!(print_sexpr(&g, e), "(had (apply phi' (mul A x)) y)");
    assert_eq!(size("a + b'*c"), 6);
}

#[test]
fn a_size_that_a_value_hides_is_written_out() {
    let mut g = graph();
    g.declare(
        "n",
        Variable {
            shape: Shape::scalar(),
            role: Role::Input,
            facts: Facts::default(),
        },
    );
    let n = g.dimension(Dimension::named("n"));
    let x = g.variable("x").unwrap();
    let scaled = g.node(Op::Scale, &[n, x]).unwrap();
    assert_eq!(print(&g, scaled, &Names::default()), "sum(ones(n))*x");
}

#[test]
fn depth_and_sharing_are_no_danger() {
    let names = Names::default();
    for head in ["mul", "had", "t", "sum", "inv"] {
        let mut g = graph();
        let (a, op) = (g.variable("A").unwrap(), Op::from_head(head).unwrap().0);
        let mut id = a;
        for _ in 0..50_000 {
            let children = if matches!(head, "mul" | "had") {
                vec![id, a]
            } else {
                vec![id]
            };
            id = g.node(op.clone(), &children).unwrap();
        }
        assert_eq!(
            print(&g, id, &names).chars().count() as u64,
            printed_size(&g, id, &names)
        );
    }
    let mut g = graph();
    let mut id = g.variable("A").unwrap();
    for _ in 0..200 {
        id = g.node(Op::Multiply, &[id, id]).unwrap();
    }
    assert_eq!(printed_size(&g, id, &names), u64::MAX);
}
