//! Expressions of one sample as expressions of all samples, which stand side by side as columns. Why: W x for every
//! sample is one matrix product W X, and the mean of u v' is U V'/B. What has no such form is said to have none; it is
//! then computed sample by sample.
//!
//! A column that differs from sample to sample becomes a matrix with one column a sample; a matrix that differs is never
//! formed, but its product with a column and, where it is made of columns, its mean have a batched form.

mod columns;
mod entries;
mod images;
mod means;
mod terms;

use std::collections::{BTreeMap, HashMap};

pub use entries::Expansion;
pub use images::{mean_image, row_factors};
pub use terms::{Terms, terms_of};

use crate::expr::{
    Dimension, Facts, Graph, Id, Name, Op, Rational, Role, Shape, ShapeError, Variable,
};

/// What is wanted of an expression of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// Its value for every sample, side by side; it must be a column.
    Columns,
    /// Its mean over the samples.
    Mean,
    /// The columns u and v, side by side, that its value `u v'` is made of for every sample.
    Factors,
}

/// An expression of all samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batched {
    /// Columns side by side, or a mean.
    Value(Id),
    /// U and V with `u v'` of every sample as a column of each.
    Factors(Id, Id),
}

/// The variable that holds the values of `name` for all samples side by side.
pub fn columns_of(name: &str) -> Name {
    format!("columns({name})").into()
}

/// The batched form of each expression, for as many samples as the dimension `samples` says; nothing for one that has
/// none. `varying` are the variables that differ from sample to sample: in the batched forms each is replaced by the
/// variable [`columns_of`] it.
///
/// # Errors
/// When an expression is ill shaped.
pub fn batched(
    graph: &mut Graph,
    wanted: &[(Id, Over)],
    varying: &[Name],
    samples: &Name,
) -> Result<Vec<Option<Batched>>, ShapeError> {
    batched_with(graph, wanted, (varying, samples), None)
}

/// As [`batched`], where matrices that differ are written out for all samples before they are averaged, if nothing else leads to their mean
/// and they have no more entries than the expansion allows.
///
/// # Errors
/// As [`batched`].
pub fn batched_expanding(
    graph: &mut Graph,
    wanted: &[(Id, Over)],
    (varying, samples): (&[Name], &Name),
    expansion: Expansion<'_>,
) -> Result<Vec<Option<Batched>>, ShapeError> {
    batched_with(graph, wanted, (varying, samples), Some(expansion))
}

fn batched_with(
    graph: &mut Graph,
    wanted: &[(Id, Over)],
    (varying, samples): (&[Name], &Name),
    expansion: Option<Expansion<'_>>,
) -> Result<Vec<Option<Batched>>, ShapeError> {
    let mut batch = Samples::new(graph, varying, samples);
    let mut found = Vec::new();
    for (id, over) in wanted {
        let mut form = match over {
            Over::Columns => batch.columns(*id).map(Batched::Value),
            Over::Mean => batch.mean(*id).map(Batched::Value),
            Over::Factors => batch.rank_one(*id).map(|(u, v)| Batched::Factors(u, v)),
        };
        if let (Over::Mean, Err(Stop::NoForm), Some(expansion)) = (over, &form, expansion) {
            form = batch.expanded_mean(*id, expansion).map(Batched::Value);
        }
        found.push(match form {
            Ok(form) => Some(form),
            Err(Stop::NoForm) => None,
            Err(Stop::Shape(error)) => return Err(error),
        });
    }
    Ok(found)
}

/// Why there is no batched form.
#[derive(Clone, Debug)]
enum Stop {
    /// The operation has none.
    NoForm,
    /// An expression was ill shaped.
    Shape(ShapeError),
}

impl From<ShapeError> for Stop {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

type Form<T> = Result<T, Stop>;

/// The batched forms found so far.
struct Samples<'a> {
    graph: &'a mut Graph,
    varying: &'a [Name],
    dimension: Dimension,
    /// The number of samples, as a dimension of the graph.
    count: Id,
    varies: BTreeMap<Id, bool>,
    columns: HashMap<Id, Option<Id>>,
    /// Products of a matrix, as it is or transposed, with columns.
    products: HashMap<(Id, bool, Id), Option<Id>>,
    rank_one: HashMap<Id, Option<(Id, Id)>>,
    means: HashMap<Id, Option<Id>>,
    /// Nodes asked for so far.
    effort: usize,
    expansion: Option<Expansion<'a>>,
}

