//! Products with the blocks of the whole loss, in the graph of a whole pass (Pearlmutter 1994; Schraudolph 2002). Why a graph for each
//! parameter: only what it acts on moves, and all that does not move is the same for every direction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::splice::Splice;
use super::{Linked, Product, Unlinked, declared, numbers, sum_of};
use crate::expr::{Dimension, Graph, Id, Name, Op, Shape, ShapeError, Sizes};
use crate::hbp::{Batched, Curvature, Over, UnfoldError, batched, columns_of, tangent_name};
use crate::language::Network;
use crate::network::RunError;
use crate::network::products::{Draft, Node};
use crate::rewrite::RewriteError;

/// What products ask of one module, for all samples.
struct Forms {
    graph: Graph,
    /// The dimension that counts the samples.
    samples: Name,
    output: Id,
    /// The tangent of the output, where parameters act on it; of the loss nobody asks for it.
    tangent: Option<Id>,
    back: BTreeMap<Name, Id>,
    turn: BTreeMap<Name, Id>,
}

/// Writes the gradients, and the product of every parameter's block with a direction, or says what stands against it.
pub(in crate::network) fn link_products(
    network: &Network,
    draft: &Draft,
    sizes: &Sizes,
    samples: usize,
    curvature: Curvature,
) -> Result<Result<Linked, Unlinked>, RunError> {
    let last = draft.nodes.len().saturating_sub(1);
    let mut known: HashMap<usize, Forms> = HashMap::new();
    for (place, node) in draft.nodes.iter().enumerate() {
        if known.contains_key(&node.programs) {
            continue;
        }
        let Some(forms) = forms(draft, node, place == last, curvature)? else {
            let reason = format!(
                "the products of `{}` have no form for all samples",
                node.name
            );
            return Ok(Err(Unlinked(reason)));
        };
        known.insert(node.programs, forms);
    }
    let mut linker = Linker {
        graph: Graph::default(),
        draft,
        forms: &known,
        splices: Vec::new(),
        count: Dimension::constant(samples as u64),
    };
    let linked = linker.link(network, sizes);
    let linked = linked.map_err(|error| UnfoldError::from(RewriteError::from(error)))?;
    Ok(Ok(linked))
}

/// The forms of a module; nothing where one is missing.
fn forms(
    draft: &Draft,
    node: &Node,
    is_loss: bool,
    curvature: Curvature,
) -> Result<Option<Forms>, RunError> {
    let derived = &draft.modules[node.programs].derived;
    let turn = match &derived.fisher {
        Some(expected) if is_loss && curvature == Curvature::Fisher => expected.clone()?,
        _ => derived.turn.clone(),
    };
    let turns = is_loss || curvature == Curvature::Hessian;
    let over = |variable: &str| match node.parameter(variable) {
        Some(_) => Over::Mean,
        None => Over::Columns,
    };
    let output = if is_loss { Over::Mean } else { Over::Columns };
    let mut wanted = vec![(derived.output, output)];
    let tangent = derived.tangent.filter(|_| !is_loss);
    wanted.extend(tangent.map(|id| (id, Over::Columns)));
    wanted.extend(derived.back.iter().map(|(name, id)| (*id, over(name))));
    let turned = turn.iter().filter(|_| turns);
    wanted.extend(turned.map(|(name, id)| (*id, over(name))));
    let mut varying = derived.varying.clone();
    let inputs = node.parents.iter().map(|(own, _)| tangent_name(own));
    varying.extend(inputs);
    let samples: Name = "samples#".into();
    let mut graph = derived.graph.clone();
    let found = batched(&mut graph, &wanted, &varying, &samples)
        .map_err(|error| UnfoldError::from(RewriteError::from(error)))?;
    let mut found = found.into_iter().map(|form| match form {
        Some(Batched::Value(id)) => Some(id),
        _ => None,
    });
    let mut next = || found.next().flatten();
    let Some(output) = next() else {
        return Ok(None);
    };
    let mut forms = Forms {
        graph,
        samples,
        output,
        tangent: None,
        back: BTreeMap::new(),
        turn: BTreeMap::new(),
    };
    if tangent.is_some() {
        forms.tangent = next();
        if forms.tangent.is_none() {
            return Ok(None);
        }
    }
    let turn = turn.iter().filter(|_| turns).map(|named| (named, true));
    for ((name, _), is_turn) in derived.back.iter().map(|named| (named, false)).chain(turn) {
        let Some(id) = next() else {
            return Ok(None);
        };
        let of = if is_turn {
            &mut forms.turn
        } else {
            &mut forms.back
        };
        of.insert(name.as_str().into(), id);
    }
    Ok(Some(forms))
}

