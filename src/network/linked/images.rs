//! Products of a parameter's mean block with a direction. Why where a mean has no form for all samples: the block of W in `φ(W x)` has as many
//! entries as W squared, a product with it costs what a gradient costs.

use std::collections::BTreeSet;

use crate::expr::{Facts, Graph, Id, Name, Op, Role, Shape, ShapeError, Variable};
use crate::hbp::{mean_image, row_factors};
use crate::network::draft::Stage;
use crate::network::pass::Derived;

/// The product of a block with a direction of the parameter's shape.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// The module's name of the parameter.
    pub(super) parameter: Name,
    /// The block, by its name among what is made of means.
    pub(super) block: String,
    /// Of the parameter's shape, made of [`direction_of`] it.
    pub(super) id: Id,
    /// What is added to the block.
    pub(super) rows: Vec<RowBlocks>,
}

/// A matrix with a block for every row of a parameter and nothing between rows: of row i the eigenvalues of `E[wᵢ xx']`, treated.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct RowBlocks {
    pub(in crate::network) treatment: Treatment,
    /// x of every sample.
    pub(in crate::network) columns: Id,
    /// w of every sample.
    pub(in crate::network) weights: Id,
}

/// What becomes of eigenvalues (Section 3.2 of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Treatment {
    /// Their absolute values are taken.
    Abs,
    /// Those below zero become zero.
    Clip,
}

/// The variable that a block is multiplied with.
pub(super) fn direction_of(parameter: &str) -> Name {
    format!("direction({parameter})").into()
}

/// Products with blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    pub(super) found: Vec<Image>,
    /// The means that blocks without a product read.
    pub(super) without: BTreeSet<String>,
}

/// Those of some means that only blocks of parameters read.
pub(super) fn of_blocks(
    derived: &Derived,
    stage: &Stage,
    means: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut found = means.clone();
    found.retain(|name| name.starts_with("mean("));
    for (block, root) in &derived.combine {
        if parameter_of(stage, block).is_none() {
            let read = means_in(&derived.graph, *root, means);
            found.retain(|name| !read.contains(name));
        }
    }
    found
}

/// The parameter whose block is made here.
fn parameter_of<'a>(stage: &'a Stage, block: &str) -> Option<&'a Name> {
    let own = block.strip_prefix("hess.")?;
    let once = stage.crossing.once.iter().find(|name| &***name == own);
    once.filter(|name| stage.parameter(name).is_some())
}

/// Those of some means that an expression reads.
fn means_in(graph: &Graph, root: Id, means: &BTreeSet<String>) -> BTreeSet<String> {
    let order = graph.topological(&[root]);
    let names = order.into_iter().filter_map(|id| match &graph[id].op {
        Op::Variable(name) => means.get(&**name).cloned(),
        _ => None,
    });
    names.collect()
}

/// The products of the blocks that read some means.
pub(super) fn images(
    graph: &mut Graph,
    derived: &Derived,
    stage: &Stage,
    missing: &BTreeSet<String>,
    samples: &Name,
) -> Result<Images, ShapeError> {
    let mut images = Images::default();
    for (block, root) in &derived.combine {
        let read = means_in(graph, *root, missing);
        let Some(parameter) = parameter_of(stage, block).filter(|_| !read.is_empty()) else {
            continue;
        };
        let mut maker = Maker {
            graph,
            derived,
            missing,
            samples,
        };
        match maker.block(*root, parameter)? {
            Some((id, rows)) => images.found.push(Image {
                parameter: parameter.clone(),
                block: block.clone(),
                id,
                rows,
            }),
            None => images.without.extend(read),
        }
    }
    Ok(images)
}

struct Maker<'a> {
    graph: &'a mut Graph,
    derived: &'a Derived,
    /// The names of means that have no form.
    missing: &'a BTreeSet<String>,
    samples: &'a Name,
}

