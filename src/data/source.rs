//! Where data sets lie. Why a type beside the path: a name is looked for in several places, a path in one.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A data set that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownDataset {
    /// The 1,797 digits inside the program.
    Digits,
    /// Zalando's articles of clothing: 60,000 and 10,000 images of 28 × 28.
    FashionMnist,
    /// Handwritten digits: 60,000 and 10,000 images of 28 × 28.
    Mnist,
    /// Krizhevsky's colour images: 50,000 and 10,000 of 3 × 32 × 32.
    Cifar10,
}

impl KnownDataset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Digits, Self::FashionMnist, Self::Mnist, Self::Cifar10];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    /// The folders in which it is looked for, in this order; none for what is inside the program.
    pub fn places(self) -> Vec<PathBuf> {
        let places: &[&str] = match self {
            Self::Digits => &[],
            Self::FashionMnist => &[
                "fashion-mnist",
                "data/fashion-mnist",
                "data/FashionMNIST/raw",
                "/usr/share/datasets/fashion-mnist",
                "/usr/local/share/datasets/fashion-mnist",
            ],
            Self::Mnist => &[
                "mnist",
                "data/mnist",
                "data/MNIST/raw",
                "/usr/share/datasets/mnist",
                "/usr/local/share/datasets/mnist",
            ],
            Self::Cifar10 => &[
                "cifar-10-batches-bin",
                "data/cifar-10-batches-bin",
                "/usr/share/datasets/cifar-10-batches-bin",
                "/usr/local/share/datasets/cifar-10-batches-bin",
            ],
        };
        places.iter().map(PathBuf::from).collect()
    }

    pub(super) fn how_to_get(self) -> &'static str {
        match self {
            Self::Digits => "it is inside the program",
            Self::FashionMnist => {
                "on Debian and its kin: `apt install dataset-fashion-mnist`; else give the folder of its four IDX files: --data DIR"
            }
            Self::Mnist => {
                "`torchvision.datasets.MNIST(\"data\", download=True)` puts its four IDX files into data/MNIST/raw; or give their folder: --data DIR"
            }
            Self::Cifar10 => {
                "unpack cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html here, or give its folder: --data DIR"
            }
        }
    }
}

/// Where samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// A data set by name.
    Known(KnownDataset),
    /// A folder with IDX files or with CIFAR-10 in its binary form.
    Folder(PathBuf),
    /// An NPZ file.
    Npz(PathBuf),
}

/// A known name, or a path: of an NPZ file if it ends in `.npz`, else of a folder. A folder of a known name is `./NAME`.
impl FromStr for DataSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let known = KnownDataset::ALL.into_iter().find(|k| k.name() == text);
        let path = Path::new(text);
        Ok(match known {
            Some(known) => Self::Known(known),
            None if is_npz(path) => Self::Npz(path.to_owned()),
            None => Self::Folder(path.to_owned()),
        })
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => f.write_str(known.name()),
            Self::Folder(path) | Self::Npz(path) => path.display().fmt(f),
        }
    }
}

/// True for a name that ends in `.npz`.
pub(super) fn is_npz(path: &Path) -> bool {
    has_extension(path, "npz")
}

/// True for a name that ends in a dot and `extension`, in whatever letters.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
