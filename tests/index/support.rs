//! Modules and expressions from text.

use std::collections::BTreeMap;

use hbp::calculus::index::{Derivation, Upstream, derive};
use hbp::expr::{Facts, Id, Module, Role, Shape, Variable};
use hbp::language::{Query, parse, parse_expression};

/// The last module of a text.
pub(crate) fn declared(text: &str) -> Module {
    let file = parse("test.hbp", text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let name = file.modules().last().expect("a module").clone();
    file.module(&name).expect("the module")
}

/// A module with `grad(out)` and `hess(out)` declared, and its file.
pub(crate) fn module(text: &str) -> (hbp::language::File, Module) {
    let file = parse("test.hbp", text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let name = file.modules().last().expect("a module").clone();
    let mut module = file.module(&name).expect("the module");
    let (output, id) = module.output.clone();
    let shape = module.graph.shape(id);
    let size = shape.size();
    let upstream = |shape, symmetric| Variable {
        shape,
        role: Role::Upstream,
        facts: Facts {
            symmetric,
            ..Facts::default()
        },
    };
    module
        .graph
        .declare(format!("grad({output})"), upstream(shape, false));
    let hessian = upstream(Shape::matrix(size.clone(), size), true);
    module.graph.declare(format!("hess({output})"), hessian);
    (file, module)
}

/// An expression over a module's names.
pub(crate) fn expression(file: &hbp::language::File, module: &mut Module, text: &str) -> Id {
    parse_expression(
        file,
        module,
        "expression",
        text,
        &BTreeMap::new(),
        &mut |module, query| {
            let name = match query {
                Query::Gradient(z) => format!("grad({z})"),
                Query::Hessian(z) => format!("hess({z})"),
                other => panic!("{other:?}"),
            };
            Ok(module.graph.variable(&name).expect("only the output's"))
        },
    )
    .unwrap_or_else(|e| panic!("{e:?}\n{text}"))
}

/// A module of declarations, for expressions over them.
pub(crate) fn names(declarations: &str) -> (hbp::language::File, Module) {
    module(&format!(
        "{declarations}\nmodule nothing(unit: R) -> z: R {{ z = unit }}"
    ))
}

/// The equations of a module for one variable.
pub(crate) fn equations(module: &Module, variable: &str) -> Derivation {
    derive(
        &module.graph,
        module.output.1,
        Upstream::Output(&module.output.0),
        variable,
    )
    .unwrap_or_else(|e| panic!("{variable}: {e}"))
}
