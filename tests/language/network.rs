//! Networks: nodes, names of parameters, sharing, sizes.

use hbp::expr::{Name, Role, Sizes, print_sexpr};
use hbp::language::{Network, NetworkNode};

use crate::{errors, parse};

fn network(text: &str) -> Network {
    let file = parse(text);
    let names = file.networks();
    file.network(&names[0]).unwrap()
}

/// `name = module(arguments; local = network, …): output`.
fn node(node: &NetworkNode) -> String {
    let names = |names: Vec<String>| names.join(", ");
    let inputs = node.module.inputs.iter().zip(&node.arguments);
    let arguments = inputs
        .map(|(input, value)| format!("{input} = {value}"))
        .collect();
    let parameters = node
        .parameters
        .iter()
        .map(|(own, full)| format!("{own} = {full}"))
        .collect();
    let output = print_sexpr(&node.module.graph, node.module.output.1);
    let (name, module) = (&node.name, &node.module.name);
    format!(
        "{name} = {module}({}; {}): {output}",
        names(arguments),
        names(parameters)
    )
}

fn check(text: &str, nodes: &[&str], parameters: &str) -> Network {
    let network = network(text);
    let found: Vec<String> = network
        .nodes
        .iter()
        .chain([&network.loss])
        .map(node)
        .collect();
    assert_eq!(found, nodes, "{text}");
    let shape = |p: &hbp::language::NetworkValue| format!("{}: {}", p.name, p.shape);
    let found = network
        .parameters
        .iter()
        .map(shape)
        .collect::<Vec<_>>()
        .join(", ");
    assert_eq!(found, parameters, "{text}");
    network
}

#[test]
fn nodes_are_modules_at_the_networks_sizes() {
    let small = check(
        include_str!("../cases/networks/small/small.hbp"),
        &[
            "h1 = linear(x = x; W = h1.W, b = h1.b): (add (mul W x) b)",
            "a1 = tanh(x = h1; ): (apply tanh x)",
            "h2 = linear(x = a1; W = h2.W, b = h2.b): (add (mul W x) b)",
            "loss = softmax_cross_entropy(z = h2, y = y; ): \
             (mul (t y) (add (scale (logsumexp z) (ones 3 1)) (scale -1 z)))",
        ],
        "h1.W: R[4, 5], h1.b: R[4], h2.W: R[3, 4], h2.b: R[3]",
    );
    assert!(small.nodes.iter().all(|n| n.module.dimensions().is_empty()));
    // The loss declares its target a distribution, and so it is one.
    assert!(small.targets[0].facts.distribution);
    let variables = small.loss.module.graph.variables();
    assert_eq!(variables["y"].role, Role::Target);
    assert!(variables["y"].facts.distribution);
    assert_eq!(variables["z"].role, Role::Input);
}

#[test]
fn values_may_be_used_twice() {
    check(
        include_str!("../cases/networks/skip/skip.hbp"),
        &[
            "h1 = linear(x = x; W = h1.W, b = h1.b): (add (mul W x) b)",
            "a1 = sigmoid(x = h1; ): (apply sigmoid x)",
            "s = add(x = a1, y = x; ): (add x y)",
            "h2 = linear(x = s; W = h2.W, b = h2.b): (add (mul W x) b)",
            "loss = square_loss(z = h2, y = y; ): \
             (mul (t (add y (scale -1 z))) (add y (scale -1 z)))",
        ],
        "h1.W: R[3, 3], h1.b: R[3], h2.W: R[2, 3], h2.b: R[2]",
    );
}

#[test]
fn parameters_may_be_shared() {
    check(
        "network shared {
            input x: R[3]
            target y: R[3]
            h = linear[3](x)
            g = linear[3](h; W = h.W)
            loss square_loss(g, y)
        }",
        &[
            "h = linear(x = x; W = h.W, b = h.b): (add (mul W x) b)",
            "g = linear(x = h; W = h.W, b = g.b): (add (mul W x) b)",
            "loss = square_loss(z = g, y = y; ): \
             (mul (t (add y (scale -1 z))) (add y (scale -1 z)))",
        ],
        "h.W: R[3, 3], h.b: R[3], g.b: R[3]",
    );
}

