//! Which nodes of a network become one module. Why on the network and before anything is derived: a group is composed
//! analytically, so that no mean is taken of what would travel inside it; everything after sees a module like any other.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use super::RunError;
use super::binding::list;
use super::draft::map;
use super::generic::generic;
use super::graph::{Dag, nodes};
use crate::expr::{Id, Module, Name, Op, Role};
use crate::hbp::{DeriveError, jacobian_of};
use crate::language::{Network, NetworkNode};
use crate::rewrite::Rewriter;

/// Which nodes of a network are composed into one module each.
///
/// ```
/// use hbp::network::Grouping;
/// let grouping: Grouping = "a1+h2,a2+h3".parse().expect("two groups");
/// assert_eq!(grouping.to_string(), "a1+h2,a2+h3");
/// assert!("a1".parse::<Grouping>().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// None: every node is a module of its own.
    #[default]
    Apart,
    /// Every activation with the affine map that alone reads it, as in KFRA and BDA-PCH.
    ActivationAffine,
    /// These, by the names of their nodes.
    Groups(Vec<Vec<Name>>),
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart => f.write_str("none"),
            Self::ActivationAffine => f.write_str("activation-affine"),
            Self::Groups(groups) => {
                let groups: Vec<String> = groups.iter().map(|group| group.join("+")).collect();
                f.write_str(&groups.join(","))
            }
        }
    }
}

const SYNTAX: &str =
    "write `none`, `activation-affine`, or groups of nodes, as in --compose a1+h2,a2+h3";

impl FromStr for Grouping {
    type Err = RunError;
    fn from_str(text: &str) -> Result<Self, RunError> {
        let words = |group: &str| -> Vec<Name> {
            group.split('+').map(|name| name.trim().into()).collect()
        };
        match text.trim() {
            "none" => return Ok(Self::Apart),
            "activation-affine" => return Ok(Self::ActivationAffine),
            _ => {}
        }
        let groups: Vec<Vec<Name>> = text.split(',').map(words).collect();
        for group in &groups {
            let message = match group.as_slice() {
                names if names.iter().any(|name| name.is_empty()) => {
                    format!("a name is missing in `--compose {text}`")
                }
                [only] => format!("`{only}` in `--compose {text}` is grouped with nothing"),
                _ => continue,
            };
            return Err(RunError::input(message, SYNTAX));
        }
        Ok(Self::Groups(groups))
    }
}

/// The nodes of a network in groups, by their places: each group in order, and the groups by their last nodes. The loss
/// comes after the last node.
pub(crate) fn groups(
    network: &Network,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<Vec<Vec<usize>>, RunError> {
    let wiring = Wiring::new(network);
    let chosen = match grouping {
        Grouping::Apart => Vec::new(),
        Grouping::ActivationAffine => wiring.activations(rewriter)?,
        Grouping::Groups(groups) => wiring.named(groups)?,
    };
    let inside: BTreeSet<usize> = chosen.iter().flatten().copied().collect();
    let alone = (0..wiring.nodes.len()).filter(|place| !inside.contains(place));
    let mut all: Vec<Vec<usize>> = alone.map(|place| vec![place]).chain(chosen).collect();
    all.sort_by_key(|group| group.last().copied());
    Ok(all)
}

/// Who reads whom, both ways.
pub(crate) struct Wiring<'a> {
    network: &'a Network,
    pub(crate) nodes: Vec<&'a NetworkNode>,
    /// For each node, the node behind each of its arguments.
    pub(crate) sources: Vec<Vec<Option<usize>>>,
    /// For each node, the nodes that read it.
    pub(crate) readers: Vec<BTreeSet<usize>>,
}

impl<'a> Wiring<'a> {
    pub(crate) fn new(network: &'a Network) -> Self {
        let dag = Dag::new(network);
        let nodes: Vec<&NetworkNode> = nodes(network).collect();
        let sources: Vec<Vec<Option<usize>>> =
            (0..nodes.len()).map(|place| dag.sources(place)).collect();
        let mut readers = vec![BTreeSet::new(); nodes.len()];
        for (place, sources) in sources.iter().enumerate() {
            for source in sources.iter().flatten() {
                readers[*source].insert(place);
            }
        }
        Self {
            network,
            nodes,
            sources,
            readers,
        }
    }

