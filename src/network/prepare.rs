//! The modules of a network made ready to run. Why keyed by content: two layers of one shape are one module, whatever
//! they are called, and are compiled once; two of any shapes are derived once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::Instant;

use super::compiled::{Pass, Preparation, compiled};
use super::compose::compose;
use super::generic::generic;
use super::graph::{Crossing, Dag, Live, nodes};
use super::pass::{Asked, Derived, Mode, Upstream, concrete, derived};
use super::programs::Bounds;
use super::{Message, RunError, RunOptions, Sampling};
use crate::expr::{Distribution, FunctionDefinition, Id, Module, Name, Op, Sizes};
use crate::hbp::Curvature;
use crate::language::{File, Network};

/// A network with the dimensions that data must bind.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) network: Network,
    pub(crate) dimensions: BTreeSet<Name>,
}

/// Reads a network and refuses what cannot be run.
pub(crate) fn define(
    file: &File,
    name: &str,
    options: &RunOptions,
) -> Result<Definition, RunError> {
    let network = file.network_at(name, &options.sizes)?;
    let network = compose(&network, &options.grouping, &options.rewriter)?;
    let dimensions = dimensions(&network);
    check_sizes(file, name, &dimensions, options)?;
    for node in nodes(&network) {
        concrete(&node.module).map_err(|error| error.within(&format!("`{}`", node.name)))?;
    }
    Ok(Definition {
        network,
        dimensions,
    })
}

fn dimensions(network: &Network) -> BTreeSet<Name> {
    let declared = network
        .inputs
        .iter()
        .chain(&network.targets)
        .chain(&network.parameters);
    let mut names: BTreeSet<Name> = declared
        .flat_map(|value| [value.shape.rows.names(), value.shape.cols.names()])
        .flatten()
        .collect();
    for node in nodes(network) {
        names.extend(node.module.dimensions());
    }
    names
}

/// Refuses a size for a name that is no dimension; where the text alone leaves dimensions open, the names are not
/// known, and nothing can be said.
fn check_sizes(
    file: &File,
    name: &str,
    open: &BTreeSet<Name>,
    options: &RunOptions,
) -> Result<(), RunError> {
    if options.sizes.is_empty() {
        return Ok(());
    }
    let Ok(network) = file.network(name) else {
        return Ok(());
    };
    let mut known = dimensions(&network);
    known.extend(open.iter().cloned());
    for (given, size) in &options.sizes {
        if !known.contains(given) {
            let names = super::binding::list(known.iter().map(|n| format!("`{n}`")));
            let help = if known.is_empty() {
                "all sizes stand in its text".to_owned()
            } else {
                format!("its dimensions are {names}")
            };
            return Err(RunError::input(
                format!("`--dims {given}={size}` names no dimension of the network `{name}`"),
                help,
            ));
        }
    }
    Ok(())
}

/// Where a node's messages go.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    /// The input of this node's module.
    pub(crate) input: Name,
    /// The node that computes it.
    pub(crate) node: usize,
    /// The output of that node's module.
    pub(crate) output: Name,
}

/// A node made ready.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) name: Name,
    /// Its place among the distinct passes.
    pub(crate) pass: usize,
    /// Inputs of the module that are inputs or targets of the network: the module's name, the network's.
    pub(crate) data: Vec<(Name, Name)>,
    /// The module's name and the network's of each parameter.
    pub(crate) parameters: Vec<(Name, Name)>,
    /// The nodes that the messages go to.
    pub(crate) parents: Vec<Parent>,
    /// Every place where the value is read: the node and the input of its module.
    pub(crate) readers: Vec<(usize, Name)>,
    /// How the frontier passes it.
    pub(crate) crossing: Crossing,
    /// The module's variables that a root reaches, with what they are.
    pub(crate) rooted: Vec<(Name, Live)>,
    /// True when parameters act on its value.
    pub(crate) live: bool,
    /// What arrives at its output.
    pub(crate) upstream: Upstream,
    /// The module's name.
    pub(crate) module: Name,
    /// The name of the module's output.
    pub(crate) output: Name,
    /// The target that the loss's model is about, and its distribution.
    pub(crate) target: Option<(Name, Distribution)>,
}

