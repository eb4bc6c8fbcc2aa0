//! The nodes of a network with the equations of their modules, at concrete sizes. Why before compiling: a pass may be compiled
//! module by module or as one program of the whole network, and both begin here.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::generic::generic;
use super::graph::{Crossing, Dag, Live, nodes};
use super::pass::{Asked, Derived, Mode, Upstream, derived};
use super::{Message, RunError, RunOptions, Sampling};
use crate::expr::{Distribution, FunctionDefinition, Id, Module, Name, Op, Sizes};
use crate::hbp::Curvature;
use crate::language::Network;

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

/// A distinct module at its sizes.
#[derive(Clone, Debug)]
pub(crate) struct Sized {
    pub(crate) derived: Arc<Derived>,
    pub(crate) sizes: Sizes,
}

/// The nodes of a network and their equations.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The distinct modules at their sizes.
    pub(crate) modules: Vec<Sized>,
    /// The nodes, the loss last.
    pub(crate) stages: Vec<Stage>,
    /// The time that deriving took.
    pub(crate) time: Duration,
    /// How many modules were derived.
    pub(crate) derivations: usize,
}

/// Derives every distinct module once.
pub(crate) fn draft(
    network: &Network,
    sizes: &Sizes,
    options: &RunOptions,
) -> Result<Draft, RunError> {
    let dag = Dag::new(network).with(options.blocks);
    let (live, crossings) = (dag.live(), dag.crossings());
    let last = network.nodes.len();
    let start = Instant::now();
    let mut stages: Vec<Stage> = Vec::new();
    let mut workshop = Workshop {
        sizes,
        options,
        derived: HashMap::new(),
        places: HashMap::new(),
        modules: Vec::new(),
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
                stages[*source].readers.push((place, input.clone()));
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
            .place(module, &asked, mode)
            .map_err(|error| error.within(&format!("`{}`", node.name)))?;
        let inputs = module.inputs.iter().zip(&node.arguments).zip(&sources);
        let data = inputs.filter(|(_, source)| source.is_none());
        let data = data.map(|((input, value), _)| (input.clone(), value.clone()));
        stages.push(Stage {
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
    Ok(Draft {
        derivations: workshop.derived.len(),
        modules: workshop.modules,
        stages,
        time: start.elapsed(),
    })
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

/// What is derived so far.
struct Workshop<'a> {
    sizes: &'a Sizes,
    options: &'a RunOptions,
    /// By content, with names for sizes.
    derived: HashMap<String, Arc<Derived>>,
    /// The places of modules, by content and sizes.
    places: HashMap<(String, Sizes), usize>,
    modules: Vec<Sized>,
}

impl Workshop<'_> {
    /// The place of a module, derived when it is not there yet.
    fn place(&mut self, module: &Module, asked: &Asked, mode: Mode) -> Result<usize, RunError> {
        let named = generic(module);
        let (module, numbers) = named
            .as_ref()
            .map_or((module, None), |(module, numbers)| (module, Some(numbers)));
        let mut sizes = self.sizes.clone();
        sizes.extend(numbers.into_iter().flatten().map(|(n, s)| (n.clone(), *s)));
        let used = module.dimensions();
        sizes.retain(|name, _| used.contains(name));
        let content = content(module, asked, mode);
        let key = (content, sizes);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let derived = if let Some(known) = self.derived.get(&key.0) {
            known.clone()
        } else {
            let rewriter = &self.options.rewriter;
            let key_of_all = format!("{} {}", rewriter.fingerprint(), key.0);
            let new =
                (self.options.cache).get(&key_of_all, || derived(module, asked, mode, rewriter))?;
            self.derived.insert(key.0.clone(), new.clone());
            new
        };
        let sizes = key.1.clone();
        self.modules.push(Sized { derived, sizes });
        self.places.insert(key, self.modules.len() - 1);
        Ok(self.modules.len() - 1)
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