struct Linker<'a> {
    graph: Graph,
    draft: &'a Draft,
    forms: &'a HashMap<usize, Forms>,
    /// One for every node: its values, and the gradient that arrives.
    splices: Vec<Splice<'a>>,
    count: Dimension,
}

impl<'a> Linker<'a> {
    fn link(&mut self, network: &Network, sizes: &Sizes) -> Result<Linked, ShapeError> {
        declared(&mut self.graph, network, sizes, &self.count);
        let loss = self.values()?;
        let gradients = self.gradients()?;
        let mut products = BTreeMap::new();
        for parameter in &network.parameters {
            if gradients.contains_key(&parameter.name) {
                let product = self.product(&parameter.name)?;
                products.insert(parameter.name.clone(), product);
            }
        }
        Ok(Linked {
            graph: std::mem::take(&mut self.graph),
            loss,
            predictions: Vec::new(),
            gradients,
            blocks: BTreeMap::new(),
            products,
            hessians: BTreeSet::new(),
            draws: None,
        })
    }

    fn last(&self) -> usize {
        self.draft.nodes.len().saturating_sub(1)
    }

    /// The values of all nodes; the answer is the mean loss.
    fn values(&mut self) -> Result<Id, ShapeError> {
        let draft = self.draft;
        for node in &draft.nodes {
            let own = &self.forms[&node.programs];
            let mut dimensions = numbers(&draft.modules[node.programs].sizes);
            dimensions.insert(own.samples.clone(), self.count.clone());
            self.splices
                .push(Splice::new(&own.graph, dimensions, node.programs));
        }
        let mut loss = self.graph.integer(0);
        for (place, node) in draft.nodes.iter().enumerate() {
            for (own, full) in &node.parameters {
                let id = self.graph.node(Op::Variable(full.clone()), &[])?;
                self.splices[place].put(own.clone(), id);
            }
            for (own, full) in &node.data {
                let id = self.graph.node(Op::Variable(full.clone()), &[])?;
                self.splices[place].put(columns_of(own), id);
            }
            let output = self.forms[&node.programs].output;
            let value = self.splices[place].write(&mut self.graph, output)?;
            for (reader, own) in &node.readers {
                self.splices[*reader].put(columns_of(own), value);
            }
            loss = value;
        }
        Ok(loss)
    }

    /// The mean gradients, and those that arrive at every node.
    fn gradients(&mut self) -> Result<BTreeMap<Name, Id>, ShapeError> {
        let draft = self.draft;
        let mut arriving: Vec<Vec<Id>> = vec![Vec::new(); draft.nodes.len()];
        let row = Shape::matrix(Dimension::one(), self.count.clone());
        arriving[self.last()].push(self.graph.ones(&row));
        let mut found: BTreeMap<Name, Vec<Id>> = BTreeMap::new();
        for (place, node) in draft.nodes.iter().enumerate().rev() {
            let Some(arrived) = sum_of(&mut self.graph, &arriving[place])? else {
                continue;
            };
            self.splices[place].put(columns_of(&gradient_of(node)), arrived);
            for (own, id) in &self.forms[&node.programs].back {
                let id = self.splices[place].write(&mut self.graph, *id)?;
                if let Some(full) = node.parameter(own) {
                    found.entry(full.clone()).or_default().push(id);
                } else if let Some(source) = node.parent(own) {
                    arriving[source].push(id);
                }
            }
        }
        let mut gradients = BTreeMap::new();
        for (name, terms) in found {
            if let Some(sum) = sum_of(&mut self.graph, &terms)? {
                gradients.insert(name, sum);
            }
        }
        Ok(gradients)
    }

