//! S.12, and the recursions of KFRA and BDA-PCH as its special cases: derived in the network's own names, held to their
//! printed form, and proved equal to what the literature writes.

use std::fmt::Write;

use hbp::expr::{Names, print};
use hbp::hbp::{Batch, Curvature, Equations, Request, approximate, derive};
use hbp::network::{Grouping, node_modules};
use hbp::proof::{Claim, Verdict, prove};
use hbp::report::{Setting, page, text};
use hbp::rewrite::{Report, Rewriter, Style};

use super::{DEEP, file};

const MODES: [(&str, Curvature, Batch); 6] = [
    ("exact", Curvature::Hessian, Batch::Exact),
    ("(6)", Curvature::Hessian, Batch::AverageHessian),
    ("(7)", Curvature::Hessian, Batch::AverageJacobian),
    ("KFRA", Curvature::GaussNewton, Batch::AverageHessian),
    ("BDA-PCH", Curvature::PositiveAbs, Batch::AverageJacobian),
    (
        "BDA-PCH, clipped",
        Curvature::PositiveClip,
        Batch::AverageJacobian,
    ),
];

/// The equations of every layer but the loss.
fn layers(curvature: Curvature, batch: Batch) -> Vec<Equations> {
    let network = file(DEEP).network("deep").unwrap();
    let rewriter = Rewriter::embedded();
    let modules = node_modules(&network, &Grouping::ActivationAffine, rewriter).unwrap();
    let layers = modules.iter().take(modules.len() - 1).map(|module| {
        let exact = derive(
            module,
            &Request::default(),
            rewriter,
            &mut Report::default(),
        )
        .unwrap();
        approximate(exact, curvature, batch, Style::Hadamard, rewriter).unwrap()
    });
    layers.collect()
}

/// Every block of a layer, with nothing but names of the network in it.
fn blocks(layer: &Equations) -> Vec<(String, String)> {
    let graph = &layer.module.graph;
    let block = |e: &hbp::hbp::Equation| {
        let text = print(graph, e.hessian, &Names::default());
        (e.variable.to_string(), text)
    };
    layer.equations.iter().map(block).collect()
}

/// S.12c, S.12b and S.12a with the layers' own names, in every mode.
#[test]
fn the_recursion_is_printed_with_layer_indices() {
    let mut shown = String::new();
    for (name, curvature, batch) in MODES {
        let _ = writeln!(shown, "{name}: curvature {curvature}, batch {batch}");
        for layer in layers(curvature, batch).iter().rev() {
            for (variable, block) in blocks(layer) {
                let _ = writeln!(shown, "    hess({variable}) = {block}");
            }
        }
    }
    let layers = layers(Curvature::Hessian, Batch::Exact);
    let _ = writeln!(
        shown,
        "\n{}",
        text(&layers[1], Setting::default(), false).unwrap()
    );
    for (_, curvature, batch) in MODES.iter().take(3) {
        let layer = &self::layers(*curvature, *batch)[1];
        let _ = writeln!(shown, "{}", page(layer, Setting::default()).unwrap());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("recursion", shown));
}

/// What the literature writes for a layer `h = W*phi(p) + b` below the pre-activation `p`.
struct Recursion {
    pre_activation: &'static str,
    weight: &'static str,
    bias: &'static str,
}

const S12: Recursion = Recursion {
    // The paper has φ for φ′ in the Jacobian, and b one layer up.
    pre_activation: "(W*diag(phi'(p)))'*hess(h)*(W*diag(phi'(p))) + diag(phi''(p) .* (W'*grad(h)))",
    weight: "phi(p) ⊗ phi(p)' ⊗ hess(h)",
    bias: "hess(h)",
};

/// Botev et al. 2017: the pre-activation Hessian, and the Kronecker factors of the weights.
const KFRA: Recursion = Recursion {
    pre_activation: "(W'*E(hess(h))*W) .* E(phi'(p)*phi'(p)')",
    weight: "E(phi(p)*phi(p)') ⊗ E(hess(h))",
    bias: "E(hess(h))",
};

