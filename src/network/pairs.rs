//! Neighbours in a network: a value and the one node that reads it. Why once for like pairs: what composing them changes is
//! a matter of their maps and of what is live around them, and a deep network repeats both.

use std::collections::{BTreeSet, HashMap};

use super::RunError;
use super::compose::{Naming, merged};
use super::draft::map;
use super::generic::{generic, generic_like};
use super::graph::Dag;
use super::grouping::Wiring;
use crate::expr::{Module, Name, Sizes};
use crate::language::Network;

/// Two neighbours, alone and composed, in the network's own names.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The nodes, those of all pairs like this one.
    pub(crate) nodes: Vec<(Name, Name)>,
    /// The node that is read.
    pub(crate) first: Module,
    /// The node that reads it.
    pub(crate) second: Module,
    /// Both as one.
    pub(crate) composed: Module,
    /// The input of the second that the first one's value is.
    pub(crate) inner: Name,
    /// What the names that stand for fixed sizes stand for.
    pub(crate) sizes: Sizes,
    /// The variables of the composite that something is sent to, or whose block is made.
    pub(crate) wanted: Vec<Name>,
    /// Those of them that stay live.
    pub(crate) joint: Vec<Name>,
    /// True when other values are live beside the output.
    pub(crate) alongside: bool,
    /// True when the second node is the loss.
    pub(crate) is_loss: bool,
}

/// The neighbours of a network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    /// Each kind once.
    pub(crate) pairs: Vec<Pair>,
    /// Values that several nodes read, with their readers: no pair can be made of them.
    pub(crate) shared: Vec<(Name, Vec<Name>)>,
}

/// All pairs of neighbours in a network.
///
/// # Errors
/// When a composite is too large.
pub(crate) fn pairs(network: &Network) -> Result<Pairs, RunError> {
    let wiring = Wiring::new(network);
    let dag = Dag::new(network);
    let (live, crossings) = (dag.live(), dag.crossings());
    let mut found = Pairs::default();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (place, node) in wiring.nodes.iter().enumerate() {
        let readers: Vec<usize> = wiring.readers[place].iter().copied().collect();
        let [reader] = readers.as_slice() else {
            if !readers.is_empty() {
                let names = readers.iter().map(|r| wiring.nodes[*r].name.clone());
                found.shared.push((node.name.clone(), names.collect()));
            }
            continue;
        };
        let group = [place, *reader];
        let composed = merged(&wiring, &group, Naming::Network)?;
        let is_live: BTreeSet<&Name> = (group.iter())
            .flat_map(|p| wiring.nodes[*p].arguments.iter().zip(&wiring.sources[*p]))
            .filter(|(_, source)| source.is_some_and(|source| live[source]))
            .map(|(name, _)| name)
            .collect();
        let inputs = composed.module.inputs.iter().zip(&composed.arguments);
        let inputs = inputs.filter(|(_, full)| is_live.contains(full));
        let mut joint: Vec<Name> = inputs.map(|(own, _)| own.clone()).collect();
        let mut wanted = joint.clone();
        for (own, full) in &composed.parameters {
            wanted.push(own.clone());
            let others = wiring.nodes.iter().enumerate();
            let mut others = others.filter(|(other, _)| !group.contains(other));
            if others.any(|(_, node)| node.parameters.iter().any(|(_, name)| name == full)) {
                joint.push(own.clone());
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let second = merged(&wiring, &[*reader], Naming::Network)?;
        let inner = second.module.inputs.iter().zip(&second.arguments);
        let mut inner = inner.filter(|(_, full)| **full == node.name);
        let Some((inner, _)) = inner.next() else {
            continue;
        };
        let names = (node.name.clone(), wiring.nodes[*reader].name.clone());
        let pair = Pair {
            nodes: vec![names.clone()],
            first: merged(&wiring, &[place], Naming::Network)?.module,
            inner: inner.clone(),
            second: second.module,
            composed: composed.module,
            sizes: Sizes::new(),
            wanted,
            joint,
            alongside: crossings[*reader].alongside,
            is_loss: *reader + 1 == wiring.nodes.len(),
        };
        let key = key(&wiring, group, &pair)?;
        if let Some(at) = known.get(&key) {
            found.pairs[*at].nodes.push(names);
            continue;
        }
        known.insert(key, found.pairs.len());
        found.pairs.push(sized(pair));
    }
    Ok(found)
}

/// What two pairs have in common when they are alike: maps, who reads what, and what is live, by places instead of names.
fn key(wiring: &Wiring<'_>, group: [usize; 2], pair: &Pair) -> Result<String, RunError> {
    let like = |module: &Module| generic(module).map_or_else(|| map(module), |(m, _)| map(&m));
    let own = merged(wiring, &group, Naming::Own)?.module;
    let names: Vec<&Name> = pair.composed.variables().collect();
    let places = |some: &mut dyn Iterator<Item = &Name>| -> Vec<Option<usize>> {
        some.map(|name| names.iter().position(|known| *known == name))
            .collect()
    };
    let parts = group.map(|place| like(&wiring.nodes[place].module));
    Ok(format!(
        "{} {parts:?} {:?} {:?} {:?} {:?} {} {}",
        like(&own),
        places(&mut pair.first.variables()),
        places(&mut pair.second.variables()),
        places(&mut pair.wanted.iter()),
        places(&mut pair.joint.iter()),
        pair.alongside,
        pair.is_loss
    ))
}

/// The pair with names for fixed sizes, where all three modules have a meaning with them.
fn sized(pair: Pair) -> Pair {
    let Some((composed, sizes)) = generic(&pair.composed) else {
        return pair;
    };
    let parts = [&pair.first, &pair.second].map(|module| generic_like(module, &sizes));
    let [Some(first), Some(second)] = parts else {
        return pair;
    };
    Pair {
        first,
        second,
        composed,
        sizes,
        ..pair
    }
}
