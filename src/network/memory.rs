//! What would not fit, refused before any work. Why first: a size is known long before it is too late.

use super::batch::Data;
use super::binding::list;
use super::graph::{Dag, Live, nodes};
use super::module::concrete_shape;
use super::{Message, RunError, RunOptions};
use crate::backend::Element;
use crate::curvature::row_ranges;
use crate::expr::{Shape, Sizes};
use crate::language::{Network, NetworkNode};

/// Refuses blocks that would not fit, before any work. A mean over samples has all its entries in general.
pub(super) fn check_memory<T: Element>(
    network: &Network,
    data: &Data<T>,
    options: &RunOptions,
) -> Result<(), RunError> {
    let has_factors = options.batch.is_average() || options.message == Message::Root;
    if (data.samples == 1 || has_factors) && !options.dense {
        return Ok(());
    }
    let mut total = 0u64;
    for parameter in &network.parameters {
        let (rows, cols) = concrete_shape(&parameter.shape, &data.sizes)?;
        let size = (rows as u64).saturating_mul(cols as u64);
        let bytes = size.saturating_mul(size).saturating_mul(T::BYTES);
        total = total.saturating_add(bytes);
        if bytes > options.limit || total > options.limit {
            let limit = options.limit;
            return Err(RunError::limit(
                format!(
                    "the block of `{}` is a {size} × {size} matrix of {bytes} bytes; with the blocks before it that is above the memory limit of {limit} bytes",
                    parameter.name
                ),
                "use a smaller width, or `--batch average-hessian`, whose blocks keep their factors; so does a single sample without `--dense`",
            ));
        }
    }
    Ok(())
}

/// Refuses more groups of rows than a parameter has rows.
pub(super) fn check_split(
    network: &Network,
    sizes: &Sizes,
    options: &RunOptions,
) -> Result<(), RunError> {
    let Some(parts) = options.split else {
        return Ok(());
    };
    for parameter in &network.parameters {
        let (rows, _) = concrete_shape(&parameter.shape, sizes)?;
        row_ranges(rows, parts)
            .map_err(|error| RunError::from(error).within(&format!("`{}`", parameter.name)))?;
    }
    Ok(())
}

/// Refuses frontiers whose Hessian would not fit. Roots need none.
pub(super) fn check_frontiers<T: Element>(
    network: &Network,
    data: &Data<T>,
    options: &RunOptions,
) -> Result<(), RunError> {
    if options.message == Message::Root {
        return Ok(());
    }
    let all: Vec<&NetworkNode> = nodes(network).collect();
    let name = |live: &Live| match live {
        Live::Node(place) => format!("`{}`", all[*place].name),
        Live::Parameter(name) => format!("`{name}`"),
    };
    let crossings = Dag::new(network).with(options.blocks).crossings();
    for (node, crossing) in all.iter().zip(&crossings).rev() {
        let mut size = 0u64;
        for live in &crossing.together {
            size = size.saturating_add(entries(network, &data.sizes, live)?);
        }
        let bytes = size.saturating_mul(size).saturating_mul(T::BYTES);
        if bytes > options.limit {
            return Err(RunError::limit(
                format!(
                    "below the node `{}` the values {} are live together: their Hessian is a {size} × {size} matrix of {bytes} bytes, above the memory limit of {} bytes",
                    node.name,
                    list(crossing.together.iter().map(name)),
                    options.limit
                ),
                "use smaller widths, share fewer parameters, or write the nodes between as one module",
            ));
        }
    }
    Ok(())
}

/// The number of entries of a value.
pub(super) fn entries(network: &Network, sizes: &Sizes, live: &Live) -> Result<u64, RunError> {
    let shape = match live {
        Live::Node(place) => {
            let module = &network.nodes.get(*place).unwrap_or(&network.loss).module;
            module.graph.shape(module.output.1)
        }
        Live::Parameter(name) => {
            let found = network.parameters.iter().find(|p| p.name == *name);
            found.map_or_else(Shape::scalar, |p| p.shape.clone())
        }
    };
    let (rows, cols) = concrete_shape(&shape, sizes)?;
    Ok((rows as u64).saturating_mul(cols as u64))
}