    /// The inputs of a node's module that another node feeds.
    pub(crate) fn fed_by(&self, reader: usize, source: usize) -> impl Iterator<Item = &'a Name> {
        let inputs = self.nodes[reader].module.inputs.iter();
        let fed = inputs.zip(&self.sources[reader]);
        let fed: Vec<&Name> = fed
            .filter(|(_, from)| **from == Some(source))
            .map(|(input, _)| input)
            .collect();
        fed.into_iter()
    }

    /// Every affine map with the activations that it alone reads.
    fn activations(&self, rewriter: &Rewriter) -> Result<Vec<Vec<usize>>, RunError> {
        let loss = self.nodes.len() - 1;
        let mut known = HashMap::new();
        let mut groups = Vec::new();
        for (place, node) in self.nodes[..loss].iter().enumerate() {
            if node.parameters.is_empty() {
                continue;
            }
            let sources: BTreeSet<usize> = self.sources[place].iter().flatten().copied().collect();
            let mut group = Vec::new();
            for source in sources {
                if self.readers[source].len() > 1 || !is_elementwise(&self.nodes[source].module) {
                    continue;
                }
                let mut affine = true;
                for input in self.fed_by(place, source) {
                    affine &= is_affine(node, input, &mut known, rewriter)?;
                }
                if affine {
                    group.push(source);
                }
            }
            if !group.is_empty() {
                group.push(place);
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Groups by the names of their nodes, each checked.
    fn named(&self, groups: &[Vec<Name>]) -> Result<Vec<Vec<usize>>, RunError> {
        let mut taken: HashMap<usize, usize> = HashMap::new();
        let mut chosen = Vec::new();
        for (number, names) in groups.iter().enumerate() {
            let mut group = Vec::new();
            for name in names {
                let place = self.place(name)?;
                if let Some(other) = taken.insert(place, number) {
                    let times = if other == number {
                        "twice in one group"
                    } else {
                        "in two groups"
                    };
                    return Err(RunError::input(
                        format!("the node `{name}` stands {times} of --compose"),
                        "a node is part of one module: name it once",
                    ));
                }
                group.push(place);
            }
            group.sort_unstable();
            chosen.push(group);
        }
        for group in &chosen {
            self.is_whole(group)?;
        }
        Ok(chosen)
    }

    /// The place of a node; the loss is called `loss` where no node is.
    fn place(&self, name: &Name) -> Result<usize, RunError> {
        if let Some(place) = self.nodes.iter().position(|node| node.name == *name) {
            return Ok(place);
        }
        let network = self.network;
        let is = |values: &[crate::language::NetworkValue]| values.iter().any(|v| v.name == *name);
        let kind = if is(&network.inputs) {
            "an input, no node,"
        } else if is(&network.targets) {
            "a target, no node,"
        } else if is(&network.parameters) {
            "a parameter, no node,"
        } else {
            "no node"
        };
        let known = list(self.nodes.iter().map(|node| format!("`{}`", node.name)));
        Err(RunError::input(
            format!(
                "`{name}` in --compose is {kind} of the network `{}`",
                network.name
            ),
            format!("its nodes are {known}"),
        ))
    }

    /// Refuses a group that is no module: one output, and every other value read inside alone.
    fn is_whole(&self, group: &[usize]) -> Result<(), RunError> {
        let named = |place: &usize| format!("`{}`", self.nodes[*place].name);
        let written = || {
            let names: Vec<&str> = group.iter().map(|p| &*self.nodes[*p].name).collect();
            names.join("+")
        };
        let Some((_, inner)) = group.split_last() else {
            return Ok(());
        };
        for place in inner {
            let readers = &self.readers[*place];
            if !readers.iter().any(|reader| group.contains(reader)) {
                return Err(RunError::input(
                    format!(
                        "{} is read by no other node of the group `{}`: they are not neighbours",
                        named(place),
                        written()
                    ),
                    format!("it is read by {}", list(readers.iter().map(named))),
                ));
            }
            let outside: Vec<usize> = readers
                .iter()
                .copied()
                .filter(|r| !group.contains(r))
                .collect();
            if !outside.is_empty() {
                return Err(RunError::input(
                    format!(
                        "{} is inside the group `{}`, but {} outside reads it, too",
                        named(place),
                        written(),
                        list(outside.iter().map(named))
                    ),
                    "a module sends on one value: take all readers into the group, or leave this node out",
                ));
            }
        }
        Ok(())
    }
}

/// True when a module is elementwise in its one input and has no parameters, judged by its operations.
fn is_elementwise(module: &Module) -> bool {
    let ([input], []) = (module.inputs.as_slice(), module.parameters.as_slice()) else {
        return false;
    };
    let graph = &module.graph;
    let Some(input) = graph.variable(input) else {
        return false;
    };
    let shape = graph.shape(input);
    let mut dependent: BTreeSet<Id> = BTreeSet::new();
    for id in graph.topological(&[module.output.1]) {
        let node = &graph[id];
        if id != input && !node.children.iter().any(|child| dependent.contains(child)) {
            continue;
        }
        let keeps_entries = matches!(
            node.op,
            Op::Variable(_) | Op::Apply | Op::Add | Op::Scale | Op::Hadamard | Op::Power
        );
        if !keeps_entries || node.sort.shape() != Some(shape.clone()) {
            return false;
        }
        dependent.insert(id);
    }
    dependent.contains(&module.output.1)
}

/// True when a node's derivative with respect to an input is the same for every sample and every value of the input.
fn is_affine(
    node: &NetworkNode,
    input: &Name,
    known: &mut HashMap<(String, Name), bool>,
    rewriter: &Rewriter,
) -> Result<bool, RunError> {
    let mut module =
        generic(&node.module).map_or_else(|| node.module.clone(), |(module, _)| module);
    let key = (map(&module), input.clone());
    if let Some(answer) = known.get(&key) {
        return Ok(*answer);
    }
    let output = module.output.1;
    let jacobian = jacobian_of(&mut module, output, input, rewriter).map_err(|source| {
        let error = DeriveError::Rewrite {
            module: module.name.clone(),
            variable: Some(input.clone()),
            place: String::new(),
            source,
        };
        RunError::from(error).within(&format!("`{}`", node.name))
    })?;
    let graph = &module.graph;
    let is_parameter = |name: &Name| graph.variables()[name].role == Role::Parameter;
    let answer = graph.free_variables(jacobian).iter().all(is_parameter);
    known.insert(key, answer);
    Ok(answer)
}
