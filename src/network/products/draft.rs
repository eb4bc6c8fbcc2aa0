//! The nodes of a network with what products ask of their modules. Why before compiling: products run sample by sample, or for all samples as
//! programs of the whole network, and both begin here.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use crate::expr::{Graph, Id, Module, Name, Sizes};
use crate::hbp::{
    self, Curvature, DeriveError, ExpectationError, Products, fisher, products, unfold,
};
use crate::language::Network;
use crate::network::draft::content;
use crate::network::generic::generic;
use crate::network::graph::{Dag, nodes};
use crate::network::pass::{Asked, Mode, Upstream, concrete};
use crate::network::{RunError, RunOptions};
use crate::rewrite::{Report, Rewriter, Style};

/// A node of the network.
#[derive(Clone, Debug)]
pub(in crate::network) struct Node {
    pub(in crate::network) name: Name,
    /// Its place among the distinct programs.
    pub(in crate::network) programs: usize,
    /// Inputs of the module that are inputs or targets of the network: the module's name, the network's.
    pub(in crate::network) data: Vec<(Name, Name)>,
    /// The module's name and the network's of each parameter.
    pub(in crate::network) parameters: Vec<(Name, Name)>,
    /// The inputs that parameters act on, and the nodes behind them.
    pub(in crate::network) parents: Vec<(Name, usize)>,
    /// Every place where the value is read: the node and the input of its module.
    pub(in crate::network) readers: Vec<(usize, Name)>,
    /// The name of the module's output.
    pub(in crate::network) output: Name,
}

impl Node {
    /// The network's name of one of the module's parameters.
    pub(in crate::network) fn parameter(&self, own: &str) -> Option<&Name> {
        let found = self.parameters.iter().find(|(name, _)| **name == *own);
        found.map(|(_, full)| full)
    }

    /// The node behind one of the module's inputs, where parameters act on it.
    pub(in crate::network) fn parent(&self, own: &str) -> Option<usize> {
        let found = self.parents.iter().find(|(name, _)| **name == *own);
        found.map(|(_, source)| *source)
    }
}

/// A distinct module at its sizes.
#[derive(Clone, Debug)]
pub(in crate::network) struct Sized {
    pub(in crate::network) derived: Arc<Derived>,
    pub(in crate::network) sizes: Sizes,
}

/// The nodes of a network, the loss last, and the products of their modules.
#[derive(Clone, Debug)]
pub(in crate::network) struct Draft {
    pub(in crate::network) nodes: Vec<Node>,
    pub(in crate::network) modules: Vec<Sized>,
}

/// Derives every distinct module once.
pub(in crate::network) fn draft(
    network: &Network,
    sizes: &Sizes,
    options: &RunOptions,
) -> Result<Draft, RunError> {
    let dag = Dag::new(network);
    let live = dag.live();
    let mut workshop = Workshop {
        sizes,
        options,
        derived: HashMap::new(),
        places: HashMap::new(),
        modules: Vec::new(),
    };
    let mut found: Vec<Node> = Vec::new();
    for (place, node) in nodes(network).enumerate() {
        let sources = dag.sources(place);
        let module = &node.module;
        let inputs = || module.inputs.iter().zip(&sources);
        let parents = inputs().filter_map(|(own, source)| {
            let source = source.filter(|source| live[*source])?;
            Some((own.clone(), source))
        });
        let parents: Vec<(Name, usize)> = parents.collect();
        for (own, source) in inputs() {
            if let Some(source) = source {
                found[*source].readers.push((place, own.clone()));
            }
        }
        let data = inputs().zip(&node.arguments);
        let data = data.filter(|((_, source), _)| source.is_none());
        let variables = parents.iter().map(|(own, _)| own);
        let variables = variables.chain(&module.parameters).cloned().collect();
        let upstream = if place == network.nodes.len() {
            Upstream::Loss
        } else {
            Upstream::Given
        };
        let place = workshop.place(module, variables, upstream);
        found.push(Node {
            name: node.name.clone(),
            programs: place.map_err(|error| error.within(&format!("`{}`", node.name)))?,
            data: data
                .map(|((own, _), full)| (own.clone(), full.clone()))
                .collect(),
            parameters: node.parameters.clone(),
            parents,
            readers: Vec::new(),
            output: module.output.0.clone(),
        });
    }
    Ok(Draft {
        nodes: found,
        modules: workshop.modules,
    })
}

/// What is derived so far.
struct Workshop<'a> {
    sizes: &'a Sizes,
    options: &'a RunOptions,
    derived: HashMap<String, Arc<Derived>>,
    places: HashMap<(String, Sizes), usize>,
    modules: Vec<Sized>,
}

