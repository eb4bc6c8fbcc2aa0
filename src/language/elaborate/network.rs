//! A network from its syntax. Why every node is a module of its own: Hessian backpropagation passes from
//! module to module, and how values are grouped into modules is the user's to say.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use indexmap::IndexMap;

use super::circle::circles;
use super::module::{collect, collect_brackets};
use super::{Builder, Seen, check_names, facts, node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::{Dimension, Facts, Name, Shape};
use crate::language::limits;
use crate::language::network::{Network, NetworkNode, NetworkValue};
use crate::language::scope::{Callable, Scope};
use crate::language::syntax::{Declaration, Expr, ExprKind, Ident, NetworkItem, Statement};

/// What a value of a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Target,
    Node,
}

/// A value of a network while it is checked.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// Nothing when its definition failed.
    pub(super) shape: Option<Shape>,
    pub(super) facts: Facts,
    pub(super) span: Span,
    pub(super) used: bool,
}

/// A network while it is checked.
pub(super) struct State<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) budget: &'a Cell<usize>,
    pub(super) sizes: Rc<BTreeMap<Name, Dimension>>,
    /// True when dimensions that only `--dims` can determine are passed over in silence.
    pub(super) defer: bool,
    pub(super) dims: BTreeSet<Name>,
    pub(super) places: Rc<BTreeMap<Name, Span>>,
    /// Where nodes of a circle read each other, which is told already.
    pub(super) circular: Rc<BTreeSet<Span>>,
    pub(super) values: IndexMap<Name, Slot>,
    pub(super) parameters: IndexMap<Name, NetworkValue>,
    /// True when something failed without a message of its own here.
    pub(super) failed: bool,
    pub(super) errors: Diagnostics,
}

impl<'a> State<'a> {
    /// A builder that knows the network's dimensions; [`Self::absorb`] takes them back.
    pub(super) fn builder(&mut self) -> Builder<'a> {
        let mut builder = Builder::new(self.scope, self.budget);
        builder.dims = std::mem::take(&mut self.dims);
        builder.places = Rc::clone(&self.places);
        builder.circular = Rc::clone(&self.circular);
        builder.sizes = Rc::clone(&self.sizes);
        builder.defer = self.defer;
        builder
    }
}

/// Checks a network. `sizes` replace dimensions by numbers. With `defer`, dimensions that only such sizes can
/// determine are no errors, and there may be no network either.
pub(crate) fn network(
    item: &NetworkItem,
    scope: Scope<'_>,
    budget: &Cell<usize>,
    sizes: &BTreeMap<Name, Dimension>,
    defer: bool,
    errors: &mut Diagnostics,
) -> Option<Network> {
    let mut state = State {
        scope,
        budget,
        sizes: Rc::new(sizes.clone()),
        defer,
        dims: dimensions(item),
        places: Rc::default(),
        circular: Rc::default(),
        values: IndexMap::new(),
        parameters: IndexMap::new(),
        failed: item.body.contains(&Statement::Error),
        errors: Diagnostics::new(),
    };
    if item.body.len() > limits::NETWORK_STATEMENTS {
        let message = format!(
            "the network `{}` has {} statements",
            item.ident.name,
            item.body.len()
        );
        let help = format!(
            "at most {} are read: compose modules",
            limits::NETWORK_STATEMENTS
        );
        let diagnostic = Diagnostic::new(Code::Limit, message, help);
        errors.push(diagnostic.at(item.ident.span, "defined here"));
        return None;
    }
    state.declare(item);
    state.share_facts(item);
    let mut nodes: Vec<NetworkNode> = Vec::new();
    let mut losses: Vec<(Span, Option<NetworkNode>)> = Vec::new();
    for statement in &item.body {
        match statement {
            Statement::Define(ident, value) => {
                let node = node::node(&mut state, &ident.name, value, false);
                let shape = node
                    .as_ref()
                    .map(|n| n.module.graph.shape(n.module.output.1));
                let slot = Slot {
                    kind: Kind::Node,
                    shape,
                    facts: Facts::default(),
                    span: ident.span,
                    used: false,
                };
                state.values.entry(ident.name.clone()).or_insert(slot);
                nodes.extend(node);
            }
            Statement::Loss(place, value) => {
                let node = node::node(&mut state, &"loss".into(), value, true);
                state.check_scalar(node.as_ref(), value.span);
                losses.push((place.to(value.span), node));
            }
            Statement::Model(ident, _) => {
                let message = "a model belongs to the module of the loss";
                let help = "declare the loss as a module of its own, with this line in its body";
                let diagnostic = Diagnostic::new(Code::Misplaced, message, help);
                state.errors.push(diagnostic.at(ident.span, "remove it"));
            }
            Statement::Param(place, _) => {
                let message = "`param` belongs to modules";
                let help = "the parameters of a network are those of its modules, such as `h1.W`";
                let diagnostic = Diagnostic::new(Code::Misplaced, message, help);
                state.errors.push(diagnostic.at(*place, "not in a network"));
            }
            Statement::Input(..) | Statement::Target(..) | Statement::Error => {}
        }
    }
    state.one_loss(item, &losses);
    state.unread(losses.is_empty());
    let failed = state.failed || !state.errors.is_empty();
    errors.append(std::mem::take(&mut state.errors));
    let (_, loss) = losses.into_iter().next()?;
    if failed {
        return None;
    }
    Some(Network {
        name: item.ident.name.clone(),
        inputs: state.of_kind(Kind::Input),
        targets: state.of_kind(Kind::Target),
        nodes,
        loss: loss?,
        parameters: state.parameters.into_values().collect(),
    })
}

