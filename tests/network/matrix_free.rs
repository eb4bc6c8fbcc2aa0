//! Products with blocks that are never formed, against the blocks.

use hbp::curvature::Operator;
use hbp::hbp::{Batch, Curvature, Message};
use hbp::network::{
    MatrixFreePass, MatrixFreeSession, NetworkPass, RunOptions, Sampling, Step, Task, run_network,
};
use nalgebra::DMatrix;

use super::networks::Chain;
use super::tools::{array, file, matrix};

/// Modules whose blocks have no form for all samples.
const MODULES: &str = "fn swish(t) = t * sigmoid(t)
module cell[m](x: R[n]) -> z: R[m] { param W: R[m, n]\n param b: R[m]\n z = tanh(W*x + b) }
module glu[m](x: R[n]) -> z: R[m] { param U: R[m, n]\n param V: R[m, n]\n z = (U*x) .* swish(V*x) }
module excite[k](x: R[n]) -> z: R[n] { param P: R[k, n]\n param Q: R[n, k]\n z = x .* sigmoid(Q*tanh(P*x)) }
module deep[m, k](x: R[n]) -> z: R[m] { param A: R[m, k]\n param B: R[k, n]\n z = x'*x*(A*sin(B*x)) }
module mean_of[m](x: R[n]) -> z: R { param W: R[m, n]\n z = mean(exp(W*x)) }
";

/// Each with how many blocks, over eleven modes, have products alone; one number a sample has a form, as has what is written out.
const NODES: [(&str, usize); 6] = [
    ("cell[4](e)", 11),
    ("glu[3](e)", 22),
    ("excite[2](e)", 17),
    ("deep[2, 4](e)", 22),
    ("mean_of[3](e)", 11),
    ("cell[1](e)", 0),
];

const SEED: u64 = 9;

fn check(text: &str, options: &RunOptions, samples: usize) -> usize {
    let file = file(text);
    let chain = Chain {
        text: text.to_owned(),
        module: String::new(),
        inputs: (3, 2),
        distribution: false,
    };
    let items = chain.items(&file, samples, 7);
    let options = RunOptions {
        batch_size: samples,
        ..options.clone()
    };
    let what = format!(
        "{} {} {:?}\n{text}",
        options.curvature, options.batch, options.message
    );
    let step = NetworkPass::compile(&file, "n", &Task::Update(Step::default()), &options);
    let pass = MatrixFreePass::of_blocks(&file, "n", &options);
    let pass = pass.unwrap_or_else(|error| panic!("{what}: {error}"));
    // Nothing is left to products that has a form.
    let is_implicit = pass.implicit().next().is_some();
    assert!(!(step.is_ok() && is_implicit), "{what}");
    let mut session: MatrixFreeSession<'_, f64> = MatrixFreeSession::new(&pass);
    pass.load(&mut session, &items).unwrap();
    session.draw(SEED).unwrap();
    session.run().unwrap();
    let whole = RunOptions {
        dense: true,
        ..options
    };
    let network = file.network("n").unwrap();
    let expected = run_network(&file, "n", &items, &whole).unwrap().items;
    let mut products = 0;
    for parameter in &network.parameters {
        let name = &*parameter.name;
        let block = matrix(&array(&expected, &format!("hess.{name}")));
        let gradient = matrix(&array(&expected, &format!("grad.{name}")));
        let own = session.gradient(name).unwrap().unwrap();
        assert!((own - &gradient).amax() < 1e-11, "{what} {name}");
        let size = gradient.len();
        let direction = DMatrix::from_fn(size, 1, |k, _| ((k * 37 + 11) % 17) as f64 / 8.0 - 1.0);
        let image = if let Some(block) = session.hessian(name) {
            Operator::new(&block).unwrap().product(&direction).unwrap()
        } else {
            products += 1;
            let image = session.product(name, direction.as_slice());
            DMatrix::from_vec(size, 1, image.unwrap().unwrap())
        };
        let top = block.amax().max(1e-3);
        let error = (image - block * direction).amax() / top;
        assert!(error < 1e-10, "{what} {name}: off by {error:e}");
    }
    products
}

/// Every module, in every mode in which its blocks have products.
#[test]
fn products_are_those_of_the_blocks() {
    for (node, expected) in NODES {
        let text = format!(
            "{MODULES}network n {{ input x: R[3]\n target y: R[2]\n e = linear[3](x)\n h = {node}\n a = sin(h)\n o = linear[2](a)\n loss square_loss(o, y) }}"
        );
        let mut products = 0;
        for batch in [Batch::AverageHessian, Batch::AverageJacobian] {
            for curvature in [
                Curvature::Hessian,
                Curvature::GaussNewton,
                Curvature::PositiveAbs,
                Curvature::PositiveClip,
            ] {
                let options = RunOptions {
                    curvature,
                    batch,
                    ..super::tools::options()
                };
                products += check(&text, &options, 5);
            }
        }
        // Fewer samples than entries of x.
        let few = RunOptions {
            curvature: Curvature::PositiveAbs,
            batch: Batch::AverageJacobian,
            ..super::tools::options()
        };
        products += check(&text, &few, 2);
        let roots = RunOptions {
            curvature: Curvature::GaussNewton,
            batch: Batch::AverageHessian,
            message: Message::Root,
            ..super::tools::options()
        };
        products += check(&text, &roots, 5);
        let drawn = RunOptions {
            curvature: Curvature::Fisher,
            sampling: Sampling::Drawn {
                targets: 2,
                seed: SEED,
            },
            ..roots
        };
        products += check(&text, &drawn, 5);
        assert_eq!(products, expected, "{node}");
    }
}

/// What takes more memory than there may be is a limit, before anything runs.
#[test]
fn passes_that_do_not_fit_are_refused() {
    let text = format!(
        "{MODULES}network n {{ input x: R[3]\n target y: R[4]\n h = cell[4](x)\n loss square_loss(h, y) }}"
    );
    let options = RunOptions {
        batch: Batch::AverageHessian,
        batch_size: 50,
        limit: 13_500,
        ..super::tools::options()
    };
    let error = MatrixFreePass::of_blocks(&file(&text), "n", &options).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert!(error.to_string().contains("13500 bytes"), "{error}");
}
