//! Parameters in files: PyTorch's own, our own, and those of another network.

use std::path::{Path, PathBuf};

use hbp::data::{
    Array, DataError, Kind, Metadata, export_names, export_parameters, import_parameters,
    read_safetensors, write_npz, write_safetensors,
};
use hbp::expr::Matrix;
use indexmap::IndexMap;
use proptest::prelude::*;

use crate::files::refused;

type Expected = [(&'static str, &'static [usize])];

/// The network of `fixtures/write.py`, as `linear` declares it.
const MLP: &Expected = &[
    ("h1.W", &[4, 3]),
    ("h1.b", &[4]),
    ("h2.W", &[3, 4]),
    ("h2.b", &[3]),
    ("h3.W", &[2, 3]),
    ("h3.b", &[2]),
];

pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/data/fixtures").join(name)
}

/// What `named(x)` is in `fixtures/write.py`.
fn answer(parameters: &IndexMap<String, Array>, x: &Matrix<f64>) -> Matrix<f64> {
    let value = |name: &str, rows, cols| parameters[name].to_matrix(rows, cols).unwrap();
    let affine = |node: &str, x: &Matrix<f64>, m| {
        let product = value(&format!("{node}.W"), m, x.rows()).times(x).unwrap();
        product.plus(&value(&format!("{node}.b"), m, 1)).unwrap()
    };
    let sigmoid = |x: &Matrix<f64>| x.map(|t| 1.0 / (1.0 + (-t).exp()));
    let first = sigmoid(&affine("h1", x, 4));
    affine("h3", &sigmoid(&affine("h2", &first, 3)), 2)
}

#[test]
fn parameters_of_pytorch_give_its_answers() {
    let from_tensors = import_parameters(&fixture("mlp.safetensors"), MLP).unwrap();
    let from_arrays = import_parameters(&fixture("mlp.npz"), MLP).unwrap();
    assert_eq!(from_tensors, from_arrays);
    let names: Vec<&str> = from_tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["h1.W", "h1.b", "h2.W", "h2.b", "h3.W", "h3.b"]);
    // What the script prints: the second row of `h1.weight` and its bias.
    let first = &from_tensors["h1.W"];
    assert_eq!((&first.shape[..], first.kind), (&[4, 3][..], Kind::Float32));
    assert_eq!(first.values[3..6], [0.921_875, 0.234_375, -0.765_625]);
    assert_eq!(
        from_tensors["h1.b"].values,
        [0.3125, -0.203_125, 0.609_375, 0.953_125]
    );
    let (asked, _) = read_safetensors(&fixture("answer.safetensors")).unwrap();
    for sample in 0..2 {
        let x = Matrix::vector(asked["x"].sample(sample).unwrap().values);
        let y = Matrix::vector(asked["y"].sample(sample).unwrap().values);
        assert!(
            answer(&from_tensors, &x).distance(&y) < 1e-14,
            "sample {sample}"
        );
    }
    let (_, metadata) = read_safetensors(&fixture("mlp.safetensors")).unwrap();
    assert_eq!(metadata, Metadata::from([("format".into(), "pt".into())]));
}

#[test]
fn names_are_those_of_pytorch_unless_they_are_taken() {
    for (own, exported) in [
        (
            &["h1.W", "h1.b", "s.s", "n.weight", "n.bias"][..],
            &["h1.weight", "h1.bias", "s.s", "n.weight", "n.bias"][..],
        ),
        (
            &["n.W", "n.weight", "m.W"],
            &["n.W", "n.weight", "m.weight"],
        ),
        (
            &["W", "b", "K", "a.b.W", "W.x"],
            &["W", "b", "K", "a.b.weight", "W.x"],
        ),
        (&[], &[]),
    ] {
        assert_eq!(export_names(own), exported);
    }
}

fn refusal(arrays: &[(&str, Array)], expected: &[(&str, &[usize])]) -> DataError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.safetensors");
    write_safetensors(
        &path,
        arrays.iter().map(|(name, array)| (*name, array)),
        &Metadata::new(),
    )
    .unwrap();
    import_parameters(&path, expected).unwrap_err()
}