impl State<'_> {
    /// Reads all declarations, wherever they stand.
    fn declare(&mut self, item: &NetworkItem) {
        let mut seen = Seen::default();
        let mut idents: Vec<&Ident> = vec![&item.ident];
        for statement in &item.body {
            let (declaration, kind) = match statement {
                Statement::Input(_, declaration) => (declaration, Kind::Input),
                Statement::Target(_, declaration) => (declaration, Kind::Target),
                Statement::Define(ident, _) => {
                    idents.push(ident);
                    seen.define(ident, &mut self.errors);
                    continue;
                }
                _ => continue,
            };
            idents.push(&declaration.ident);
            if seen.define(&declaration.ident, &mut self.errors) {
                self.declare_value(declaration, kind);
            }
        }
        check_names(idents.into_iter(), &mut self.errors);
        self.places = Rc::new(seen.into_places());
        self.circular = Rc::new(circles(&item.body, &self.places, &mut self.errors));
    }

    fn declare_value(&mut self, declaration: &Declaration, kind: Kind) {
        let mut builder = self.builder();
        let shape = builder.shape(&declaration.shape);
        let facts = shape
            .as_ref()
            .map(|shape| facts(&mut builder, &declaration.facts, shape));
        self.absorb(&mut builder);
        let slot = Slot {
            kind,
            shape,
            facts: facts.unwrap_or_default(),
            span: declaration.ident.span,
            used: false,
        };
        self.values.insert(declaration.ident.name.clone(), slot);
    }

    /// What a module declares of an input holds for the network's input or target that is given to it.
    fn share_facts(&mut self, item: &NetworkItem) {
        for statement in &item.body {
            let (Statement::Define(_, value) | Statement::Loss(_, value)) = statement else {
                continue;
            };
            let mut calls = Vec::new();
            value.visit(&mut |e| {
                if let ExprKind::Call(call) = &e.kind {
                    calls.push(call);
                }
            });
            for call in calls {
                let Some(Callable::Module(template)) = self.scope.find(&call.callee.name) else {
                    continue;
                };
                for (formal, argument) in template.module.inputs.iter().zip(&call.arguments) {
                    if let ExprKind::Name(name) = &argument.ungrouped().kind
                        && let Some(slot) = self.values.get_mut(name)
                    {
                        slot.facts = slot
                            .facts
                            .and(template.module.graph.variables()[formal].facts);
                    }
                }
            }
        }
    }

    fn check_scalar(&mut self, node: Option<&NetworkNode>, span: Span) {
        let Some(node) = node else { return };
        let shape = node.module.graph.shape(node.module.output.1);
        if !shape.is_scalar() {
            let message = format!("the loss is {shape:?}, not a scalar");
            let help = "reduce it, as in `loss sum(h)`, or use a loss such as `square_loss(h, y)`";
            let diagnostic = Diagnostic::new(Code::Loss, message, help);
            self.errors.push(diagnostic.at(span, format!("{shape:?}")));
        }
    }

    fn one_loss(&mut self, item: &NetworkItem, losses: &[(Span, Option<NetworkNode>)]) {
        match losses {
            [_] => {}
            [] if self.failed => {}
            [] => {
                let message = format!("the network `{}` has no loss", item.ident.name);
                let help = "add a statement `loss square_loss(h, y)`";
                let diagnostic = Diagnostic::new(Code::Loss, message, help);
                self.errors
                    .push(diagnostic.at(item.ident.span, "defined here"));
            }
            [(first, _), others @ ..] => {
                let count = match others {
                    [_] => "two".to_owned(),
                    _ => losses.len().to_string(),
                };
                let message = format!("the network `{}` has {count} losses", item.ident.name);
                let help =
                    "add them in one statement: `loss square_loss(h, y) + 0.1 * sum(h .^ 2)`";
                let mut diagnostic = Diagnostic::new(Code::Loss, message, help);
                diagnostic = diagnostic.at(*first, "the first one");
                for (span, _) in others.iter().take(4) {
                    diagnostic = diagnostic.at(*span, "again");
                }
                self.errors.push(diagnostic);
            }
        }
    }

    /// Refuses values that nothing reads. Without a loss that is told, and what it would read is not known.
    fn unread(&mut self, is_lossless: bool) {
        for (name, slot) in &self.values {
            if slot.used || self.failed || (is_lossless && slot.kind != Kind::Input) {
                continue;
            }
            let (kind, help) = match slot.kind {
                Kind::Input => ("input", "remove it, or give it to a module"),
                Kind::Target => ("target", "remove it, or give it to the loss"),
                Kind::Node => (
                    "node",
                    "remove it, or use it in another node or in the loss",
                ),
            };
            let message = format!("nothing reads the {kind} `{name}`");
            let diagnostic = Diagnostic::new(Code::Unread, message, help);
            self.errors.push(diagnostic.at(slot.span, "never read"));
        }
    }

    fn of_kind(&self, kind: Kind) -> Vec<NetworkValue> {
        let values = self.values.iter().filter(|(_, slot)| slot.kind == kind);
        values
            .filter_map(|(name, slot)| {
                let shape = slot.shape.clone()?;
                Some(NetworkValue {
                    name: name.clone(),
                    shape,
                    facts: slot.facts,
                })
            })
            .collect()
    }
}

/// The dimensions that types and brackets introduce.
fn dimensions(item: &NetworkItem) -> BTreeSet<Name> {
    let mut dims = BTreeSet::new();
    let mut types: Vec<&Expr> = Vec::new();
    for statement in &item.body {
        match statement {
            Statement::Input(_, d) | Statement::Target(_, d) => types.extend(&d.shape.dims),
            Statement::Define(_, value) | Statement::Loss(_, value) => {
                collect_brackets(value, &mut dims);
            }
            Statement::Param(..) | Statement::Model(..) | Statement::Error => {}
        }
    }
    for dim in types {
        collect(dim, &mut dims);
    }
    dims
}
