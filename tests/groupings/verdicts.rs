//! Which neighbours may be composed: the examples that are known, graphs, and what is said of what cannot be decided.

use std::fmt::Write;

use hbp::expr::{Name, Names, print};
use hbp::hbp::{Batch, Curvature};
use hbp::proof::{
    Claim, Comparison, Equality, Groupings, GroupingsOptions, Outcome, PairVerdict, Quantity,
    Verdict, groupings, prove,
};
use hbp::report::{groupings_json, groupings_page, groupings_text};
use hbp::rewrite::Rewriter;

use super::{DEEP, file};

const AVERAGES: [Batch; 2] = [Batch::AverageHessian, Batch::AverageJacobian];

fn found(text: &str, curvature: Curvature) -> Groupings {
    let file = file(text);
    let network = file.network(&file.networks()[0]).unwrap();
    let options = GroupingsOptions {
        curvature,
        ..GroupingsOptions::default()
    };
    groupings(&network, &options).unwrap()
}

fn pair<'a>(groupings: &'a Groupings, first: &str, second: &str) -> &'a PairVerdict {
    let names: (Name, Name) = (first.into(), second.into());
    let found = groupings
        .pairs
        .iter()
        .find(|pair| pair.nodes.contains(&names));
    found.unwrap_or_else(|| panic!("no pair {first}+{second}"))
}

fn block<'a>(pair: &'a PairVerdict, variable: &str, batch: Batch) -> &'a Comparison {
    let wanted = Quantity::Block(variable.into());
    let mut all = pair.comparisons.iter();
    let found = all.find(|c| c.batch == batch && c.quantity == wanted);
    found.unwrap_or_else(|| panic!("no block of {variable}"))
}

/// A side of a comparison is what it is said to be, and the other side is not.
fn is(text: &str, pair: &PairVerdict, comparison: &Comparison, apart: &str, composed: &str) {
    let file = file(text);
    let sides = [
        (comparison.apart, apart, composed),
        (comparison.composed, composed, apart),
    ];
    for (id, right, wrong) in sides {
        let left = print(&pair.module.graph, id.unwrap(), &Names::default());
        let decide = |right: &str| {
            let claim = Claim {
                module: pair.module.clone(),
                lets: Vec::new(),
                left: left.clone(),
                right: right.into(),
                seed: 3,
            };
            prove(&file, &claim, Rewriter::embedded()).unwrap()
        };
        let verdict = decide(right);
        assert!(
            matches!(
                verdict,
                Verdict::Proved { .. } | Verdict::SameIndexForm { .. }
            ),
            "{left} is not {right}: {verdict:?}"
        );
        assert!(
            matches!(decide(wrong), Verdict::Refuted(_)),
            "{left} is {wrong}"
        );
    }
}

/// φ ∘ affine: the mean of a Kronecker product is not the product of means.
#[test]
fn the_weight_of_an_activation_after_an_affine_map_changes() {
    let all = found(DEEP, Curvature::GaussNewton);
    let pair = pair(&all, "h1", "a1");
    let weight = block(pair, "h1.W", Batch::AverageHessian);
    assert_eq!(weight.equality.outcome(), Outcome::Different);
    is(
        DEEP,
        pair,
        weight,
        "E(x*x') ⊗ (E(phi'(h1)*phi'(h1)') .* E(hess(a1)))",
        "E((x*x') ⊗ ((phi'(h1)*phi'(h1)') .* E(hess(a1))))",
    );
    for batch in AVERAGES {
        let bias = block(pair, "h1.b", batch);
        assert!(matches!(bias.equality, Equality::Proved { points } if points > 0));
    }
}

/// Two activations: the mean of a product of outer products is not the product of their means.
#[test]
fn two_activations_in_one_module_change() {
    let text = "fn phi(t)
        fn psi(t)
        network n { input x: R[n]\n target y: R[k]\n h = linear[m](x)\n p = phi(h)\n q = psi(p)\n o = linear[k](q)\n loss square_loss(o, y) }";
    let all = found(text, Curvature::GaussNewton);
    let pair = pair(&all, "p", "q");
    let input = block(pair, "h", Batch::AverageHessian);
    assert_eq!(input.equality.outcome(), Outcome::Different);
    is(
        text,
        pair,
        input,
        "E(phi'(h)*phi'(h)') .* E(psi'(p)*psi'(p)') .* E(hess(q))",
        "E((phi'(h) .* psi'(p))*(phi'(h) .* psi'(p))') .* E(hess(q))",
    );
}

