//! Composed nodes: what never changes, what an activation with its affine map does not change, and what the others mean.

use hbp::Rewriter;
use hbp::hbp::{Batch, Curvature};
use hbp::language::{File, Network};
use hbp::network::{Grouping, Items, RunOptions, compose, run_file, run_network};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::modes::{modes, random_graph};
use super::networks::Chain;
use super::reference::reference;
use super::tools::{agree_all, array, dense, file, matrix};

/// The others differ from these in what becomes of a residual, which groups do not know of.
fn few_modes() -> impl Iterator<Item = (Curvature, Batch)> {
    let few = [
        Curvature::Hessian,
        Curvature::GaussNewton,
        Curvature::PositiveAbs,
    ];
    modes().filter(move |(curvature, _)| few.contains(curvature))
}

fn run(file: &File, items: &Items, mode: (Curvature, Batch), grouping: &Grouping) -> Items {
    let options = RunOptions {
        curvature: mode.0,
        batch: mode.1,
        grouping: grouping.clone(),
        ..dense()
    };
    run_file(file, items, &options).unwrap_or_else(|e| panic!("{grouping}: {e}; {}", e.help()))
}

/// Every value of two runs, relative to the largest.
fn same(found: &Items, expected: &Items, what: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    let tops = expected
        .keys()
        .map(|name| matrix(&array(expected, name)).amax());
    let top = tops.fold(1.0, f64::max);
    prop_assume!(top < 1e6);
    for name in expected.keys() {
        let worst = (matrix(&array(found, name)) - matrix(&array(expected, name))).amax();
        prop_assert!(worst <= 1e-10 * top, "{what}: {name} is off by {worst:e}");
    }
    Ok(())
}

/// Groups of a node with the only one that reads it, growing where they can; the loss is left out where asked for.
fn random_groups(network: &Network, rng: &mut ChaCha8Rng, with_loss: bool) -> Grouping {
    let nodes: Vec<_> = network.nodes.iter().chain([&network.loss]).collect();
    let mut group_of: Vec<usize> = (0..nodes.len()).collect();
    for (place, node) in network.nodes.iter().enumerate() {
        let readers = nodes.iter().enumerate();
        let readers = readers.filter(|(_, reader)| reader.arguments.contains(&node.name));
        let readers: Vec<usize> = readers.map(|(place, _)| place).collect();
        let [reader] = readers.as_slice() else {
            continue;
        };
        if rng.random_range(0..3) > 0 && (with_loss || *reader + 1 < nodes.len()) {
            // The value of this node's group is its own, since it is read outside of it.
            let (from, to) = (group_of[place], group_of[*reader]);
            group_of
                .iter_mut()
                .filter(|g| **g == from)
                .for_each(|g| *g = to);
        }
    }
    let mut groups = vec![Vec::new(); nodes.len()];
    for (place, group) in group_of.iter().enumerate() {
        groups[*group].push(nodes[place].name.clone());
    }
    groups.retain(|group| group.len() > 1);
    if groups.is_empty() {
        return Grouping::Apart;
    }
    Grouping::Groups(groups)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_global_rejects: 2000, ..ProptestConfig::default() })]
    /// Analytic composition is exact: no grouping changes the Hessian, and none that leaves the loss alone the GGN.
    #[test]
    fn exact_modes_do_not_depend_on_groups(seed in any::<u64>(), nodes in 2usize..=7, samples in 1usize..=3) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chain = random_graph(&mut rng, nodes);
        let file = file(&chain.text);
        let items = chain.items(&file, samples, seed);
        let network = file.network("n").unwrap();
        for curvature in [Curvature::Hessian, Curvature::GaussNewton] {
            let grouping = random_groups(&network, &mut rng, curvature == Curvature::Hessian);
            let mode = (curvature, Batch::Exact);
            let apart = run(&file, &items, mode, &Grouping::Apart);
            let composed = run(&file, &items, mode, &grouping);
            same(&composed, &apart, &format!("{curvature} {grouping}\n{}", chain.text))?;
        }
    }

    /// An activation and the affine map after it: parameters do not depend on the sample, so the mean may be taken before or
    /// after. A shared parameter is live beside the activation, and then it may not.
    #[test]
    fn activation_and_affine_may_be_composed_in_every_mode(seed in any::<u64>(), nodes in 2usize..=7, samples in 2usize..=4) {
        let chain = random_graph(&mut ChaCha8Rng::seed_from_u64(seed), nodes);
        prop_assume!(!chain.text.contains(';'));
        let file = file(&chain.text);
        let network = file.network("n").unwrap();
        let composed = compose(&network, &Grouping::ActivationAffine, Rewriter::embedded()).unwrap();
        prop_assume!(composed.nodes.len() < network.nodes.len());
        let items = chain.items(&file, samples, seed);
        for mode in few_modes() {
            let apart = run(&file, &items, mode, &Grouping::Apart);
            let found = run(&file, &items, mode, &Grouping::ActivationAffine);
            same(&found, &apart, &format!("{mode:?}\n{}", chain.text))?;
        }
    }
}

