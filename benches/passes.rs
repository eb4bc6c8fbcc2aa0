//! Times of whole passes on seeded data: `cargo bench --bench passes`. Why beside `hbp bench`: the same networks every time, the
//! paper's and one of an eighth of its widths, to be watched while the code changes.

use hbp::language::parse;
use hbp::network::{
    Batch, Curvature, Message, NetworkPass, RunOptions, Session, Task, seeded_arrays,
};

fn main() {
    divan::main();
}

/// The paper's network with all but its smallest widths divided, and its batch.
struct Network {
    divisor: usize,
    samples: usize,
}

const NETWORKS: [Network; 2] = [
    Network {
        divisor: 8,
        samples: 64,
    },
    Network {
        divisor: 1,
        samples: 500,
    },
];

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (inputs, samples) = (3072 / self.divisor, self.samples);
        write!(f, "{inputs} inputs, {samples} samples")
    }
}

impl Network {
    fn text(&self) -> String {
        let widths = [1024, 512, 256, 128, 64, 32, 16].map(|width| (width / self.divisor).max(16));
        let mut lines = vec![format!("input x: R[{}]", 3072 / self.divisor)];
        lines.push("target y: R[10]".to_owned());
        let mut last = "x".to_owned();
        for (layer, width) in widths.iter().enumerate() {
            lines.push(format!("h{layer} = linear[{width}]({last})"));
            lines.push(format!("a{layer} = sigmoid(h{layer})"));
            last = format!("a{layer}");
        }
        lines.push(format!("z = linear[10]({last})"));
        lines.push("loss softmax_cross_entropy(z, y)".to_owned());
        format!("network n {{\n{}\n}}", lines.join("\n"))
    }
}

/// A pass with its modes.
struct Pass(Task, Batch, Curvature, Message);

fn run(bencher: divan::Bencher, network: &Network, pass: Pass) {
    let Pass(task, batch, curvature, message) = pass;
    let file = parse("n.hbp", &network.text()).expect("well formed");
    let options = RunOptions {
        batch_size: network.samples,
        batch,
        curvature,
        message,
        ..RunOptions::default()
    };
    let pass = NetworkPass::compile(&file, "n", &task, &options).expect("one program");
    let data = seeded_arrays(&file, "n", &options, 0).expect("small");
    let mut session: Session<f32> = Session::new(&pass);
    data.fill(&mut session);
    bencher.bench_local(|| session.run());
}

#[divan::bench(args = NETWORKS)]
fn gradient(bencher: divan::Bencher, network: &Network) {
    let (batch, curvature) = (Batch::AverageJacobian, Curvature::GaussNewton);
    let pass = Pass(Task::Gradient, batch, curvature, Message::Hessian);
    run(bencher, network, pass);
}

#[divan::bench(args = NETWORKS)]
fn average_jacobian(bencher: divan::Bencher, network: &Network) {
    let (batch, curvature) = (Batch::AverageJacobian, Curvature::PositiveAbs);
    let pass = Pass(Task::Curvature, batch, curvature, Message::Hessian);
    run(bencher, network, pass);
}

#[divan::bench(args = NETWORKS)]
fn average_hessian(bencher: divan::Bencher, network: &Network) {
    let (batch, curvature) = (Batch::AverageHessian, Curvature::PositiveAbs);
    let pass = Pass(Task::Curvature, batch, curvature, Message::Hessian);
    run(bencher, network, pass);
}

#[divan::bench(args = NETWORKS)]
fn kflr(bencher: divan::Bencher, network: &Network) {
    let (batch, curvature) = (Batch::AverageHessian, Curvature::GaussNewton);
    run(
        bencher,
        network,
        Pass(Task::Curvature, batch, curvature, Message::Root),
    );
}
