//! Could a claim be about this module? Why without deriving: the answer is only a hint, and a derivation is work.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostics;
use crate::expr::{Dimension, Facts, Id, Module, Name, Role, Shape, Variable};
use crate::language::{File, Query, parse_expression};
use crate::proof::Claim;

/// True when both sides can be read with the module's names, and have one shape.
pub(super) fn is_possible(file: &File, claim: &Claim, module: &Module) -> bool {
    let mut module = module.clone();
    let mut names: BTreeMap<Name, Id> = BTreeMap::new();
    for (name, text) in &claim.lets {
        let Some(value) = read(file, &mut module, text, &names) else {
            return false;
        };
        names.insert(name.clone(), value);
    }
    let sides = [&claim.left, &claim.right].map(|side| read(file, &mut module, side, &names));
    let [Some(left), Some(right)] = sides else {
        return false;
    };
    module.graph.shape(left) == module.graph.shape(right)
}

fn read(file: &File, module: &mut Module, text: &str, names: &BTreeMap<Name, Id>) -> Option<Id> {
    let mut stand_in =
        |module: &mut Module, query: &Query| Ok::<_, Diagnostics>(stand_in(module, query));
    parse_expression(file, module, "side", text, names, &mut stand_in).ok()
}

/// A variable of the shape of what is asked for.
fn stand_in(module: &mut Module, query: &Query) -> Id {
    let size = |name: &Name| size(module, name);
    let shape = match query {
        Query::Gradient(v) => shape_of(module, v),
        Query::Hessian(v) | Query::Residual(v) => Shape::matrix(size(v), size(v)),
        Query::CrossHessian(u, v) => Shape::matrix(size(u), size(v)),
        Query::Jacobian(z, v) => Shape::matrix(size(z), size(v)),
    };
    let variable = Variable {
        shape,
        role: Role::Upstream,
        facts: Facts::default(),
    };
    module.graph.declare(format!("{query:?}"), variable)
}

fn size(module: &Module, name: &Name) -> Dimension {
    shape_of(module, name).size()
}

/// The shape of an input, a parameter, a local or the output.
fn shape_of(module: &Module, name: &Name) -> Shape {
    if let Some(variable) = module.graph.variables().get(name) {
        return variable.shape.clone();
    }
    let local = module.locals.iter().find(|(local, _)| local == name);
    let id = local.map_or(module.output.1, |(_, id)| *id);
    module.graph.shape(id)
}
