//! Products with a vector from the command line.

use hbp::data::{Array, Item, npz_bytes, read_npz};

use super::hbp;

const NETWORK: &str =
    "network n { input x: R[1]\n target y: R[1]\n h = linear[1](x)\n loss square_loss(h, y) }";

fn archive(arrays: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    let item = |shape: &[usize], values: &[f64]| {
        Item::Array(Array::new(shape.to_vec(), values.to_vec()).unwrap())
    };
    let items: Vec<(&str, Item)> = arrays.iter().map(|(n, s, v)| (*n, item(s, v))).collect();
    npz_bytes("a.npz", items.iter().map(|(name, item)| (*name, item))).unwrap()
}

#[test]
fn a_product_is_added_to_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("n.hbp"), NETWORK).unwrap();
    let data = archive(&[
        ("x", &[2, 1], &[1.0, 3.0]),
        ("y", &[2, 1], &[0.0, 0.0]),
        ("h.W", &[1, 1], &[1.0]),
        ("h.b", &[1], &[0.0]),
    ]);
    std::fs::write(path("in.npz"), data).unwrap();
    std::fs::write(path("v.npz"), archive(&[("h.W", &[1, 1], &[1.0])])).unwrap();
    let run = |file: &str, vector: &str, options: &[&str], input: &[u8]| {
        let (file, data, out) = (path(file), path("in.npz"), path("out.npz"));
        let run = [
            "run", &file, "--data", &data, "--out", &out, "--vector", vector,
        ];
        hbp(&[&run[..], options].concat(), input)
    };
    for curvature in ["hessian", "ggn", "fisher"] {
        let answer = run("n.hbp", &path("v.npz"), &["--curvature", curvature], b"");
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (0, ""),
            "{}",
            answer.err
        );
        let out = read_npz(std::path::Path::new(&path("out.npz"))).unwrap();
        // 2 E[x²], 2 E[x]
        for (name, expected) in [("product.h.W", 10.0), ("product.h.b", 4.0)] {
            assert_eq!(out[name].array().unwrap().values, [expected], "{curvature}");
        }
        assert!(out.contains_key("hess.h.b"), "{:?}", out.keys());
    }
    // The vector on standard input.
    let vector = archive(&[("h.b", &[1], &[1.0])]);
    assert_eq!(run("n.hbp", "-", &[], &vector).code, 0);
    std::fs::remove_file(path("out.npz")).unwrap();
    let wrong = archive(&[("h.W", &[2, 1], &[1.0, 1.0]), ("k.W", &[1], &[1.0])]);
    for (vector, options, input, parts) in [
        (
            path("v.npz"),
            &["--curvature", "pch-abs"][..],
            &b""[..],
            &["no product with --curvature pch-abs", "help: "][..],
        ),
        (
            path("v.npz"),
            &["--batch", "average-hessian"],
            b"",
            &["no product with --batch average-hessian", "help: "],
        ),
        (path("none.npz"), &[], b"", &["none.npz", "help: "]),
        (path("n.hbp"), &[], b"", &["n.hbp", "help: "]),
        (
            path("in.npz"),
            &[],
            b"",
            &[
                "2 things are wrong",
                "`x`, which is no parameter",
                "`h.W`, `h.b`",
            ],
        ),
        (
            "-".to_owned(),
            &[],
            &wrong,
            &["has the shape (2, 1), but the parameter has ()", "`k.W`"],
        ),
        ("-".to_owned(), &[], &archive(&[]), &["has no array"]),
    ] {
        let answer = run("n.hbp", &vector, options, input);
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (2, ""),
            "{}",
            answer.err
        );
        for part in parts {
            assert!(answer.err.contains(part), "{part}\n{}", answer.err);
        }
        assert!(!std::path::Path::new(&path("out.npz")).exists());
    }
    let (data, out) = (path("in.npz"), path("out.npz"));
    let both = ["run", "-", "--data", &data, "--out", &out, "--vector", "-"];
    let answer = hbp(&both, NETWORK.as_bytes());
    assert_eq!(answer.code, 2);
    assert!(
        answer.err.contains("both FILE and --vector"),
        "{}",
        answer.err
    );
}

/// A module has no loss.
#[test]
fn modules_have_no_products() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("s.hbp"), "module s(x: R) -> z: R { z = x*x }").unwrap();
    let data = archive(&[
        ("x", &[], &[3.0]),
        ("grad.z", &[], &[1.0]),
        ("hess.z", &[], &[0.0]),
    ]);
    std::fs::write(path("in.npz"), data).unwrap();
    let (file, data, out) = (path("s.hbp"), path("in.npz"), path("out.npz"));
    let answer = hbp(
        &[
            "run", &file, "--data", &data, "--out", &out, "--vector", "-",
        ],
        &archive(&[("x", &[], &[1.0])]),
    );
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("`s` is a module"), "{}", answer.err);
}
