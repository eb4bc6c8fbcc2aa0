//! Groups of nodes as single nodes. Why by copying expressions: composing modules is nothing but composing their forward
//! maps, so a composite is a module like any other, and its derivatives follow.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;

use super::RunError;
use super::grouping::{Grouping, Wiring, groups};
use crate::expr::{Graph, Id, Model, Module, Name, Variable};
use crate::language::{ExpressionCopy, Network, NetworkNode, limits};
use crate::rewrite::Rewriter;

/// The network with every group of nodes as one node, which bears the name of its last one. Parameters keep their names.
/// A group with the loss is the loss: its whole Hessian is what `ggn` and `fisher` use as it is.
///
/// ```
/// use hbp::network::{Grouping, compose};
/// let text = "network n { input x: R[3]; target y: R[2]; h = linear[4](x); a = sigmoid(h); k = linear[2](a); loss square_loss(k, y) }";
/// let network = hbp::parse("n.hbp", text).expect("well formed").network("n").expect("defined");
/// let composed = compose(&network, &Grouping::ActivationAffine, hbp::Rewriter::embedded()).expect("derivable");
/// let names: Vec<&str> = composed.nodes.iter().map(|node| &*node.module.name).collect();
/// assert_eq!(names, ["linear", "sigmoid+linear"]);
/// assert_eq!(composed.parameters, network.parameters);
/// ```
///
/// # Errors
/// When a name is no node's, a node stands in two groups, nodes of a group are not neighbours, a value inside a group is
/// read outside, or a composite is too large.
pub fn compose(
    network: &Network,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<Network, RunError> {
    if *grouping == Grouping::Apart {
        return Ok(network.clone());
    }
    let groups = groups(network, grouping, rewriter)?;
    let wiring = Wiring::new(network);
    let mut nodes = Vec::with_capacity(groups.len());
    for group in &groups {
        nodes.push(match group.as_slice() {
            [only] => wiring.nodes[*only].clone(),
            _ => merged(&wiring, group, Naming::Own)?,
        });
    }
    // The loss is the last node, and the last of its group.
    let loss = nodes.pop().unwrap_or_else(|| network.loss.clone());
    Ok(Network {
        nodes,
        loss,
        ..network.clone()
    })
}

/// The modules of a network, group by group, in the network's own names: inputs and parameters as they are called there,
/// the output and the values inside as the nodes.
///
/// # Errors
/// As [`compose`].
pub fn node_modules(
    network: &Network,
    grouping: &Grouping,
    rewriter: &Rewriter,
) -> Result<Vec<Module>, RunError> {
    let groups = groups(network, grouping, rewriter)?;
    let wiring = Wiring::new(network);
    let modules = groups
        .iter()
        .map(|group| merged(&wiring, group, Naming::Network));
    modules.map(|node| Ok(node?.module)).collect()
}

/// What the values of a composite are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// As in its parts, so that composites of like parts are alike.
    Own,
    /// As in the network.
    Network,
}

/// What a variable of a part is in the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Full {
    Value(Name),
    Parameter(Name),
}

/// Names that are not taken yet.
#[derive(Default)]
struct Free(BTreeSet<Name>);

impl Free {
    fn take(&mut self, name: &Name) -> Name {
        let numbered = (2..).map(|k| Name::from(format!("{name}_{k}")));
        let mut all = std::iter::once(name.clone()).chain(numbered);
        all.find(|name| self.0.insert(name.clone()))
            .unwrap_or_else(|| unreachable!("there are infinitely many names"))
    }
}

/// The nodes at the places of a group as one.
pub(crate) fn merged(
    wiring: &Wiring<'_>,
    group: &[usize],
    naming: Naming,
) -> Result<NetworkNode, RunError> {
    let parts: Vec<&NetworkNode> = group.iter().map(|place| wiring.nodes[*place]).collect();
    let Some((last, _)) = parts.split_last() else {
        unreachable!("a group has a node");
    };
    let mut free = Free::default();
    let output = free.take(match naming {
        Naming::Own => &last.module.output.0,
        Naming::Network => &last.name,
    });
    let (graph, variables) = declared(wiring, group, naming, &mut free);
    let mut parts = Parts {
        graph,
        free,
        naming,
        values: HashMap::new(),
        locals: Vec::new(),
        model: None,
    };
    for place in group {
        let is_last = Some(place) == group.last();
        let copied = parts.add(wiring, *place, &variables, is_last);
        copied.map_err(|error| RunError::input(error.message, error.help.unwrap_or_default()))?;
    }
    let names: Vec<&str> = group
        .iter()
        .map(|p| &*wiring.nodes[*p].module.name)
        .collect();
    let (name, nodes) = (names.join("+"), parts.graph.len());
    if nodes > limits::MODULE_NODES {
        return Err(RunError::limit(
            format!(
                "the composite module `{name}` has {nodes} operations, more than {}",
                limits::MODULE_NODES
            ),
            "compose fewer nodes",
        ));
    }
    let of = |wanted: fn(&Full) -> Option<&Name>| -> Vec<(Name, Name)> {
        let all = variables.iter();
        let all = all.filter_map(|(full, (own, _))| Some((own.clone(), wanted(full)?.clone())));
        all.collect()
    };
    let inputs = of(|full| match full {
        Full::Value(name) => Some(name),
        Full::Parameter(_) => None,
    });
    let parameters = of(|full| match full {
        Full::Parameter(name) => Some(name),
        Full::Value(_) => None,
    });
    let value = group.last().and_then(|place| parts.values.get(place));
    let Some(value) = value.copied() else {
        unreachable!("the last part has a value");
    };
    Ok(NetworkNode {
        name: last.name.clone(),
        module: Module {
            name: name.into(),
            graph: parts.graph,
            inputs: inputs.iter().map(|(own, _)| own.clone()).collect(),
            parameters: parameters.iter().map(|(own, _)| own.clone()).collect(),
            locals: parts.locals,
            output: (output, value),
            model: parts.model,
        },
        arguments: inputs.into_iter().map(|(_, full)| full).collect(),
        parameters,
        span: last.span,
    })
}