    /// The product of a parameter's block with a direction: tangents forward, their gradients back.
    fn product(&mut self, parameter: &Name) -> Result<Product, ShapeError> {
        let own = self.graph.node(Op::Variable(parameter.clone()), &[])?;
        let direction = super::direction(&mut self.graph, parameter)?;
        let mut moving = self.forward(parameter, direction)?;
        let moves: Vec<bool> = moving.iter().map(Option::is_some).collect();
        let mut arriving: Vec<Vec<Id>> = vec![Vec::new(); self.draft.nodes.len()];
        let mut terms = Vec::new();
        for (place, node) in self.draft.nodes.iter().enumerate().rev() {
            let Some(splice) = &mut moving[place] else {
                continue;
            };
            let forms = &self.forms[&node.programs];
            let is_asked = |own: &&Name| {
                node.parameter(own) == Some(parameter)
                    || node.parent(own).is_some_and(|source| moves[source])
            };
            let gradient = columns_of(&gradient_of(node));
            let mut results: Vec<(&Name, Id)> = Vec::new();
            if splice.read(&gradient).is_some() {
                for own in forms.turn.keys().filter(is_asked) {
                    results.push((own, splice.write(&mut self.graph, forms.turn[own])?));
                }
            }
            if let Some(moved) = sum_of(&mut self.graph, &arriving[place])? {
                let mut splice = self.splices[place].fork();
                splice.put(gradient, moved);
                for own in forms.back.keys().filter(is_asked) {
                    results.push((own, splice.write(&mut self.graph, forms.back[own])?));
                }
            }
            for (own, id) in results {
                if self.graph.is_zero(id) {
                    continue;
                }
                if node.parameter(own) == Some(parameter) {
                    terms.push(id);
                } else if let Some(source) = node.parent(own) {
                    arriving[source].push(id);
                }
            }
        }
        let shape = self.graph.shape(own);
        let image = match sum_of(&mut self.graph, &terms)? {
            Some(image) => image,
            None => self.graph.zeros(&shape),
        };
        Ok(Product {
            direction,
            image,
            rows: Vec::new(),
        })
    }

    /// The tangents of all that a parameter acts on: of every node that moves, its variables with their tangents.
    fn forward(
        &mut self,
        parameter: &Name,
        direction: Id,
    ) -> Result<Vec<Option<Splice<'a>>>, ShapeError> {
        let draft = self.draft;
        let mut tangents: Vec<Option<Id>> = vec![None; draft.nodes.len()];
        let mut moving = Vec::with_capacity(draft.nodes.len());
        for (place, node) in draft.nodes.iter().enumerate() {
            let moves = node.parameters.iter().any(|(_, full)| full == parameter)
                || (node.parents.iter()).any(|(_, source)| tangents[*source].is_some());
            if !moves {
                moving.push(None);
                continue;
            }
            let mut splice = self.splices[place].fork();
            for (own, full) in &node.parameters {
                let tangent = if full == parameter {
                    direction
                } else {
                    let own = self.graph.node(Op::Variable(full.clone()), &[])?;
                    let shape = self.graph.shape(own);
                    self.graph.zeros(&shape)
                };
                splice.put(tangent_name(own), tangent);
            }
            for (own, source) in &node.parents {
                let tangent = if let Some(tangent) = tangents[*source] {
                    tangent
                } else {
                    let value = splice.read(&columns_of(own));
                    let shape = value.map(|value| self.graph.shape(value));
                    self.graph.zeros(&shape.unwrap_or_else(Shape::scalar))
                };
                splice.put(columns_of(&tangent_name(own)), tangent);
            }
            if let Some(tangent) = self.forms[&node.programs].tangent {
                let tangent = splice.write(&mut self.graph, tangent)?;
                tangents[place] = (!self.graph.is_zero(tangent)).then_some(tangent);
            }
            moving.push(Some(splice));
        }
        Ok(moving)
    }
}

/// The name of what arrives at a node's output.
fn gradient_of(node: &Node) -> String {
    format!("grad({})", node.output)
}