#[test]
fn any_expression_may_be_a_node() {
    check(
        "network nested {
            input x: R[n]
            target y: R[2]
            h = linear[4](sigmoid(linear[hidden](x)))
            g = matmul[2](h) + h.b' * h * ones(2)
            t = matmul(g; W = g.W')
            loss square_loss(g, y) / 2 + 0.1 * sum(t .^ 2)
        }",
        &[
            "h = h(x = x; h_2.W = h_2.W, h_2.b = h_2.b, h.W = h.W, h.b = h.b): \
             (add (mul h.W (apply sigmoid (add (mul h_2.W x) h_2.b))) h.b)",
            "g = g(h = h; h.b = h.b, g.W = g.W): \
             (add (mul g.W h) (scale (mul (t h.b) h) (ones 2 1)))",
            "t = t(g = g; g.W = g.W): (mul (t g.W) g)",
            "loss = loss(g = g, y = y, t = t; ): \
             (add (scale 1/2 (mul (t (add y (scale -1 g))) (add y (scale -1 g)))) (scale 1/10 (sum (pow t 2))))",
        ],
        "h_2.W: R[hidden, n], h_2.b: R[hidden], h.W: R[4, hidden], h.b: R[4], g.W: R[2, 4]",
    );
}

#[test]
fn inlined_parameters_are_dotted_twice() {
    let text = "module unit[m](x: R[n]) -> z: R[m] { y = linear[m](x); z = scale(y) + W*x }
        network net { input x: R[n]; h1 = unit[3](x); loss sum(h1) }";
    check(
        text,
        &[
            "h1 = unit(x = x; W = h1.W, b = h1.b, s = h1.s): (add (had s (add (mul W x) b)) (mul W x))",
            "loss = sum(x = h1; ): (sum x)",
        ],
        "h1.W: R[3, n], h1.b: R[3], h1.s: R[3]",
    );
    let text = "module two(x: R[n]) -> z: R[n] { y = linear[n](x); z = linear[n](y) }
        network net { input x: R[3]; h1 = two(x); loss sum(h1) }";
    let names: Vec<Name> = network(text)
        .parameters
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names.join(" "), "h1.y.W h1.y.b h1.z.W h1.z.b");
}

#[test]
fn sizes_may_come_later() {
    let text = "module quad(x: R[n*n]) -> z: R { z = tr(reshape(x, n, n)) }
        network net { input x: R[k]; loss quad(x) }";
    let file = parse(text);
    let message = file.network("net").unwrap_err().to_string();
    assert!(message.contains("does not determine n"), "{message}");
    let sizes = Sizes::from([("n".into(), 4), ("k".into(), 16)]);
    let net = file.network_at("net", &sizes).unwrap();
    assert_eq!(net.inputs[0].shape.to_string(), "R[16]");
    assert_eq!(
        print_sexpr(&net.loss.module.graph, net.loss.module.output.1),
        "(tr (reshape x 4 4))"
    );
    let wrong = Sizes::from([("n".into(), 5), ("k".into(), 16)]);
    let message = file.network_at("net", &wrong).unwrap_err().to_string();
    assert!(
        message.contains("takes x of 25 × 1 here, not 16 × 1"),
        "{message}"
    );
    assert!(
        file.network_at("net", &Sizes::from([("n".into(), 0)]))
            .is_err()
    );
}

#[test]
fn losses_of_the_users_own() {
    check(
        "module mine(z: R[n], y: R[n]) -> e: R { param s: R; e = s * dot(z, y) }
         network net { input x: R[3]; target y: R[3]; loss mine(x, y) }",
        &["loss = mine(z = x, y = y; s = loss.s): (scale s (mul (t z) y))"],
        "loss.s: R",
    );
}

#[test]
fn an_unknown_network_is_refused() {
    let file = parse("network net { input x: R; loss x }");
    assert!(
        file.network("other")
            .unwrap_err()
            .to_string()
            .contains("no network is called `other`")
    );
    assert!(
        file.module("other")
            .unwrap_err()
            .to_string()
            .contains("no module is called `other`")
    );
    assert!(errors("network net { input x: R }").contains("has no loss"));
}