impl Stage {
    /// True when anything is computed backwards: of the loss at least its value.
    pub(crate) fn runs_backward(&self) -> bool {
        self.live || self.upstream == Upstream::Loss
    }
}

/// A network ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The distinct modules.
    pub(crate) passes: Vec<Pass>,
    /// The nodes, the loss last.
    pub(crate) stages: Vec<Stage>,
    pub(crate) time: Preparation,
    /// How many modules were derived.
    pub(crate) derivations: usize,
}

/// Derives every distinct module once, and compiles it once for every set of sizes and so many samples.
pub(crate) fn prepare(
    network: &Network,
    sizes: &Sizes,
    samples: usize,
    options: &RunOptions,
) -> Result<Prepared, RunError> {
    let dag = Dag::new(network).with(options.blocks);
    let (live, crossings) = (dag.live(), dag.crossings());
    let last = network.nodes.len();
    let mut prepared = Prepared {
        passes: Vec::new(),
        stages: Vec::new(),
        time: Preparation::default(),
        derivations: 0,
    };
    let mut workshop = Workshop {
        sizes,
        samples,
        options,
        derived: HashMap::new(),
        compiled: HashMap::new(),
    };
    for (place, node) in nodes(network).enumerate() {
        let sources = dag.sources(place);
        let module = &node.module;
        let parents: Vec<Parent> = module
            .inputs
            .iter()
            .zip(&sources)
            .filter_map(|(input, source)| {
                let source = (*source).filter(|source| live[*source])?;
                let (output, _) = &network.nodes.get(source)?.module.output;
                Some(Parent {
                    input: input.clone(),
                    node: source,
                    output: output.clone(),
                })
            })
            .collect();
        for (input, source) in module.inputs.iter().zip(&sources) {
            if let Some(source) = source {
                prepared.stages[*source]
                    .readers
                    .push((place, input.clone()));
            }
        }
        let crossing = crossings[place].clone();
        let upstream = if place == last {
            Upstream::Loss
        } else {
            Upstream::Given
        };
        let mode = Mode {
            upstream,
            curvature: options.curvature,
            batch: options.batch,
            message: options.message,
            is_drawn: options.curvature == Curvature::Fisher && options.sampling != Sampling::Exact,
        };
        let rooted = rooted(&crossing, &node.parameters);
        let asked = asked(module, &parents, &crossing, &rooted, mode);
        let pass = workshop
            .pass(module, &asked, mode, &mut prepared)
            .map_err(|error| error.within(&format!("`{}`", node.name)))?;
        let inputs = module.inputs.iter().zip(&node.arguments).zip(&sources);
        let data = inputs.filter(|(_, source)| source.is_none());
        let data = data.map(|((input, value), _)| (input.clone(), value.clone()));
        prepared.stages.push(Stage {
            name: node.name.clone(),
            pass,
            data: data.collect(),
            parameters: node.parameters.clone(),
            parents,
            readers: Vec::new(),
            crossing,
            rooted,
            live: live[place],
            upstream,
            module: module.name.clone(),
            output: module.output.0.clone(),
            target: (module.model.as_ref()).map(|model| (model.target.clone(), model.distribution)),
        });
    }
    Ok(prepared)
}

/// The module's variables that parameters act on or that are parameters, with what they are.
fn rooted(crossing: &Crossing, parameters: &[(Name, Name)]) -> Vec<(Name, Live)> {
    let once = crossing.once.iter().filter_map(|own| {
        let (_, full) = parameters.iter().find(|(name, _)| name == own)?;
        Some((own.clone(), Live::Parameter(full.clone())))
    });
    crossing.joint.iter().cloned().chain(once).collect()
}

