//! Single modules.

use hbp::network::run_module;

use super::tools::{agree_all, arrays, case, dense};

const CASES: [&str; 6] = [
    "affine",
    "matrix_residual",
    "squared_norm",
    "swish_gate",
    "two_inputs",
    "unit_length",
];

#[test]
fn the_cases_come_out() {
    for name in CASES {
        let module = case("modules", name).module(name).unwrap();
        let found = run_module(&module, &arrays("modules", name, "in.npz"), &dense())
            .unwrap_or_else(|e| panic!("{name}: {e}; {}", e.help()));
        println!("{name}: {:?}", found.keys().collect::<Vec<_>>());
        agree_all(&found, &arrays("modules", name, "out.npz"), 1e-10);
    }
}