impl Workshop<'_> {
    /// The place of a module, derived when it is not there yet.
    fn place(
        &mut self,
        module: &Module,
        variables: Vec<Name>,
        upstream: Upstream,
    ) -> Result<usize, RunError> {
        concrete(module)?;
        let named = generic(module);
        let (module, numbers) = named
            .as_ref()
            .map_or((module, None), |(module, numbers)| (module, Some(numbers)));
        let mut sizes = self.sizes.clone();
        sizes.extend(numbers.into_iter().flatten().map(|(n, s)| (n.clone(), *s)));
        let used = module.dimensions();
        sizes.retain(|name, _| used.contains(name));
        let wanted = Asked {
            gradients: variables,
            ..Asked::default()
        };
        let mode = Mode::exact(upstream, Curvature::Hessian);
        let content = content(module, &wanted, mode);
        let key = (content.clone(), sizes);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let derived = match self.derived.entry(content) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Arc::new(Derived::new(
                module,
                &wanted.gradients,
                upstream,
                &self.options.rewriter,
            )?)),
        };
        self.modules.push(Sized {
            derived: Arc::clone(derived),
            sizes: key.1.clone(),
        });
        self.places.insert(key, self.modules.len() - 1);
        Ok(self.modules.len() - 1)
    }
}

/// Expressions by name, which programs can be made of.
pub(in crate::network) type Named = Vec<(String, Id)>;

/// What products ask of a module, as expressions that kernels can be made of.
#[derive(Clone, Debug)]
pub(in crate::network) struct Derived {
    pub(in crate::network) graph: Graph,
    /// The variables that differ from sample to sample, tangents apart.
    pub(in crate::network) varying: Vec<Name>,
    pub(in crate::network) output: Id,
    /// The tangent of the output, where parameters act on it.
    pub(in crate::network) tangent: Option<Id>,
    /// D z(v)' grad(z), under the name of v.
    pub(in crate::network) back: Named,
    /// How that moves while `grad(z)` stays, under the name of v.
    pub(in crate::network) turn: Named,
    /// Of a loss, the expectation of `turn` under its model.
    pub(in crate::network) fisher: Option<Result<Named, RunError>>,
}

impl Derived {
    fn new(
        module: &Module,
        variables: &[Name],
        upstream: Upstream,
        rewriter: &Rewriter,
    ) -> Result<Self, RunError> {
        let mut varying = module.inputs.clone();
        varying.push(format!("grad({})", module.output.0).into());
        if variables.is_empty() {
            let mut graph = module.graph.clone();
            let output = unfold(&mut graph, &[module.output.1], rewriter)?[0];
            return Ok(Self {
                graph,
                varying,
                output,
                tangent: None,
                back: Named::new(),
                turn: Named::new(),
                fisher: None,
            });
        }
        let mut found = products(module, variables, rewriter)?;
        let is_loss = upstream == Upstream::Loss;
        let expected = is_loss.then(|| expected(&mut found, rewriter));
        let Products {
            module,
            tangent,
            variables,
        } = found;
        let mut roots = vec![module.output.1, tangent];
        roots.extend(variables.iter().flat_map(|v| [v.back, v.turn]));
        roots.extend(expected.iter().flatten().flatten());
        let mut graph = module.graph;
        let new = unfold(&mut graph, &roots, rewriter)?;
        let new: BTreeMap<Id, Id> = roots.into_iter().zip(new).collect();
        let named = |of: &dyn Fn(usize) -> Id| -> Named {
            let all = variables.iter().enumerate();
            all.map(|(k, v)| (v.variable.to_string(), new[&of(k)]))
                .collect()
        };
        Ok(Self {
            varying,
            output: new[&module.output.1],
            tangent: Some(new[&tangent]),
            back: named(&|k| variables[k].back),
            turn: named(&|k| variables[k].turn),
            fisher: expected.map(|parts| {
                Ok(named(&{
                    let parts = parts?;
                    move |k| parts[k]
                }))
            }),
            graph,
        })
    }
}

/// The expectations of a loss's second-order products under its model.
fn expected(found: &mut Products, rewriter: &Rewriter) -> Result<Vec<Id>, RunError> {
    let hbp::Products {
        module, variables, ..
    } = found;
    let Some(model) = &module.model else {
        let module = module.name.clone();
        return Err(DeriveError::from(ExpectationError::NoModel { module }).into());
    };
    let mut parts = Vec::with_capacity(variables.len());
    for variable in variables {
        let part = fisher(&mut module.graph, variable.turn, &module.name, Some(model));
        parts.push(part.map_err(DeriveError::from)?);
    }
    let (graph, locals) = (&mut module.graph, &module.locals);
    let report = &mut Report::default();
    let parts = rewriter.simplify(graph, &parts, locals, Style::Hadamard, report);
    Ok(parts.map_err(crate::hbp::UnfoldError::from)?)
}
