//! What is refused because of sizes, modes and graphs, and which definition of a file is meant.

use hbp::data::Item;
use hbp::network::{Batch, Curvature, RunOptions, plan_file, run_file};

use super::refusing::{AFFINE, NET, affine, check, net, refused, says};
use super::tools::{file, given};

#[test]
fn dimensions_that_stay_open() {
    let text = "module m[k](x: R[n]) -> z: R[n] { z = x * (sum(ones(k)) + k) }";
    let items = given(&[
        ("x", &[2], &[1.0, 2.0]),
        ("grad.z", &[2], &[1.0, 1.0]),
        ("hess.z", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
    ]);
    check(text, &items, &["`k`", "does not follow"], "--dims k=4");
    let sized = |name: &str, size| RunOptions {
        sizes: [(name.into(), size)].into(),
        ..RunOptions::default()
    };
    let found = run_file(&file(text), &items, &sized("k", 5)).unwrap();
    assert_eq!(found["z"].array().unwrap().values, [10.0, 20.0]);
    says(
        &refused(text, &items, &sized("q", 5)),
        &["--dims q=5"],
        "`k`, `n`",
    );
    says(
        &refused(AFFINE, &affine(), &sized("n", 4)),
        &["`x` is 3", "n = 4 by `--dims`"],
        "agree",
    );
    let net = NET.replace("x: R[2]", "x: R[k]");
    says(
        &refused(&net, &self::net(), &sized("q", 5)),
        &["--dims q=5", "`net`"],
        "`k`",
    );
    says(
        &plan_file(&file(AFFINE), &sized("n", 4)).unwrap_err(),
        &["`m`"],
        "--dims m=4",
    );
}

#[test]
fn sizes_by_products() {
    let text = "module m(x: R[n*n]) -> z: R { z = sum(reshape(x, n, n) * reshape(x, n, n)) }";
    let items = |n: usize| {
        let (mut items, values) = (
            given(&[("grad.z", &[], &[1.0]), ("hess.z", &[1, 1], &[0.0])]),
            vec![1.0; n],
        );
        items.extend(given(&[("x", &[n], &values)]));
        items
    };
    let found = run_file(&file(text), &items(9), &RunOptions::default()).unwrap();
    assert_eq!(found["z"].array().unwrap().values, [27.0]);
    check(text, &items(8), &["`x` is 8", "`n`", "n*n"], "that form");
}

#[test]
fn abstract_functions() {
    let text = "fn phi(t)\nmodule m(x: R[n]) -> z: R[n] { z = phi(x) }";
    check(
        text,
        &affine(),
        &["`phi`", "`m`", "abstract"],
        "fn phi(t) = tanh(t)",
    );
    says(
        &plan_file(&file(text), &RunOptions::default()).unwrap_err(),
        &["`phi`", "abstract"],
        "fn phi(t)",
    );
    let net = "fn phi(t)\nnetwork net { input x: R[2]\n target y: R[2]\n h = linear[2](x)\n a = phi(h)\n loss square_loss(a, y) }";
    check(
        net,
        &self::net(),
        &["`a`", "`phi`", "abstract"],
        "fn phi(t)",
    );
}

#[test]
fn modes_of_other_versions() {
    let error = "newton".parse::<Curvature>().unwrap_err().to_string();
    for part in ["`newton`", "--curvature", "pch-abs"] {
        assert!(error.contains(part), "{error}");
    }
    let error = "all".parse::<Batch>().unwrap_err().to_string();
    for part in ["`all`", "--batch", "average-jacobian"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_does_not_fit_memory() {
    let options = RunOptions {
        limit: 1 << 20,
        ..RunOptions::default()
    };
    let text = "network net { input x: R[50]\n target y: R[10]\n h = linear[10](x)\n loss square_loss(h, y) }";
    let items = |b: usize| {
        given(&[
            ("x", &[b, 50], &vec![0.5; b * 50]),
            ("y", &[b, 10], &vec![0.5; b * 10]),
            ("h.W", &[10, 50], &[0.1; 500]),
            ("h.b", &[10], &[0.1; 10]),
        ])
    };
    let error = refused(text, &items(2), &options);
    assert!(error.is_limit());
    says(
        &error,
        &["`h.W`", "500 × 500", "2000000 bytes", "1048576"],
        "smaller width",
    );
    // One sample's block stays in factors.
    let found = run_file(&file(text), &items(1), &options).unwrap();
    assert_eq!(found["hess.h.W.structure"], Item::Text("kronecker".into()));
    assert!(
        refused(
            text,
            &items(1),
            &RunOptions {
                dense: true,
                ..options
            }
        )
        .is_limit()
    );
}

#[test]
fn which_definition_is_meant() {
    let two = "module a(x: R) -> z: R { z = x * x }\nmodule b(x: R) -> z: R { z = exp(x) }";
    check(two, &affine(), &["test.hbp", "2 modules"], "--module a");
    check(
        &format!("{NET}\n{}", NET.replace("net {", "other {")),
        &net(),
        &["2 networks"],
        "--network net",
    );
    check(
        "fn f(t) = t",
        &net(),
        &["neither a network nor a module"],
        "define one",
    );
    let chosen = |module: Option<&str>, network: Option<&str>| RunOptions {
        module: module.map(Into::into),
        network: network.map(Into::into),
        ..RunOptions::default()
    };
    says(
        &refused(two, &affine(), &chosen(Some("c"), None)),
        &["`c`", "test.hbp"],
        "a, b",
    );
    says(
        &refused(NET, &net(), &chosen(None, Some("c"))),
        &["`c`", "test.hbp"],
        "net",
    );
    let items = given(&[
        ("x", &[], &[3.0]),
        ("grad.z", &[1], &[1.0]),
        ("hess.z", &[], &[0.0]),
    ]);
    let found = run_file(&file(two), &items, &chosen(Some("a"), None)).unwrap();
    assert_eq!(found["grad.x"].array().unwrap().values, [6.0]);
    // A network comes before the modules it is made of.
    run_file(
        &file(&format!("{two}\n{NET}")),
        &net(),
        &RunOptions::default(),
    )
    .unwrap();
}

/// What is handed down to a node, or one kernel's output, is refused before anything is computed.
#[test]
fn messages_that_do_not_fit_memory() {
    let options = RunOptions {
        limit: 1 << 20,
        ..RunOptions::default()
    };
    let text = "network net { input x: R[2]\n target y: R[1]\n h = linear[400](x)\n a = tanh(h)\n k = linear[1](a)\n loss square_loss(k, y) }";
    let items = given(&[
        ("x", &[1, 2], &[0.5; 2]),
        ("y", &[1, 1], &[0.5]),
        ("h.W", &[400, 2], &[0.1; 800]),
        ("h.b", &[400], &[0.1; 400]),
        ("k.W", &[1, 400], &[0.1; 400]),
        ("k.b", &[1], &[0.1]),
    ]);
    let error = refused(text, &items, &options);
    assert!(error.is_limit(), "{error}");
    says(&error, &["`h`", "400 × 400"], "use smaller dimensions");
    let wide = "network net { input x: R[100000]\n target y: R[4]\n h = linear[100000](x)\n a = tanh(h)\n k = linear[4](a)\n loss square_loss(k, y) }";
    let error = plan_file(&file(wide), &RunOptions::default()).unwrap_err();
    assert!(error.is_limit(), "{error}");
    says(
        &error,
        &["`h`", "10000000000 × 10000000000", "count"],
        "use smaller dimensions",
    );
}
