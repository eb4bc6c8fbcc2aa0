//! One module on real numbers. Why here: it is a network of one node whose messages come from the data.

use std::collections::BTreeSet;

use super::arrays::{
    Items, Wanted, bind, convert, finite, name_all, outlines, symmetric, take, value,
};
use super::binding::Binding;
use super::blocks::{from_row_major, value_array, write_block};
use super::error::Faults;
use super::pass::{self, Derived, Mode, Upstream, concrete, derived};
use super::prepare::{Definition, sized};
use super::{Precision, RunError, RunOptions, Vectorisation};
use crate::backend::{Element, Inputs, OutputBlock, execute};
use crate::data::Outlines;
use crate::expr::{Facts, Module, Name, Shape, Sizes};
use crate::kernel::{Program, compile_within};
use crate::language::{File, Network};

/// Runs a module: its output, and for every input and parameter `v` the gradient `grad.v` and the block `hess.v`.
///
/// `items` holds every input and parameter by name, and `grad.z` and `hess.z` for the loss gradient and Hessian at
/// the output z, its rows and columns in the order of [`RunOptions::vectorisation`] as those of all blocks. A block with
/// structure is written by its factors unless [`RunOptions::dense`] is set.
///
/// # Errors
/// When an array is missing, not named by the module, of the wrong shape, not finite, or not true to a declared fact;
/// when a dimension stays open; when the module is abstract, cannot be derived, or does not fit the memory limit.
pub fn run_module(module: &Module, items: &Items, options: &RunOptions) -> Result<Items, RunError> {
    concrete(module)?;
    match options.precision {
        Precision::Double => run::<f64>(module, items, options),
        Precision::Single => run::<f32>(module, items, options),
    }
}

/// The compiled program of a module at concrete sizes: output, gradients, blocks.
///
/// # Errors
/// When a dimension has no size, or the module cannot be derived or compiled.
pub(crate) fn program(
    module: &Module,
    sizes: &Sizes,
    options: &RunOptions,
) -> Result<Program, RunError> {
    let all: Vec<Name> = module.variables().cloned().collect();
    let wanted = pass::Asked {
        gradients: all.clone(),
        blocks: all,
        ..pass::Asked::default()
    };
    // Of one sample every mean is itself.
    let mode = Mode::exact(Upstream::Given, options.curvature);
    let Derived {
        graph,
        output,
        backward,
        each,
        ..
    } = derived(module, &wanted, mode, &options.rewriter)?;
    let mut outputs = vec![(module.output.0.to_string(), output)];
    // Of every variable the gradient, then the block.
    let pairs = backward.into_iter().zip(each);
    let wanted = pairs.flat_map(|(gradient, block)| [gradient, block]);
    outputs.extend(wanted.map(|wanted| (wanted.name, wanted.id)));
    Ok(compile_within(&graph, &outputs, sizes, options.limit)?)
}

/// The sizes given by name, if they are all there are.
///
/// # Errors
/// When a dimension has no size, or a size no dimension.
pub(crate) fn named_sizes(needed: &BTreeSet<Name>, sizes: &Sizes) -> Result<Sizes, RunError> {
    Binding::new(sizes).solve(needed)
}

/// The sizes of a module's dimensions by the shapes of arrays.
///
/// # Errors
/// When arrays are missing, not named by the module or of the wrong shape, all of them at once; when a dimension stays
/// open.
pub(crate) fn fit(
    module: &Module,
    outlines: &Outlines,
    options: &RunOptions,
) -> Result<Sizes, RunError> {
    let wanted = wanted(module);
    let owner = format!("the module `{}`", module.name);
    let mut faults = Faults::default();
    let mut binding = Binding::new(&options.sizes);
    for (want, outline) in name_all(&owner, &wanted, outlines, &mut faults) {
        faults.keep(bind(want, &outline.shape, &mut binding));
    }
    let sizes = binding.solve_all(&module.dimensions(), &mut faults);
    faults.or(&owner, sizes)
}