impl Maker<'_> {
    /// The product of a parameter's block with a direction, and what is added to the block.
    fn block(
        &mut self,
        root: Id,
        parameter: &Name,
    ) -> Result<Option<(Id, Vec<RowBlocks>)>, ShapeError> {
        let variable = self.graph.variables().get(parameter);
        let Some(shape) = variable.map(|variable| variable.shape.clone()) else {
            return Ok(None);
        };
        let direction = Variable {
            shape: shape.clone(),
            role: Role::Upstream,
            facts: Facts::default(),
        };
        let direction = self.graph.declare(direction_of(parameter), direction);
        let (rest, rows) = self.without_rows(root)?;
        let image = match rest.as_slice() {
            [] => Some(self.graph.zeros(&shape)),
            [one] => self.image((*one, false), direction, &shape)?,
            several => {
                let rest = self.graph.node(Op::Add, several)?;
                self.image((rest, false), direction, &shape)?
            }
        };
        Ok(image.map(|image| (image, rows)))
    }

    /// True when a mean without a form is read.
    fn is_missing(&self, root: Id) -> bool {
        !means_in(self.graph, root, self.missing).is_empty()
    }

    /// The terms of a block, apart from those with a block for every row.
    fn without_rows(&mut self, root: Id) -> Result<(Vec<Id>, Vec<RowBlocks>), ShapeError> {
        let node = self.graph[root].clone();
        let terms = match node.op {
            Op::Add => node.children.to_vec(),
            _ => vec![root],
        };
        let (mut rest, mut rows) = (Vec::new(), Vec::new());
        for term in terms {
            match self.rows(term)? {
                Some(found) => rows.push(found),
                None => rest.push(term),
            }
        }
        Ok((rest, rows))
    }

    fn rows(&mut self, term: Id) -> Result<Option<RowBlocks>, ShapeError> {
        let node = &self.graph[term];
        let treatment = match node.op {
            Op::EigAbs => Treatment::Abs,
            Op::EigClip => Treatment::Clip,
            _ => return Ok(None),
        };
        let mean = node.children[0];
        if !self.is_missing(mean) {
            return Ok(None);
        }
        let Some(matrix) = self.sample_of(mean) else {
            return Ok(None);
        };
        let factors = row_factors(self.graph, matrix, &self.derived.varying, self.samples)?;
        Ok(factors.map(|(columns, weights)| RowBlocks {
            treatment,
            columns,
            weights,
        }))
    }

    /// What a mean is the mean of.
    fn sample_of(&self, mean: Id) -> Option<Id> {
        let Op::Variable(name) = &self.graph[mean].op else {
            return None;
        };
        let mut means = self.derived.backward.iter().chain(&self.derived.factors);
        means.find(|want| *want.name == **name).map(|want| want.id)
    }

    /// `M vec V`, of the shape asked for, where M is made of means.
    fn image(
        &mut self,
        (matrix, is_transposed): (Id, bool),
        direction: Id,
        shape: &Shape,
    ) -> Result<Option<Id>, ShapeError> {
        if !self.is_missing(matrix) {
            let mut matrix = matrix;
            if is_transposed {
                matrix = self.graph.node(Op::Transpose, &[matrix])?;
            }
            let column = self.graph.node(Op::Vec, &[direction])?;
            let image = self.graph.node(Op::Multiply, &[matrix, column])?;
            return shaped(self.graph, image, shape).map(Some);
        }
        let node = self.graph[matrix].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Variable(_), _) => {
                let Some(of_sample) = self.sample_of(matrix) else {
                    return Ok(None);
                };
                let matrix = (of_sample, is_transposed);
                let varying = &self.derived.varying;
                mean_image(self.graph, matrix, direction, shape, varying, self.samples)
            }
            (Op::Transpose, [a]) => self.image((*a, !is_transposed), direction, shape),
            (Op::Add, terms) => {
                let mut sum = Vec::with_capacity(terms.len());
                for term in terms {
                    let Some(image) = self.image((*term, is_transposed), direction, shape)? else {
                        return Ok(None);
                    };
                    sum.push(image);
                }
                self.graph.node(Op::Add, &sum).map(Some)
            }
            (Op::Scale, [s, a]) if !self.is_missing(*s) => {
                let Some(image) = self.image((*a, is_transposed), direction, shape)? else {
                    return Ok(None);
                };
                self.graph.node(Op::Scale, &[*s, image]).map(Some)
            }
            (Op::Multiply, [a, b]) if is_transposed => {
                self.chain(&[(*b, true), (*a, true)], direction, shape)
            }
            (Op::Multiply, [a, b]) => self.chain(&[(*a, false), (*b, false)], direction, shape),
            (Op::Congruence, [j, h]) => {
                let factors = [(*j, true), (*h, is_transposed), (*j, false)];
                self.chain(&factors, direction, shape)
            }
            _ => Ok(None),
        }
    }

    /// The image under the last of some matrices, under the one before it, and so on.
    fn chain(
        &mut self,
        factors: &[(Id, bool)],
        direction: Id,
        shape: &Shape,
    ) -> Result<Option<Id>, ShapeError> {
        let mut image = direction;
        for (place, factor) in factors.iter().enumerate().rev() {
            let own = self.graph.shape(factor.0);
            let rows = if factor.1 { own.cols } else { own.rows };
            let column = Shape::vector(rows);
            let wanted = if place == 0 { shape } else { &column };
            let Some(next) = self.image(*factor, image, wanted)? else {
                return Ok(None);
            };
            image = next;
        }
        Ok(Some(image))
    }
}

/// The matrix of this shape with the same entries, columns stacked.
fn shaped(graph: &mut Graph, id: Id, shape: &Shape) -> Result<Id, ShapeError> {
    if graph.shape(id) == *shape {
        return Ok(id);
    }
    let rows = graph.dimension(shape.rows.clone());
    let cols = graph.dimension(shape.cols.clone());
    graph.node(Op::Reshape, &[id, rows, cols])
}
