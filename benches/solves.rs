//! Times of the update of Eq. 8 inside a pass, by each way to solve: `cargo bench --bench solves`.
//! Why inside a pass: what a step does not use, such as the gradient of a weight in batch space, is then not formed, either.

use hbp::network::{
    Batch, Curvature, NetworkPass, RunOptions, Session, Solver, Step, Task, seeded_arrays,
};

fn main() {
    divan::main();
}

const TEXT: &str = "network n { input x: R[512]\n target y: R[10] distribution\n a = linear[256](x)\n b = sigmoid(a)
    c = linear[128](b)\n d = sigmoid(c)\n o = linear[10](d)\n loss softmax_cross_entropy(o, y) }";

fn update(bencher: divan::Bencher, batch: Batch, solver: Solver) {
    let file = hbp::language::parse("n.hbp", TEXT).expect("no errors");
    let options = RunOptions {
        batch,
        curvature: Curvature::PositiveAbs,
        batch_size: 100,
        ..RunOptions::default()
    };
    let task = Task::Update(Step {
        solver,
        ..Step::default()
    });
    let pass = NetworkPass::compile(&file, "n", &task, &options).expect("one program");
    let data = seeded_arrays(&file, "n", &options, 0).expect("a network");
    let mut session: Session<'_, f32> = Session::new(&pass);
    data.fill(&mut session);
    bencher.bench_local(|| session.run());
}

#[divan::bench]
fn exact_rank_one(bencher: divan::Bencher) {
    update(bencher, Batch::AverageJacobian, Solver::Exact);
}

#[divan::bench]
fn exact_eigenbases(bencher: divan::Bencher) {
    update(bencher, Batch::AverageHessian, Solver::Exact);
}

#[divan::bench]
fn conjugate_gradients(bencher: divan::Bencher) {
    update(
        bencher,
        Batch::AverageHessian,
        Solver::conjugate_gradients(),
    );
}
