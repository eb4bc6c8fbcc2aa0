//! Names for common subexpressions. Why: a block whose Jacobian is written out twice, or whose probabilities are
//! spelled `softmax(z)` in every place, is right but not read.

use std::collections::{HashMap, HashSet};

use super::derive::taken_names;
use crate::expr::{Graph, Id, Module, Name, Names, Op, printed_size};

/// A part is named when writing it once instead of every time saves at least this many characters.
const WORTH_A_NAME: u64 = 10;

/// A diagonal matrix is read as a scaling where its vector is short: naming it must save more.
const WORTH_A_DIAGONAL: u64 = 20;

/// Names what `root` uses more than once, the Jacobian J, in an order in which each value uses earlier names only.
pub(crate) fn name_common_parts(
    module: &Module,
    root: Id,
    jacobian: Option<Id>,
) -> Vec<(Name, Id)> {
    let graph = &module.graph;
    let locals: Names = module
        .locals
        .iter()
        .map(|(name, id)| (*id, name.clone()))
        .collect();
    let mut taken = taken_names(module);
    let mut uses: HashMap<Id, u32> = HashMap::from([(root, 1)]);
    let mut named = Vec::new();
    for id in graph.topological(&[root]).into_iter().rev() {
        let Some(&count) = uses.get(&id) else {
            continue;
        };
        if locals.get(id).is_some() {
            continue;
        }
        let worth = id != root && count > 1 && nameable(graph, id);
        let saved = u64::from(count).saturating_sub(1);
        let least = if graph[id].op == Op::Diag {
            WORTH_A_DIAGONAL
        } else {
            WORTH_A_NAME
        };
        let worth = worth && saved.saturating_mul(printed_size(graph, id, &locals)) >= least;
        let written = if worth { 1 } else { count };
        if worth {
            named.push(id);
        }
        let node = &graph[id];
        for (i, child) in node.children.iter().enumerate() {
            // J'HJ writes its Jacobian twice.
            let times = if node.op == Op::Congruence && i == 0 {
                2
            } else {
                1
            };
            let slot = uses.entry(*child).or_insert(0);
            *slot = slot.saturating_add(written * times);
        }
    }
    named.sort_unstable();
    named
        .into_iter()
        .map(|id| (fresh(graph, id, jacobian == Some(id), &mut taken), id))
        .collect()
}

/// Whether a name would stand for something that is written as a whole.
fn nameable(graph: &Graph, id: Id) -> bool {
    let node = &graph[id];
    match node.op {
        Op::Number(_)
        | Op::Dimension(_)
        | Op::Function(_)
        | Op::Variable(_)
        | Op::Eye
        | Op::Ones
        | Op::Zeros
        | Op::Commutation
        | Op::Transpose => false,
        // `1 / s` and `-a` are written as a quotient and a difference.
        Op::Power => graph
            .as_number(node.children[1])
            .is_none_or(|p| !num_traits::Signed::is_negative(p)),
        Op::Scale => graph.as_number(node.children[0]).is_none(),
        _ => true,
    }
}

/// A free name that says what kind of thing it is.
fn fresh(graph: &Graph, id: Id, is_jacobian: bool, taken: &mut HashSet<Name>) -> Name {
    let shape = graph.shape(id);
    let stems: &[&str] = match graph[id].op {
        _ if is_jacobian => &["J"],
        Op::Softmax => &["p", "P"],
        Op::Diag => &["D"],
        _ if shape.is_scalar() => &["s", "c", "r"],
        _ if shape.is_column() => &["u", "v", "q", "r"],
        _ if shape.is_square() => &["M", "N", "Q"],
        _ => &["A", "B", "C", "G"],
    };
    let plain = stems.iter().map(|stem| (*stem).to_owned());
    let numbered = (1..).map(|i| format!("{}{i}", stems[0]));
    for name in plain.chain(numbered) {
        let name: Name = name.into();
        if taken.insert(name.clone()) {
            return name;
        }
    }
    unreachable!("there are infinitely many names")
}
