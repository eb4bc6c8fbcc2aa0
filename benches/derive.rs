//! Time to derive and simplify a module, the rule book loaded. Why these: S.11 must stay within 10 ms, modules of the
//! size of a gated unit or of layer normalisation within 50 ms. `cargo bench --bench derive`.

use hbp::expr::Module;
use hbp::{Report, Request, Rewriter};

fn main() {
    // Rules are read once per process.
    Rewriter::embedded();
    divan::main();
}

fn module(text: &str) -> Module {
    let file = hbp::parse("bench.hbp", text).expect("an example of ours");
    file.module(&file.modules()[0]).expect("defined there")
}

fn derive(bencher: divan::Bencher<'_, '_>, text: &str) {
    let module = module(text);
    let request = Request::default();
    bencher.bench(|| {
        hbp::derive(
            divan::black_box(&module),
            &request,
            Rewriter::embedded(),
            &mut Report::default(),
        )
    });
}

#[divan::bench]
fn composite(bencher: divan::Bencher<'_, '_>) {
    derive(bencher, include_str!("../examples/composite.hbp"));
}

#[divan::bench]
fn gated(bencher: divan::Bencher<'_, '_>) {
    derive(bencher, include_str!("../examples/gated.hbp"));
}

#[divan::bench]
fn layer_norm(bencher: divan::Bencher<'_, '_>) {
    derive(bencher, include_str!("../examples/layer_norm.hbp"));
}

#[divan::bench]
fn attention(bencher: divan::Bencher<'_, '_>) {
    derive(bencher, include_str!("../examples/attention.hbp"));
}
