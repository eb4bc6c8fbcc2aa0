//! The vectors that come from outside. Why checked like data: a vector of the wrong parameter, or a forgotten one, would
//! come out as a plausible product otherwise.

use super::session::Parameters;
use crate::backend::Element;
use crate::data::Item;
use crate::expr::{Facts, Sizes};
use crate::language::Network;
use crate::network::RunError;
use crate::network::arrays::{Items, Wanted, convert, finite, logical, tuple, value};
use crate::network::binding::list;
use crate::network::error::Faults;
use crate::network::module::concrete_shape;

/// One matrix a parameter that has a vector.
///
/// # Errors
/// When an array is not named like a parameter, not of its shape or not finite, all of them at once; when there is none.
pub(super) fn read<T: Element>(
    network: &Network,
    sizes: &Sizes,
    vectors: &Items,
) -> Result<Parameters<T>, RunError> {
    let names = || list(network.parameters.iter().map(|p| format!("`{}`", p.name)));
    let owner = format!("the network `{}`", network.name);
    let mut faults = Faults::default();
    let mut found = Parameters::new();
    if vectors.is_empty() {
        faults.push(
            "the vector has no array: the product would be zero",
            format!("give one or more of {}, each of its shape", names()),
        );
    }
    for (name, item) in vectors {
        let parameter = network.parameters.iter().find(|p| *p.name == **name);
        let Some(parameter) = parameter else {
            faults.push(
                format!("the vector has an array `{name}`, which is no parameter of {owner}"),
                format!("remove or rename it; the parameters are {}", names()),
            );
            continue;
        };
        let Item::Array(array) = item else {
            faults.push(
                format!("`{name}` of the vector is text, not an array of numbers"),
                format!("the parameter is declared as `{name}: {}`", parameter.shape),
            );
            continue;
        };
        let (rows, cols) = concrete_shape(&parameter.shape, sizes)?;
        if logical(&array.shape, &parameter.shape) != Some((rows, cols)) {
            let expected: &[usize] = match () {
                () if parameter.shape.is_scalar() => &[],
                () if parameter.shape.is_column() => &[rows],
                () => &[rows, cols],
            };
            faults.push(
                format!(
                    "`{name}` of the vector has the shape {}, but the parameter has {}",
                    tuple(&array.shape),
                    tuple(expected)
                ),
                "give every vector the shape of its parameter",
            );
            continue;
        }
        if faults.keep(finite(name, array)).is_none() {
            continue;
        }
        let want = Wanted::new(&parameter.name, &parameter.shape, Facts::default(), false);
        let matrix = value(&want, array, (rows, cols), None);
        let matrix = matrix.and_then(|matrix| convert(name, &matrix));
        if let Some(matrix) = faults.keep(matrix) {
            found.insert(parameter.name.clone(), matrix);
        }
    }
    faults.or(&format!("the vector for {owner}"), Some(found))
}
