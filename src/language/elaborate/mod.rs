//! From syntax to expressions. Why a builder that goes on after errors: an expression that failed is `None`,
//! reported once, and whatever uses it stays silent.

mod call;
mod circle;
mod copy;
mod dimension;
mod expression;
mod facts;
mod function;
mod inline;
mod model;
mod module;
mod naming;
mod network;
mod node;
mod operator;
mod sizes;
mod unify;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

pub(crate) use copy::Copy as ExpressionCopy;
pub(super) use facts::{Seen, check_names, facts};
pub(super) use function::functions;
pub(super) use module::module;
pub(super) use network::network;

use super::limits;
use super::scope::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::{Dimension, Graph, Id, Name, Op, ShapeError, Sort};

/// A name's value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// The value, or nothing when its definition failed.
    pub(super) id: Option<Id>,
    /// True when something reads it.
    pub(super) used: bool,
}

/// An expression and where it stands.
#[derive(Clone, Copy, Debug)]
struct Operand {
    id: Id,
    span: Span,
}

/// What calls may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// Anything.
    All,
    /// Elementwise functions: the definition of one.
    Elementwise,
    /// Anything that adds no parameters: a side of an equation to prove.
    Closed,
}

/// Builds expressions in one graph.
pub(super) struct Builder<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) calls: Calls,
    pub(super) graph: Graph,
    pub(super) values: HashMap<Name, Value>,
    /// Names defined somewhere in the text, for "used above its definition".
    pub(super) places: Rc<BTreeMap<Name, Span>>,
    /// Where values of a circle read each other, which is told already.
    pub(super) circular: Rc<BTreeSet<Span>>,
    /// Where the statement begins: what stands before it is a name to suggest, though it may not be among the values.
    pub(super) start: usize,
    pub(super) dims: BTreeSet<Name>,
    /// Parameters in order of appearance, those of inlined calls included.
    pub(super) parameters: Vec<Name>,
    /// Names for the parameters of inlined calls, by the place of the call.
    pub(super) names: naming::Names,
    /// Values of calls that were worked out elsewhere, by their place; nothing when that failed.
    pub(super) known: HashMap<Span, Option<Id>>,
    /// Sizes for dimensions of callees that nothing else determines.
    pub(super) sizes: Rc<BTreeMap<Name, Dimension>>,
    /// True when dimensions that only `--dims` can determine are passed over in silence.
    pub(super) defer: bool,
    /// How many calls deep the expressions are.
    pub(super) depth: usize,
    /// Where operations are written, those of inlined calls at the call.
    pub(super) written: HashMap<Id, Span>,
    pub(super) errors: Diagnostics,
    /// Nodes that may still be built for this file.
    pub(super) budget: &'a Cell<usize>,
    /// How many nodes the graph had before.
    pub(super) given: usize,
    exhausted: bool,
}

impl<'a> Builder<'a> {
    /// A builder of an empty graph.
    pub(super) fn new(scope: Scope<'a>, budget: &'a Cell<usize>) -> Self {
        Self {
            scope,
            calls: Calls::All,
            graph: Graph::default(),
            values: HashMap::new(),
            places: Rc::default(),
            circular: Rc::default(),
            start: 0,
            dims: BTreeSet::new(),
            parameters: Vec::new(),
            names: naming::Names::default(),
            known: HashMap::new(),
            sizes: Rc::default(),
            defer: false,
            depth: 0,
            written: HashMap::new(),
            errors: Diagnostics::new(),
            budget,
            given: 0,
            exhausted: false,
        }
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.errors.push(diagnostic);
    }

    /// Adds an operation; `place` is where an error of shapes is shown, the operands are labelled with theirs.
    fn node(&mut self, op: Op, operands: &[Operand], place: Span) -> Option<Id> {
        let ids: Vec<Id> = operands.iter().map(|o| o.id).collect();
        let known = self.graph.len();
        match self.graph.node(op, &ids) {
            Ok(id) => {
                self.locate(known, place);
                self.within_limits(id, place)
            }
            Err(error) => {
                self.shape_error(error, operands, place);
                None
            }
        }
    }

    /// Notes where the nodes from `first` on are written.
    fn locate(&mut self, first: usize, place: Span) {
        let new = (first..self.graph.len()).filter_map(|id| Some(Id(u32::try_from(id).ok()?)));
        self.written.extend(new.map(|id| (id, place)));
    }

    fn shape_error(&mut self, error: ShapeError, operands: &[Operand], place: Span) {
        let help = error
            .help
            .unwrap_or_else(|| "check the shapes of the operands".to_owned());
        let mut diagnostic = Diagnostic::new(Code::Shape, error.message, help).at(place, "");
        for operand in operands {
            if let Sort::Value(shape) = &self.graph[operand.id].sort {
                diagnostic = diagnostic.at(operand.span, format!("{shape:?}"));
            }
        }
        self.error(diagnostic);
    }

    /// Refuses expressions and dimensions that have grown beyond the limits.
    fn within_limits(&mut self, id: Id, place: Span) -> Option<Id> {
        if let Some(shape) = self.graph[id].sort.shape()
            && !(dimension::fits(&shape.rows) && dimension::fits(&shape.cols))
        {
            self.error(
                Diagnostic::new(
                    Code::Limit,
                    "the shape of this has grown beyond the limits on dimensions",
                    format!(
                        "at most {} sizes may be multiplied and {} terms added; name a product as one dimension",
                        limits::DIMENSION_DEGREE,
                        limits::DIMENSION_TERMS
                    ),
                )
                .at(place, "here"),
            );
            return None;
        }
        self.has_room(0, place).then_some(id)
    }

    /// True when `more` nodes may be added. Says so once when not.
    fn has_room(&mut self, more: usize, place: Span) -> bool {
        let own = self.graph.len() - self.given.min(self.graph.len());
        let fits = own + more <= limits::MODULE_NODES && more <= self.budget.get();
        if fits {
            self.budget.set(self.budget.get() - more);
            return !self.exhausted;
        }
        if !std::mem::replace(&mut self.exhausted, true) {
            self.error(
                Diagnostic::new(
                    Code::Limit,
                    "with its calls inlined this has become too large",
                    format!(
                        "at most {} operations a module and {} a file; calls that double at every level grow fast",
                        limits::MODULE_NODES,
                        limits::FILE_NODES
                    ),
                )
                .at(place, "the limit is passed here"),
            );
        }
        false
    }
}
