//! `hbp run`: the compiled passes on real numbers.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use super::now_only;
use super::options::{failed, memory_limit, only_networks, options};
use crate::cli::Exit;
use crate::cli::arguments::Run;
use crate::cli::failure::Failure;
use crate::cli::input::{self, is_stream};
use crate::cli::output::Output;
use crate::cli::source;
use crate::data::{
    Archive, DataError, import_parameters, npz_bytes, read_npz, read_npz_from, write_npz,
};
use crate::language::File;
use crate::network::{
    Estimate, Items, RunOptions, Target, check_arrays, check_product_modes, declared, not_finite,
    product_file, run_file_telling, target,
};

/// So much of standard input is read: the entries an archive may hold, and room for their headers.
const DATA_BYTES: u64 = (crate::data::ENTRY_LIMIT as u64 * 8) + (1 << 24);

/// Reads the arrays, runs, and writes the results whole or not at all.
pub(super) fn run(arguments: &Run, output: &mut Output) -> Result<Exit, Failure> {
    now_only(&arguments.later)?;
    places(arguments)?;
    let file = source::file(&arguments.source.file, output)?;
    let mut options = options(
        &arguments.source,
        &arguments.network,
        &arguments.approximation,
        &arguments.composition,
        &arguments.dims,
        arguments.chance.seed,
        source::rewriter(&arguments.book)?,
    )?;
    only_networks(&options, arguments.composition.compose.is_some(), &file)?;
    options.dense = arguments.dense;
    options.split = arguments.split.map(|parts| parts as usize);
    options.blocks = arguments.blocks.into();
    options.limit = memory_limit(arguments.memory);
    options.precision = arguments.dtype.into();
    options.vectorisation = arguments.vec.into();
    if arguments.vector.is_some() {
        check_product_modes(options.curvature, options.batch).map_err(|e| failed(&e, output))?;
    }
    let items = match &arguments.parameters {
        None => arrays(&file, &arguments.data, &options, output)?,
        Some(path) => {
            let mut items = vectors(&arguments.data)?;
            items.extend(parameters(&file, path, &options, output)?);
            items
        }
    };
    let vectors = arguments.vector.as_deref().map(vectors).transpose()?;
    // Products first: a wrong vector is refused before any block is computed.
    let products = vectors.map(|vectors| product_file(&file, &items, &vectors, &options));
    let products = products.transpose().map_err(|e| failed(&e, output))?;
    let mut tell = |estimate: &Estimate| {
        if estimate.total() > TOLD {
            output.note(&format!("note: {estimate}"));
        }
    };
    let results = run_file_telling(&file, &items, &options, &mut tell);
    let mut results = results.map_err(|e| failed(&e, output))?;
    results.extend(products.into_iter().flatten());
    let named = results.iter().map(|(name, item)| (name.as_str(), item));
    let place = if is_stream(&arguments.out) {
        output.bytes(&npz_bytes(STDOUT, named).map_err(|e| data(&e))?)?;
        STDOUT.to_owned()
    } else {
        write_npz(&arguments.out, named).map_err(|e| data(&e))?;
        arguments.out.display().to_string()
    };
    let bad = not_finite(&results);
    if !bad.is_empty() {
        output.note(&format!(
            "warning: {} not finite: {}",
            if bad.len() == 1 {
                "one result is"
            } else {
                "some results are"
            },
            bad.join(", ")
        ));
    }
    let plural = if results.len() == 1 { "" } else { "s" };
    output.note(&format!(
        "{} array{plural} written to {place}",
        results.len()
    ));
    Ok(Exit::Done)
}

/// A run that takes more bytes than this says so before it begins.
const TOLD: u64 = 1 << 28;

const STDOUT: &str = "standard output";

/// The arrays of a file or of standard input. Names and shapes are checked before any entry is read.
fn arrays(
    file: &File,
    path: &Path,
    options: &RunOptions,
    output: &Output,
) -> Result<Items, Failure> {
    if is_stream(path) {
        let bytes = input::bytes(path, DATA_BYTES)?;
        let archive =
            Archive::from_reader(Cursor::new(bytes), &input::name(path)).map_err(|e| data(&e))?;
        return checked(archive, file, options, output);
    }
    let archive = Archive::open(path).map_err(|e| data(&e))?;
    checked(archive, file, options, output)
}

/// The parameters of a network from a file of another program.
fn parameters(
    file: &File,
    path: &Path,
    options: &RunOptions,
    output: &Output,
) -> Result<Items, Failure> {
    let name = match target(file, options).map_err(|e| failed(&e, output))? {
        Target::Network(name) => name,
        Target::Module(name) => {
            return Err(Failure::bad_input(
                format!("`{name}` is a module: --parameters are a network's"),
                "give the arrays of a module with --data",
            ));
        }
    };
    let (network, shapes) = declared(file, &name, options).map_err(|e| failed(&e, output))?;
    let own = network.parameters.iter().filter_map(|parameter| {
        let (name, rows, cols) = shapes.iter().find(|(name, ..)| *name == parameter.name)?;
        let shape = match (parameter.shape.is_scalar(), parameter.shape.is_column()) {
            (true, _) => vec![],
            (false, true) => vec![*rows],
            (false, false) => vec![*rows, *cols],
        };
        Some((name.to_string(), shape))
    });
    let own: Vec<(String, Vec<usize>)> = own.collect();
    let expected = own
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()));
    let found = import_parameters(path, &expected.collect::<Vec<_>>()).map_err(|e| data(&e))?;
    let items = found.into_iter();
    Ok(items.map(|(name, array)| (name, array.into())).collect())
}

/// The vectors of a file or of standard input; they are checked where the parameters are known.
fn vectors(path: &Path) -> Result<Items, Failure> {
    let read = if is_stream(path) {
        let bytes = input::bytes(path, DATA_BYTES)?;
        read_npz_from(Cursor::new(bytes), &input::name(path))
    } else {
        read_npz(path)
    };
    read.map_err(|e| data(&e))
}

fn checked<R: Read + Seek>(
    archive: Archive<R>,
    file: &File,
    options: &RunOptions,
    output: &Output,
) -> Result<Items, Failure> {
    check_arrays(file, archive.outlines(), options).map_err(|e| failed(&e, output))?;
    archive.read().map_err(|e| data(&e))
}

/// Refuses places that would destroy what is read, or that can hold one thing only.
fn places(arguments: &Run) -> Result<(), Failure> {
    let (file, out) = (&arguments.source.file, &arguments.out);
    let mut inputs = vec![("FILE", file), ("--data", &arguments.data)];
    inputs.extend(arguments.vector.iter().map(|path| ("--vector", path)));
    let streams = inputs.iter().filter(|(_, path)| is_stream(path));
    let streams: Vec<&str> = streams.map(|(name, _)| *name).collect();
    if let [first, second, ..] = streams.as_slice() {
        return Err(Failure::bad_input(
            format!("standard input cannot be both {first} and {second}"),
            "give the path of one of them",
        ));
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if !is_stream(file) && !is_stream(out) && real(out).is_some_and(|out| Some(out) == real(file)) {
        return Err(Failure::bad_input(
            format!("--out {} is the file that is run", out.display()),
            "write to another file, as in --out out.npz",
        ));
    }
    Ok(())
}

fn data(error: &DataError) -> Failure {
    Failure::bad_input(&error.message, &error.help)
}