#[test]
fn parameters_of_another_network_are_refused_with_names_and_shapes() {
    let ones =
        |shape: &[usize]| Array::new(shape.to_vec(), vec![1.0; shape.iter().product()]).unwrap();
    let integers = ones(&[2]).with_kind(Kind::Integer);
    let nan = Array::new(vec![2], vec![1.0, f64::NAN]).unwrap();
    let wanted: &Expected = &[("h.W", &[2, 3]), ("h.b", &[2])];
    for (arrays, message, help) in [
        (
            vec![("h.W", ones(&[2, 3]))],
            "lacks `h.b` (or `h.bias`)",
            "NODE.bias",
        ),
        (
            vec![
                ("0.weight", ones(&[2, 3])),
                ("h.bias", ones(&[2])),
                ("z", ones(&[1])),
            ],
            "lacks `h.W` (or `h.weight`), and holds `0.weight`, `z`, which this",
            "meant: `0.weight` (2, 3) as `h.weight`",
        ),
        (
            vec![
                ("h.W", ones(&[2, 3])),
                ("h.b", ones(&[2])),
                ("h.c", ones(&[2])),
            ],
            "` holds `h.c`, which",
            "nothing else",
        ),
        (
            vec![
                ("h.W", ones(&[2, 3])),
                ("h.weight", ones(&[2, 3])),
                ("h.b", ones(&[2])),
            ],
            "holds `h.W` and `h.weight`",
            "one of",
        ),
        (
            vec![("h.weight", ones(&[3, 2])), ("h.bias", ones(&[1, 2]))],
            "`h.weight` has the shape (3, 2), wanted is (2, 3); `h.bias` has the shape (1, 2), wanted is (2,)",
            "shapes it declares",
        ),
        (
            vec![("h.weight", ones(&[2, 3])), ("h.bias", integers)],
            "`h.bias` holds integers",
            "floating-point",
        ),
        (
            vec![("h.weight", ones(&[2, 3])), ("h.bias", nan)],
            "`h.bias` holds NaN at entry 1",
            "floating-point",
        ),
    ] {
        refused(&refusal(&arrays, wanted), message, help);
    }
    // The layers of a `Sequential` are numbered; the help says which may be meant.
    let error = import_parameters(&fixture("numbered.safetensors"), MLP).unwrap_err();
    refused(
        &error,
        "holds `0.bias`, `0.weight`, `2.bias`",
        "`0.weight` (4, 3) as `h1.weight`, `0.bias` (4,) as `h1.bias`, `2.weight` (3, 4) as",
    );
    for name in ["model.pt", "model", "."] {
        let error = import_parameters(Path::new(name), MLP).unwrap_err();
        refused(
            &error,
            "ends neither in .safetensors nor in .npz",
            "pickled",
        );
        assert!(export_parameters(Path::new(name), &IndexMap::new(), &Metadata::new()).is_err());
    }
    let error = import_parameters(Path::new("no/such.safetensors"), MLP).unwrap_err();
    refused(
        &error,
        "cannot read `no/such.safetensors`: ",
        ".safetensors file",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write_npz(&path, [("h.W", &"word".into())]).unwrap();
    refused(
        &import_parameters(&path, wanted).unwrap_err(),
        "`h.W` in `",
        "alone",
    );
}

proptest! {
    /// What is exported is imported, under either spelling and from either form.
    #[test]
    fn parameters_come_back_as_they_were(
        (m, n) in (1_usize..5, 1_usize..5),
        values in prop::collection::vec(-1e300_f64..1e300, 25),
        npz: bool,
        own: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if npz { "p.npz" } else { "p.safetensors" });
        let weight = Array::new(vec![m, n], values[..m * n].to_vec()).unwrap();
        let bias = Array::new(vec![m], values[25 - m..].to_vec()).unwrap();
        let slope = Array::scalar(values[0]);
        let parameters = IndexMap::from([
            ("h.W".to_owned(), weight),
            ("h.b".to_owned(), bias),
            ("a.slope".to_owned(), slope),
        ]);
        if own {
            let items: Vec<_> = parameters.iter().map(|(name, array)| (name.as_str(), array.clone().into())).collect();
            if npz {
                write_npz(&path, items.iter().map(|(name, item)| (*name, item))).unwrap();
            } else {
                write_safetensors(&path, parameters.iter().map(|(n, a)| (n.as_str(), a)), &Metadata::new()).unwrap();
            }
        } else {
            export_parameters(&path, &parameters, &Metadata::new()).unwrap();
        }
        let expected: &[(&str, &[usize])] = &[("h.W", &[m, n]), ("h.b", &[m]), ("a.slope", &[])];
        prop_assert_eq!(import_parameters(&path, expected).unwrap(), parameters);
    }
}