/// What is asked of a node's module.
fn asked(
    module: &Module,
    parents: &[Parent],
    crossing: &Crossing,
    rooted: &[(Name, Live)],
    mode: Mode,
) -> Asked {
    let inputs = parents.iter().map(|parent| parent.input.clone());
    let joint = crossing.joint.iter().map(|(own, _)| own.clone());
    let mut asked = Asked {
        gradients: inputs.chain(module.parameters.iter().cloned()).collect(),
        ..Asked::default()
    };
    let is_loss = mode.upstream == Upstream::Loss;
    if mode.message == Message::Root || (is_loss && mode.is_drawn) {
        // Factors of parameters are means, made of the mean of SS'.
        let has_factors = !is_loss && mode.batch.is_average();
        let of_root = |(_, live): &&(Name, Live)| !(has_factors && is_parameter(live));
        let rooted = rooted.iter().filter(of_root);
        asked.rooted = rooted.map(|(own, _)| own.clone()).collect();
        if has_factors {
            asked.blocks.clone_from(&crossing.once);
        }
        return asked;
    }
    asked.blocks.clone_from(&crossing.once);
    if crossing.is_alone {
        asked.blocks.extend(joint);
    } else {
        asked.joint.extend(joint);
    }
    asked
}

fn is_parameter(live: &Live) -> bool {
    matches!(live, Live::Parameter(_))
}

/// What is derived and compiled so far.
struct Workshop<'a> {
    sizes: &'a Sizes,
    /// The number of samples that are computed at once.
    samples: usize,
    options: &'a RunOptions,
    /// By content, with names for sizes.
    derived: HashMap<String, Derived>,
    /// The places of passes, by content and sizes.
    compiled: HashMap<(String, Sizes), usize>,
}

impl Workshop<'_> {
    /// The place of a module's pass, made when it is not there yet.
    fn pass(
        &mut self,
        module: &Module,
        asked: &Asked,
        mode: Mode,
        prepared: &mut Prepared,
    ) -> Result<usize, RunError> {
        let named = generic(module);
        let (module, numbers) = named
            .as_ref()
            .map_or((module, None), |(module, numbers)| (module, Some(numbers)));
        let mut sizes = self.sizes.clone();
        sizes.extend(numbers.into_iter().flatten().map(|(n, s)| (n.clone(), *s)));
        let used = module.dimensions();
        sizes.retain(|name, _| used.contains(name));
        let content = content(module, asked, mode);
        let key = (content.clone(), sizes);
        if let Some(place) = self.compiled.get(&key) {
            return Ok(*place);
        }
        let start = Instant::now();
        let derived = match self.derived.entry(content) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(derived(module, asked, mode, &self.options.rewriter)?)
            }
        };
        prepared.time.derive += start.elapsed();
        let bounds = Bounds {
            sizes: &key.1,
            samples: Some(self.samples),
            limit: self.options.limit,
        };
        let start = Instant::now();
        let pass = compiled(derived, module, mode.upstream, bounds)?;
        prepared.time.compile += start.elapsed();
        prepared.derivations = self.derived.len();
        prepared.passes.push(pass);
        self.compiled.insert(key, prepared.passes.len() - 1);
        Ok(prepared.passes.len() - 1)
    }
}

/// A module's content as text, node by node: equal texts mean equal equations.
pub(super) fn content(module: &Module, asked: &Asked, mode: Mode) -> String {
    format!("{mode:?} {asked:?} {}", map(module))
}

/// The forward map of a module as text, with the names of its variables and of its output.
pub(crate) fn map(module: &Module) -> String {
    let graph = &module.graph;
    let mut text = format!("{}\n", module.output.0);
    let mut functions: BTreeSet<&Name> = BTreeSet::new();
    let mut roots = vec![module.output.1];
    while let Some(root) = roots.pop() {
        let order = graph.topological(&[root]);
        let places: HashMap<Id, usize> = order.iter().enumerate().map(|(k, id)| (*id, k)).collect();
        for id in order {
            let node = &graph[id];
            let children: Vec<usize> = node.children.iter().map(|child| places[child]).collect();
            let _ = writeln!(text, "{:?} {children:?}", node.op);
            let Op::Function(function) = &node.op else {
                continue;
            };
            if !functions.insert(&function.name) {
                continue;
            }
            let definition = graph.functions().get(&function.name);
            if let Some(FunctionDefinition::Defined { argument, body }) = definition {
                let _ = writeln!(text, "fn {} {argument}", function.name);
                roots.push(*body);
            }
        }
    }
    for (name, variable) in graph.variables() {
        let _ = writeln!(text, "{name} {variable:?}");
    }
    text
}