/// The composite written by hand, and the names of its parameters in the network of parts.
struct Case {
    parts: &'static str,
    groups: &'static str,
    module: &'static str,
    whole: &'static str,
    names: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    // An affine map, then an activation: the weight's block changes.
    Case {
        parts: "h = linear[2](x)\n a = tanh(h)\n k = linear[2](a)\n loss square_loss(k, y)",
        groups: "h+a",
        module: "module m(x: R[2]) -> z: R[2] { param W: R[2, 2]\n param b: R[2]\n z = tanh(W*x + b) }",
        whole: "a = m(x)\n k = linear[2](a)\n loss square_loss(k, y)",
        names: &[("h.W", "a.W"), ("h.b", "a.b")],
    },
    // Two activations.
    Case {
        parts: "h = linear[2](x)\n p = sigmoid(h)\n q = sin(p)\n k = linear[2](q)\n loss square_loss(k, y)",
        groups: "p+q",
        module: "module m(x: R[2]) -> z: R[2] { z = sin(sigmoid(x)) }",
        whole: "h = linear[2](x)\n q = m(h)\n k = linear[2](q)\n loss square_loss(k, y)",
        names: &[],
    },
    // A group with a branch inside, and a second one beside it.
    Case {
        parts: "h = linear[2](x)\n a = tanh(h)\n k = linear[2](a)\n s = multiply(k, a)\n t = sin(s)\n o = linear[2](t)\n loss square_loss(o, y)",
        groups: "a+k+s,t+o",
        module: "module m(x: R[2]) -> z: R[2] { param W: R[2, 2]\n param b: R[2]\n a = tanh(x)\n z = (W*a + b) .* a }
                 module o(x: R[2]) -> z: R[2] { param W: R[2, 2]\n param b: R[2]\n z = W*sin(x) + b }",
        whole: "h = linear[2](x)\n s = m(h)\n o = o(s)\n loss square_loss(o, y)",
        names: &[("k.W", "s.W"), ("k.b", "s.b")],
    },
    // A parameter that two nodes of a group share is one parameter of the composite.
    Case {
        parts: "h = linear[2](x)\n k = linear[2](h; W = h.W, b = h.b)\n loss square_loss(k, y)",
        groups: "h+k",
        module: "module m(x: R[2]) -> z: R[2] { param W: R[2, 2]\n param b: R[2]\n z = W*(W*x + b) + b }",
        whole: "k = m(x)\n loss square_loss(k, y)",
        names: &[("h.W", "k.W"), ("h.b", "k.b")],
    },
    // The loss with its input: what the loss Hessian is depends on the group, and so do ggn and pch.
    Case {
        parts: "h = linear[2](x)\n a = tanh(h)\n loss square_loss(a, y)",
        groups: "a+loss",
        module: "module m(x: R[2], y: R[2]) -> e: R { z = tanh(x)\n e = sum((y - z).^2)\n y ~ normal(z, 0.5*ones(2)) }",
        whole: "h = linear[2](x)\n loss m(h, y)",
        names: &[],
    },
];

#[test]
fn a_group_is_the_module_that_calls_its_parts() {
    for case in CASES {
        let network =
            |body: &str| format!("network n {{ input x: R[2]\n target y: R[2]\n {body} }}");
        let chain = Chain {
            text: network(case.parts),
            module: String::new(),
            inputs: (2, 2),
            distribution: false,
        };
        let parts = file(&chain.text);
        let whole = file(&format!("{}\n{}", case.module, network(case.whole)));
        let items = chain.items(&parts, 3, 7);
        let name = |name: &str| {
            let parts = name.splitn(2, '.').collect::<Vec<_>>();
            let known = |full: &str| case.names.iter().find(|(own, _)| *own == full);
            match parts.as_slice() {
                [kind @ ("grad" | "hess"), full] => {
                    format!("{kind}.{}", known(full).map_or(*full, |(_, new)| new))
                }
                _ => known(name).map_or(name, |(_, new)| new).to_owned(),
            }
        };
        let renamed = |items: &Items| -> Items {
            items
                .iter()
                .map(|(key, item)| (name(key), item.clone()))
                .collect()
        };
        for mode in few_modes() {
            let found = run(&parts, &items, mode, &case.groups.parse().unwrap());
            let (expected, _) = reference(&whole, "n", &renamed(&items), mode.0, mode.1).unwrap();
            agree_all(&renamed(&found), &expected, 1e-10);
        }
    }
}