/// Nodes asked for before a form is taken for none: products of long sums are not worth writing out.
const EFFORT: usize = 20_000;

/// A form that was looked for before.
fn known<T: Copy>(memo: Option<&Option<T>>) -> Option<Form<T>> {
    memo.map(|form| form.ok_or(Stop::NoForm))
}

/// Notes a form, or that there is none.
fn noted<T: Copy>(form: &Form<T>) -> Option<T> {
    form.as_ref().ok().copied()
}

impl<'a> Samples<'a> {
    fn new(graph: &'a mut Graph, varying: &'a [Name], samples: &Name) -> Self {
        let dimension = Dimension::named(samples.clone());
        Self {
            varies: BTreeMap::new(),
            varying,
            count: graph.dimension(dimension.clone()),
            dimension,
            columns: HashMap::new(),
            products: HashMap::new(),
            rank_one: HashMap::new(),
            means: HashMap::new(),
            effort: 0,
            expansion: None,
            graph,
        }
    }

    fn node(&mut self, op: Op, children: &[Id]) -> Form<Id> {
        self.effort += 1;
        if self.effort > EFFORT {
            return Err(Stop::NoForm);
        }
        Ok(self.graph.node(op, children)?)
    }

    /// True when the value differs from sample to sample.
    fn varies(&mut self, id: Id) -> bool {
        if let Some(known) = self.varies.get(&id) {
            return *known;
        }
        for id in self.graph.topological(&[id]) {
            if self.varies.contains_key(&id) {
                continue;
            }
            let node = &self.graph[id];
            let varies = match &node.op {
                Op::Variable(name) => self.varying.contains(name),
                _ => node.children.iter().any(|child| self.varies[child]),
            };
            self.varies.insert(id, varies);
        }
        self.varies[&id]
    }

    fn is_column(&self, id: Id) -> bool {
        self.graph.shape(id).cols.is_one()
    }

    fn is_row(&self, id: Id) -> bool {
        self.graph.shape(id).rows.is_one()
    }

    /// `ones(1, B)`.
    fn row_of_ones(&mut self) -> Id {
        let shape = Shape::matrix(Dimension::one(), self.dimension.clone());
        self.graph.ones(&shape)
    }

    /// The sum over the entries of every column: `ones(1, n) X`.
    fn column_sums(&mut self, columns: Id) -> Form<Id> {
        let shape = self.graph.shape(columns);
        if shape.rows.is_one() {
            return Ok(columns);
        }
        let ones = self
            .graph
            .ones(&Shape::matrix(Dimension::one(), shape.rows));
        self.node(Op::Multiply, &[ones, columns])
    }

    /// The columns times a number each: `X diag(s)`.
    fn scaled(&mut self, row: Id, columns: Id) -> Form<Id> {
        let column = self.node(Op::Transpose, &[row])?;
        let diagonal = self.node(Op::Diag, &[column])?;
        self.node(Op::Multiply, &[columns, diagonal])
    }

    /// `1/n` for a dimension.
    fn reciprocal(&mut self, dimension: Id) -> Form<Id> {
        let minus = self.graph.number(Rational::from_integer((-1).into()));
        self.node(Op::Power, &[dimension, minus])
    }

    /// The sum over the samples of `u v'`, over their number: `U V'/B`.
    fn mean_product(&mut self, left: Id, right: Id) -> Form<Id> {
        let right = self.node(Op::Transpose, &[right])?;
        let product = self.node(Op::Multiply, &[left, right])?;
        let share = self.reciprocal(self.count)?;
        self.node(Op::Scale, &[share, product])
    }

    /// The values of a variable side by side.
    fn variable(&mut self, name: &Name, shape: &Shape) -> Form<Id> {
        if !shape.cols.is_one() {
            return Err(Stop::NoForm);
        }
        let variable = Variable {
            shape: Shape::matrix(shape.rows.clone(), self.dimension.clone()),
            role: Role::Parameter,
            facts: Facts::default(),
        };
        Ok(self.graph.declare(columns_of(name), variable))
    }
}