/// An activation, then an affine map, in every curvature.
#[test]
fn an_activation_before_an_affine_map_changes_nothing() {
    for (curvature, _) in Curvature::ALL {
        let all = found(DEEP, curvature);
        for names in [("a1", "h2"), ("a2", "h3")] {
            let pair = pair(&all, names.0, names.1);
            for comparison in &pair.comparisons {
                let Equality::Proved { points } = comparison.equality else {
                    panic!(
                        "{curvature} {:?}: {:?}",
                        comparison.quantity, comparison.equality
                    );
                };
                assert!(points >= 6, "only {points} points");
            }
        }
    }
}

/// Like layers are compared once, and every pair is listed.
#[test]
fn a_deep_network_is_compared_pair_by_kind() {
    let mut text = "network n { input x: R[20]\n target y: R[20]\n h0 = linear[20](x)\n".to_owned();
    for k in 1..60 {
        let _ = writeln!(
            text,
            " a{k} = sigmoid(h{})\n h{k} = linear[20](a{k})",
            k - 1
        );
    }
    text += " loss softmax_cross_entropy(h59, y)\n}";
    let all = found(&text, Curvature::GaussNewton);
    // The first layer has no message to send, the last is read by the loss.
    assert_eq!(all.pairs.len(), 4);
    assert_eq!(pair(&all, "a7", "h7").nodes.len(), 59);
    let weights = pair(&all, "a7", "h7");
    // The fixed sizes are names only while numbers are drawn.
    let text = groupings_text(&all).unwrap();
    assert!(!text.contains("eye(d1)"), "{text}");
    assert_eq!(weights.outcome(Batch::AverageJacobian), Outcome::Equal);
}

const GRAPH: &str = "network res {
    input x: R[n]\n target y: R[k]
    h1 = linear[m](x)\n a1 = tanh(h1)
    h2 = linear[m](a1)\n s = add(h2, a1)
    q = sin(s)\n c = linear[m](q; W = h2.W)\n g = multiply(c, q)
    o = linear[k](g)\n loss softmax_cross_entropy(o, y)
}";

/// With values read twice and parameters shared, the blocks between what stays live count, too.
#[test]
fn graphs_are_compared_with_what_is_live_beside_a_pair() {
    for curvature in [Curvature::Hessian, Curvature::GaussNewton] {
        let all = found(GRAPH, curvature);
        assert_eq!(&*all.shared[0].0, "a1");
        for pair in &all.pairs {
            for c in &pair.comparisons {
                let is_open = c.equality.outcome() == Outcome::Undecided;
                assert!(
                    !is_open,
                    "{:?} of {:?}: {:?}",
                    c.quantity, pair.nodes, c.equality
                );
            }
        }
        let sum = pair(&all, "h2", "s");
        assert_eq!(sum.outcome(Batch::AverageHessian), Outcome::Equal);
        let cross = Quantity::Cross("a1".into(), "h2.W".into());
        assert!(sum.comparisons.iter().any(|c| c.quantity == cross));
        // Nothing is given up of a value that is multiplied, but of a shared weight.
        let product = pair(&all, "c", "g");
        let verdict = |v| block(product, v, Batch::AverageHessian).equality.outcome();
        assert_eq!(verdict("h2.W"), Outcome::Different);
        assert_eq!(verdict("c.b"), Outcome::Equal);
    }
}

/// Positive curvature treats what is live together as one matrix: that is not compared, and said.
#[test]
fn joint_treatments_are_undecided() {
    let all = found(GRAPH, Curvature::PositiveAbs);
    let product = pair(&all, "g", "o");
    let reasons = product
        .comparisons
        .iter()
        .filter_map(|c| match &c.equality {
            Equality::Undecided { reason } => Some(reason.as_str()),
            _ => None,
        });
    let reasons: Vec<&str> = reasons.collect();
    assert!(!reasons.is_empty());
    assert!(
        reasons.iter().all(|r| r.contains("one matrix")),
        "{reasons:?}"
    );
}

#[test]
fn verdicts_are_printed_for_readers_papers_and_scripts() {
    let all = found(DEEP, Curvature::GaussNewton);
    let json = groupings_json(&all).unwrap();
    let first = &json["pairs"][0]["modes"]["average-hessian"];
    assert_eq!(first["verdict"], "different");
    assert_eq!(first["quantities"][1]["quantity"], "hess(h1.b)");
    assert_eq!(first["quantities"][1]["verdict"], "equal");
    assert!(first["quantities"][0]["numbers"]["apart"].is_number());
    let shown = format!(
        "{}\n{}",
        groupings_text(&all).unwrap(),
        groupings_page(&all).unwrap()
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("groupings", shown));
}