/// Chen et al. 2018: mean Jacobians, mean activations, and the positive part of the mean second-order term.
const BDA_PCH: Recursion = Recursion {
    pre_activation: "(W*diag(E(phi'(p))))'*E(hess(h))*(W*diag(E(phi'(p)))) + diag(abs(E(phi''(p) .* (W'*grad(h)))))",
    weight: "(E(phi(p))*E(phi(p))') ⊗ E(hess(h))",
    bias: "E(hess(h))",
};

const BDA_PCH_CLIPPED: Recursion = Recursion {
    pre_activation: "(W*diag(E(phi'(p))))'*E(hess(h))*(W*diag(E(phi'(p)))) + diag(relu(E(phi''(p) .* (W'*grad(h)))))",
    weight: "(E(phi(p))*E(phi(p))') ⊗ E(hess(h))",
    bias: "E(hess(h))",
};

/// Every word of a text that is a name of the recursion becomes that of a layer.
fn named(recursion: &str, names: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in recursion.chars().chain([' ']) {
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        let known = names.iter().find(|(name, _)| *name == word);
        out += known.map_or(word.as_str(), |(_, name)| name);
        word.clear();
        out.push(c);
    }
    out
}

#[test]
fn the_schemes_of_the_literature_are_special_cases() {
    let file = file(DEEP);
    for ((name, curvature, batch), recursion) in [
        (MODES[0], S12),
        (MODES[3], KFRA),
        (MODES[4], BDA_PCH),
        (MODES[5], BDA_PCH_CLIPPED),
    ] {
        for (place, layer) in layers(curvature, batch).iter().enumerate().skip(1) {
            let (p, h) = (format!("h{place}"), format!("h{}", place + 1));
            let names = [("p", p.clone()), ("h", h.clone()), ("W", format!("{h}.W"))];
            for (variable, expected) in [
                (p, recursion.pre_activation),
                (format!("{h}.W"), recursion.weight),
                (format!("{h}.b"), recursion.bias),
            ] {
                let derived = blocks(layer).into_iter().find(|(v, _)| *v == variable);
                let claim = |right: String| Claim {
                    module: layer.module.clone(),
                    lets: Vec::new(),
                    left: derived.clone().unwrap().1,
                    right,
                    seed: 5,
                };
                let right = named(expected, &names);
                let verdict = prove(&file, &claim(right.clone()), Rewriter::embedded()).unwrap();
                assert!(
                    matches!(
                        verdict,
                        Verdict::Proved { .. } | Verdict::SameIndexForm { .. }
                    ),
                    "{name} {variable}: {right}\n{verdict:?}"
                );
                // Twice as much is refuted, so that the proof is one of this mode.
                let wrong = claim(format!("2*({right})"));
                let verdict = prove(&file, &wrong, Rewriter::embedded()).unwrap();
                assert!(matches!(verdict, Verdict::Refuted(_)), "{name} {variable}");
            }
        }
    }
}

/// One scheme's recursion is not the other's.
#[test]
fn a_recursion_of_another_scheme_is_refuted() {
    let layer = &layers(Curvature::GaussNewton, Batch::AverageHessian)[1];
    let names = [
        ("p", "h1".to_owned()),
        ("h", "h2".into()),
        ("W", "h2.W".into()),
    ];
    for (variable, other) in [("h1", BDA_PCH.pre_activation), ("h2.W", BDA_PCH.weight)] {
        let (_, left) = blocks(layer)
            .into_iter()
            .find(|(v, _)| v == variable)
            .unwrap();
        let claim = Claim {
            module: layer.module.clone(),
            lets: Vec::new(),
            left,
            right: named(other, &names),
            seed: 5,
        };
        let verdict = prove(&file(DEEP), &claim, Rewriter::embedded()).unwrap();
        assert!(
            matches!(verdict, Verdict::Refuted(_)),
            "{variable}: {verdict:?}"
        );
    }
}