#[test]
fn composites_of_like_parts_are_derived_once() {
    let mut text = "network n { input x: R[6]\n target y: R[2]\n h0 = linear[5](x)\n".to_owned();
    for k in 1..20 {
        text += &format!(
            " a{k} = tanh(h{})\n h{k} = linear[{}](a{k})\n",
            k - 1,
            2 + k % 4
        );
    }
    text += " a = tanh(h19)\n o = linear[2](a)\n loss softmax_cross_entropy(o, y)\n}";
    let chain = Chain {
        text,
        module: String::new(),
        inputs: (6, 2),
        distribution: true,
    };
    let file = file(&chain.text);
    let options = RunOptions {
        grouping: Grouping::ActivationAffine,
        ..RunOptions::default()
    };
    let found = run_network(&file, "n", &chain.items(&file, 1, 3), &options).unwrap();
    // The first layer, all composites but those that keep their width, those, and the loss.
    assert!(found.derivations <= 4, "{} derivations", found.derivations);
}

/// What may be grouped is seen in the expressions, not in names.
#[test]
fn activations_and_affine_maps_are_known_by_their_maps() {
    let text = "fn mish(t) = t * tanh(softplus(t))
        module own[m](x: R[n]) -> z: R[m] { param A: R[m, n]\n z = -(A*x) + ones(m) }
        module bent[m](x: R[n]) -> z: R[m] { param A: R[m, n]\n z = exp(A*x) }
        module gate[m](x: R[n], s: R[m]) -> z: R[m] { param A: R[m, n]\n z = s .* (A*x) }
        network n { input x: R[3]\n target y: R[3]
            h = linear[3](x)
            a = mish(h)\n k = own[3](a)
            b = softmax(k)\n l = own[3](b)
            c = h2 .* h2\n m = bent[3](c)
            d = tanh(m)\n g = gate[3](d, x)
            e = g ./ (ones(3) + g .* g)\n o = U(e)
            loss square_loss(o, y) }";
    let text = text
        .replace("h2 .* h2", "l .* l")
        .replace("U(e)", "matmul[3](e)");
    let network = file(&text).network("n").unwrap();
    let composed = compose(&network, &Grouping::ActivationAffine, Rewriter::embedded()).unwrap();
    let names: Vec<&str> = composed
        .nodes
        .iter()
        .map(|node| &*node.module.name)
        .collect();
    let expected = [
        "linear", "mish+own", "softmax", "own", "c", "bent", "tanh", "gate", "e+matmul",
    ];
    assert_eq!(names, expected);
}

#[test]
fn groups_that_are_no_modules_are_refused() {
    let text = "network n { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = tanh(h)\n k = linear[2](a)\n s = add(k, a)\n loss square_loss(s, y) }";
    let network = file(text).network("n").unwrap();
    for (groups, message, help) in [
        (
            "a",
            "`a` in `--compose a` is grouped with nothing",
            "a1+h2,a2+h3",
        ),
        ("a+", "a name is missing", "a1+h2,a2+h3"),
        ("", "a name is missing", "`activation-affine`"),
        (
            "a+q",
            "`q` in --compose is no node of the network `n`",
            "`h`, `a`, `k`, `s`, `loss`",
        ),
        (
            "x+h",
            "`x` in --compose is an input, no node,",
            "its nodes are",
        ),
        (
            "h+h.W",
            "`h.W` in --compose is a parameter, no node,",
            "its nodes are",
        ),
        (
            "s+y",
            "`y` in --compose is a target, no node,",
            "its nodes are",
        ),
        ("a+k,k+s", "`k` stands in two groups", "name it once"),
        ("a+a", "`a` stands twice in one group", "name it once"),
        (
            "h+k",
            "`h` is read by no other node of the group `h+k`",
            "it is read by `a`",
        ),
        (
            "a+k",
            "`a` is inside the group `a+k`, but `s` outside reads it, too",
            "take all readers",
        ),
    ] {
        let error = groups
            .parse()
            .and_then(|grouping| compose(&network, &grouping, Rewriter::embedded()))
            .unwrap_err();
        assert!(
            error.message().contains(message),
            "{groups}: {}",
            error.message()
        );
        assert!(error.help().contains(help), "{groups}: {}", error.help());
    }
    let whole: Grouping = "loss+s+k+a+h".parse().unwrap();
    let composed = compose(&network, &whole, Rewriter::embedded()).unwrap();
    assert!(composed.nodes.is_empty());
    assert_eq!(&*composed.loss.name, "loss");
}