/// For each variable of a composite its name there, and its node.
type Variables = IndexMap<Full, (Name, Id)>;

/// Everything that the parts of a group read from outside, each once, with all that its readers know of it.
fn declared(
    wiring: &Wiring<'_>,
    group: &[usize],
    naming: Naming,
    free: &mut Free,
) -> (Graph, Variables) {
    let mut found: IndexMap<Full, (Name, Variable)> = IndexMap::new();
    for place in group {
        for (own, full) in outside(wiring, group, *place) {
            let variable = wiring.nodes[*place].module.graph.variables()[own].clone();
            let entry = found.entry(full).or_insert_with_key(|full| {
                let (Full::Value(name) | Full::Parameter(name)) = full;
                let name = match naming {
                    Naming::Own => own,
                    Naming::Network => name,
                };
                (free.take(name), variable.clone())
            });
            entry.1.facts = entry.1.facts.and(variable.facts);
        }
    }
    let mut graph = Graph::default();
    let variables = found.into_iter().map(|(full, (name, variable))| {
        let id = graph.declare(name.clone(), variable);
        (full, (name, id))
    });
    let variables = variables.collect();
    (graph, variables)
}

/// The variables of a part that no other part computes, inputs first, with what they are in the network.
fn outside<'a>(
    wiring: &Wiring<'a>,
    group: &[usize],
    place: usize,
) -> impl Iterator<Item = (&'a Name, Full)> {
    let node = wiring.nodes[place];
    let inputs = node.module.inputs.iter().zip(&node.arguments);
    let mut all = Vec::new();
    for ((own, argument), source) in inputs.zip(&wiring.sources[place]) {
        if source.is_none_or(|source| !group.contains(&source)) {
            all.push((own, Full::Value(argument.clone())));
        }
    }
    let parameters = node.parameters.iter();
    all.extend(parameters.map(|(own, full)| (own, Full::Parameter(full.clone()))));
    all.into_iter()
}

/// A composite in the making.
struct Parts {
    graph: Graph,
    free: Free,
    naming: Naming,
    /// The value of each part so far, by its place.
    values: HashMap<usize, Id>,
    locals: Vec<(Name, Id)>,
    model: Option<Model>,
}

impl Parts {
    fn add(
        &mut self,
        wiring: &Wiring<'_>,
        place: usize,
        variables: &Variables,
        is_last: bool,
    ) -> Result<(), crate::expr::ShapeError> {
        let node = wiring.nodes[place];
        let module = &node.module;
        let mut values: HashMap<Name, Id> = HashMap::new();
        let inputs = module.inputs.iter().zip(&node.arguments);
        for ((own, argument), source) in inputs.zip(&wiring.sources[place]) {
            let inside = source.and_then(|source| self.values.get(&source));
            let outside = || {
                variables
                    .get(&Full::Value(argument.clone()))
                    .map(|(_, id)| id)
            };
            let id = inside.or_else(outside);
            values.extend(id.map(|id| (own.clone(), *id)));
        }
        for (own, full) in &node.parameters {
            let found = variables.get(&Full::Parameter(full.clone()));
            values.extend(found.map(|(_, id)| (own.clone(), *id)));
        }
        let targets: BTreeMap<Name, Name> = (values.iter())
            .filter_map(|(own, id)| {
                let (_, (name, _)) = variables.iter().find(|(_, (_, known))| known == id)?;
                Some((own.clone(), name.clone()))
            })
            .collect();
        let none = BTreeMap::new();
        let mut copy = ExpressionCopy::new(&module.graph, values, &none);
        for (local, id) in &module.locals {
            let value = copy.copy(&mut self.graph, *id)?;
            let name = match self.naming {
                Naming::Own => local.clone(),
                Naming::Network => format!("{}.{local}", node.name).into(),
            };
            self.locals.push((self.free.take(&name), value));
        }
        let value = copy.copy(&mut self.graph, module.output.1)?;
        self.values.insert(place, value);
        if !is_last {
            let name = match self.naming {
                Naming::Own => &module.output.0,
                Naming::Network => &node.name,
            };
            self.locals.push((self.free.take(name), value));
            return Ok(());
        }
        if let Some(model) = &module.model {
            let mut parameters = Vec::new();
            for id in &model.parameters {
                parameters.push(copy.copy(&mut self.graph, *id)?);
            }
            // A target is read from outside: what is not there any more has no model.
            self.model = targets.get(&model.target).map(|target| Model {
                target: target.clone(),
                parameters,
                ..model.clone()
            });
        }
        Ok(())
    }
}