fn run<T: Element>(
    module: &Module,
    items: &Items,
    options: &RunOptions,
) -> Result<Items, RunError> {
    let sizes = fit(module, &outlines(items), options)?;
    let wanted = wanted(module);
    let arrays = take(&wanted, items);
    for (want, array) in &arrays {
        finite(&want.name, array)?;
    }
    let z = &module.output.0;
    let mut inputs: Inputs<T> = Inputs::new();
    for (want, array) in arrays {
        let mut matrix = value(want, array, concrete_shape(&want.shape, &sizes)?, None)?;
        let mut name: Name = want.name.as_str().into();
        if want.name == format!("hess.{z}") {
            symmetric(&want.name, &matrix)?;
            if options.vectorisation == Vectorisation::Row {
                let shape = module.graph.shape(module.output.1);
                matrix = from_row_major(&matrix, concrete_shape(&shape, &sizes)?);
            }
            name = format!("hess({z})").into();
        } else if want.name == format!("grad.{z}") {
            name = format!("grad({z})").into();
        }
        inputs.insert(name, convert(&want.name, &matrix)?);
    }
    let program = program(module, &sizes, options)?;
    let outputs = execute(&program, &inputs)?;
    let mut results = Items::new();
    for (name, block) in outputs.0 {
        write(module, &name, block, &sizes, options, &mut results)?;
    }
    Ok(results)
}

fn write<T: Element>(
    module: &Module,
    name: &str,
    block: OutputBlock<T>,
    sizes: &Sizes,
    options: &RunOptions,
    results: &mut Items,
) -> Result<(), RunError> {
    let declared = |v: &str| module.graph.variables().get(v).map(|v| v.shape.clone());
    let hessian = name.strip_prefix("hess.").and_then(declared);
    if let Some(shape) = hessian {
        let shape = concrete_shape(&shape, sizes)?;
        return write_block(name, block, shape, options, results);
    }
    let gradient = name.strip_prefix("grad.").and_then(declared);
    let shape = gradient.unwrap_or_else(|| module.graph.shape(module.output.1));
    let value = value_array(&block.to_dense(options.limit)?, &shape);
    results.insert(name.to_owned(), value.into());
    Ok(())
}

/// The arrays a module asks for: inputs, parameters, and what arrives at its output.
fn wanted(module: &Module) -> Vec<Wanted> {
    let variables = module.graph.variables();
    let mut wanted: Vec<Wanted> = module
        .variables()
        .filter_map(|name| {
            let variable = variables.get(name)?;
            Some(Wanted::new(name, &variable.shape, variable.facts, false))
        })
        .collect();
    let (z, value) = &module.output;
    let shape = module.graph.shape(*value);
    let square = Shape::matrix(shape.size(), shape.size());
    for (prefix, shape) in [("grad", shape), ("hess", square)] {
        let name: Name = format!("{prefix}.{z}").into();
        wanted.push(Wanted::new(&name, &shape, Facts::default(), false));
    }
    wanted
}

/// A network, and the names, rows and columns of its inputs, targets and parameters.
pub type Declared = (Network, Vec<(Name, usize, usize)>);

/// A network of a file with the names, rows and columns of its inputs, targets and parameters, at the sizes of `options`.
///
/// # Errors
/// When the network is not defined or a dimension has no size.
pub fn declared(file: &File, name: &str, options: &RunOptions) -> Result<Declared, RunError> {
    let sized = sized(file, name, options).map_err(|error| error.located(file));
    let (Definition { network, .. }, sizes, _) = sized?;
    let data = network.inputs.iter().chain(&network.targets);
    let all = data.chain(&network.parameters).map(|value| {
        let (rows, cols) = concrete_shape(&value.shape, &sizes)?;
        Ok((value.name.clone(), rows, cols))
    });
    let all = all.collect::<Result<Vec<_>, RunError>>()?;
    Ok((network, all))
}

/// Rows and columns at concrete sizes.
pub(crate) fn concrete_shape(shape: &Shape, sizes: &Sizes) -> Result<(usize, usize), RunError> {
    shape.evaluate(sizes).ok_or_else(|| {
        RunError::limit(
            format!("the size of {shape} is too large for this machine"),
            "use smaller dimensions",
        )
    })
}
