//! The programs of every node for products. Why four: gradients and their tangents go back by the same linear map, so it
//! is compiled once and run with either.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use crate::expr::{Graph, Id, Module, Name, Sizes};
use crate::hbp::{
    self, Curvature, DeriveError, ExpectationError, Products, fisher, products, unfold,
};
use crate::kernel::{Program, compile_within};
use crate::language::Network;
use crate::network::compiled::OUTPUT;
use crate::network::draft::content;
use crate::network::generic::generic;
use crate::network::graph::{Dag, nodes};
use crate::network::pass::{Asked, Mode, Upstream, concrete};
use crate::network::{RunError, RunOptions};
use crate::rewrite::{Report, Rewriter, Style};

/// A node of the network.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: Name,
    /// Its place among the distinct programs.
    pub(super) programs: usize,
    /// Inputs of the module that are inputs or targets of the network: the module's name, the network's.
    pub(super) data: Vec<(Name, Name)>,
    /// The module's name and the network's of each parameter.
    pub(super) parameters: Vec<(Name, Name)>,
    /// The inputs that parameters act on, and the nodes behind them.
    pub(super) parents: Vec<(Name, usize)>,
    /// Every place where the value is read: the node and the input of its module.
    pub(super) readers: Vec<(usize, Name)>,
    /// The name of the module's output.
    pub(super) output: Name,
}

impl Node {
    /// The network's name of one of the module's parameters.
    pub(super) fn parameter(&self, own: &str) -> Option<&Name> {
        let found = self.parameters.iter().find(|(name, _)| **name == *own);
        found.map(|(_, full)| full)
    }

    /// The node behind one of the module's inputs, where parameters act on it.
    pub(super) fn parent(&self, own: &str) -> Option<usize> {
        let found = self.parents.iter().find(|(name, _)| **name == *own);
        found.map(|(_, source)| *source)
    }
}

/// The programs of a distinct module.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The output alone.
    pub(super) forward: Program,
    /// The others, where parameters act on the output.
    pub(super) moving: Option<Moving>,
}

#[derive(Clone, Debug)]
pub(super) struct Moving {
    /// The tangent of the output, from those of the variables.
    pub(super) tangent: Program,
    /// D z(v)' grad(z), under the name of v.
    pub(super) back: Program,
    /// How that moves while `grad(z)` stays, under the name of v.
    pub(super) turn: Program,
    /// Of a loss, the expectation of `turn` under its model.
    pub(super) fisher: Option<Result<Program, RunError>>,
}

/// A network derived and compiled.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) nodes: Vec<Node>,
    pub(super) programs: Vec<Programs>,
}

/// Derives every distinct module once, and compiles it once for every set of sizes.
pub(super) fn prepared(
    network: &Network,
    sizes: &Sizes,
    options: &RunOptions,
) -> Result<Prepared, RunError> {
    let dag = Dag::new(network);
    let live = dag.live();
    let mut workshop = Workshop {
        sizes,
        options,
        derived: HashMap::new(),
        places: HashMap::new(),
        programs: Vec::new(),
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
        let programs = workshop.programs(module, variables, upstream);
        found.push(Node {
            name: node.name.clone(),
            programs: programs.map_err(|error| error.within(&format!("`{}`", node.name)))?,
            data: data
                .map(|((own, _), full)| (own.clone(), full.clone()))
                .collect(),
            parameters: node.parameters.clone(),
            parents,
            readers: Vec::new(),
            output: module.output.0.clone(),
        });
    }
    Ok(Prepared {
        nodes: found,
        programs: workshop.programs,
    })
}

/// What is derived and compiled so far.
struct Workshop<'a> {
    sizes: &'a Sizes,
    options: &'a RunOptions,
    derived: HashMap<String, Derived>,
    places: HashMap<(String, Sizes), usize>,
    programs: Vec<Programs>,
}

impl Workshop<'_> {
    /// The place of a module's programs, made when they are not there yet.
    fn programs(
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
            Entry::Vacant(free) => free.insert(Derived::new(
                module,
                &wanted.gradients,
                upstream,
                &self.options.rewriter,
            )?),
        };
        let programs = derived.compiled(&key.1, self.options.limit)?;
        self.programs.push(programs);
        self.places.insert(key, self.programs.len() - 1);
        Ok(self.programs.len() - 1)
    }
}

/// Expressions by name, which programs can be made of.
type Named = Vec<(String, Id)>;

struct Derived {
    graph: Graph,
    output: Id,
    tangent: Option<Id>,
    back: Named,
    turn: Named,
    fisher: Option<Result<Named, RunError>>,
}

impl Derived {
    fn new(
        module: &Module,
        variables: &[Name],
        upstream: Upstream,
        rewriter: &Rewriter,
    ) -> Result<Self, RunError> {
        if variables.is_empty() {
            let mut graph = module.graph.clone();
            let output = unfold(&mut graph, &[module.output.1], rewriter)?[0];
            return Ok(Self {
                graph,
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

    fn compiled(&self, sizes: &Sizes, limit: u64) -> Result<Programs, RunError> {
        let compile = |outputs: &[(String, Id)]| -> Result<Program, RunError> {
            Ok(compile_within(&self.graph, outputs, sizes, limit)?)
        };
        let moving = match self.tangent {
            Some(tangent) => Some(Moving {
                tangent: compile(&[(OUTPUT.to_owned(), tangent)])?,
                back: compile(&self.back)?,
                turn: compile(&self.turn)?,
                fisher: (self.fisher.clone()).map(|named| named.and_then(|named| compile(&named))),
            }),
            None => None,
        };
        Ok(Programs {
            forward: compile(&[(OUTPUT.to_owned(), self.output)])?,
            moving,
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
