//! Names for the parameters of inlined calls. The rule: if a parameter's name occurs more than once among the
//! module's own and its calls', every inlined one is dotted with its local, `y.W`, and the module's own keep
//! theirs. A name that the module uses for another value counts as an occurrence.
//!
//! Where one statement makes several calls with parameters, the first in reading order takes the local's name
//! and the others a number: `z = linear[m](linear[k](x))` has `z.W` (the outer) and `z_2.W`.

use std::collections::{BTreeSet, HashMap};

use crate::diagnostic::Span;
use crate::expr::Name;
use crate::language::scope::{Callable, Scope};
use crate::language::syntax::{Call, Expr, ExprKind};

/// For the place of each call, the callee's parameters that are new with their names in the caller.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<Span, Vec<(Name, Name)>>);

/// How inlined parameters are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dotting {
    /// Dotted when the name occurs more than once.
    WhenRepeated,
    /// Always dotted, as in a network.
    Always,
}

impl Names {
    /// Names the parameters of all calls in `statements`, pairs of a local and its value.
    /// `own` is true for the caller's own names, of parameters and other values.
    pub(crate) fn plan(
        scope: Scope<'_>,
        own: impl Fn(&Name) -> bool,
        statements: &[(Name, &Expr)],
        dotting: Dotting,
    ) -> Self {
        let mut calls: Vec<(Span, Name, Vec<Name>)> = Vec::new();
        let mut prefixes: BTreeSet<Name> = BTreeSet::new();
        for (local, value) in statements {
            let mut first = true;
            value.visit(&mut |expr| {
                let ExprKind::Call(call) = &expr.kind else {
                    return;
                };
                let new = new_parameters(scope, call);
                if !new.is_empty() {
                    let prefix = if std::mem::take(&mut first) {
                        local.clone()
                    } else {
                        numbered(local, |name| own(name) || prefixes.contains(name))
                    };
                    prefixes.insert(prefix.clone());
                    calls.push((expr.span, prefix, new));
                }
            });
        }
        let mut count: HashMap<&Name, usize> = HashMap::new();
        for name in calls.iter().flat_map(|(_, _, new)| new) {
            *count.entry(name).or_default() += 1;
        }
        let mut taken: BTreeSet<Name> = BTreeSet::new();
        let mut names = HashMap::new();
        for (place, prefix, new) in &calls {
            let mut named = Vec::new();
            for parameter in new {
                let repeated = count[parameter] > 1 || own(parameter) || taken.contains(parameter);
                let mut name = parameter.clone();
                if dotting == Dotting::Always || repeated {
                    name = format!("{prefix}.{parameter}").into();
                }
                if own(&name) || taken.contains(&name) {
                    name = numbered(&name, |name| own(name) || taken.contains(name));
                }
                taken.insert(name.clone());
                named.push((parameter.clone(), name));
            }
            names.insert(*place, named);
        }
        Self(names)
    }

    /// The name in the caller of a callee's parameter.
    pub(crate) fn of(&self, call: Span, parameter: &Name) -> Name {
        let known = self
            .0
            .get(&call)
            .and_then(|names| names.iter().find(|(p, _)| p == parameter));
        known.map_or_else(|| parameter.clone(), |(_, name)| name.clone())
    }
}

/// The parameters that a call brings along.
fn new_parameters(scope: Scope<'_>, call: &Call) -> Vec<Name> {
    let Some(Callable::Module(template)) = scope.find(&call.callee.name) else {
        return Vec::new();
    };
    let given = |name: &Name| call.shares.iter().any(|(ident, _)| ident.name == *name);
    template
        .module
        .parameters
        .iter()
        .filter(|p| !given(p))
        .cloned()
        .collect()
}

/// `name_2`, `name_3`, …: the first that is not taken.
pub(super) fn numbered(name: &str, taken: impl Fn(&Name) -> bool) -> Name {
    let mut number = 2;
    loop {
        let candidate = Name::from(format!("{name}_{number}"));
        if !taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}
