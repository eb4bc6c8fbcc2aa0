//! The backward pass of roots: ℋz = SS' for every sample, so that `Jᵀ(SSᵀ)J = (JᵀS)(JᵀS)ᵀ` and each column of S goes back as
//! a gradient does, through any graph. Why: where second-order terms are dropped, a few columns stand for a matrix of any
//! width, and the blocks are exact; with means of the factors they are those of KFLR and KFAC.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use super::averaged::Abreast;
use super::batch::Data;
use super::graph::Live;
use super::loss::LossRoot;
use super::machine::Machine;
use super::programs::Found;
use super::{RunError, pass::Upstream};
use crate::backend::{Element, OutputBlock, khatri_rao};
use crate::expr::Name;

/// U and V of columns `vec(u v')`.
type Factors<T> = (DMatrix<T>, DMatrix<T>);

/// The roots of the parameters' blocks, a part for every column of the loss's root.
#[derive(Debug)]
struct Roots<T: Element> {
    /// The column that is on its way, and how many there are.
    current: usize,
    count: usize,
    /// Columns of every sample, side by side.
    columns: BTreeMap<Name, Vec<DMatrix<T>>>,
    /// U and V where every column is `vec(u v')`.
    factors: BTreeMap<Name, Vec<Factors<T>>>,
}

impl<T: Element> Machine<'_, T> {
    /// All passes, with roots as messages.
    pub(super) fn rooted(&mut self, data: &Data<T>) -> Result<(), RunError> {
        let mut abreast = self.forward_abreast(data)?;
        let stages = self.stages;
        for place in (0..stages.len()).rev() {
            if stages[place].runs_backward() {
                self.backward_abreast(place, &mut abreast)?;
            }
        }
        let last = stages.len().saturating_sub(1);
        let mut of_loss = Vec::with_capacity(data.samples);
        for sample in 0..data.samples {
            of_loss.push(self.loss_root_at(last, &abreast, sample)?);
        }
        let columns = of_loss.iter().map(|of| of.root.ncols()).max().unwrap_or(0);
        let mut roots = Roots {
            current: 0,
            count: columns,
            columns: BTreeMap::new(),
            factors: BTreeMap::new(),
        };
        let mut hessians: Vec<Option<DMatrix<T>>> = vec![None; stages.len()];
        for column in 0..columns {
            roots.current = column;
            self.send_column(&of_loss, &mut abreast, &mut roots)?;
            for place in (0..last).rev() {
                self.root_back(place, &mut abreast, &mut roots, &mut hessians)?;
            }
        }
        for (place, hessian) in hessians.into_iter().enumerate() {
            let Some(hessian) = hessian else { continue };
            let stage = &stages[place];
            self.inputs[place].insert(format!("hess({})", stage.output).into(), hessian);
            let runner = &mut self.executors[stage.pass].factors;
            let found = runner.all(&self.inputs[place], &abreast.nodes[place], data.samples);
            for (name, mean) in found.map_err(|error| stage.within(error))? {
                if let Found::Mean(mean) = mean {
                    self.inputs[place].insert(name.as_str().into(), mean);
                }
            }
            self.combine(place, &mut super::machine::Crossed::default())?;
        }
        self.keep_roots(roots, data.samples)
    }

    /// Lays a column of the loss's roots out for the nodes that the loss reads.
    fn send_column(
        &mut self,
        of_loss: &[LossRoot<T>],
        abreast: &mut Abreast<T>,
        roots: &mut Roots<T>,
    ) -> Result<(), RunError> {
        for inputs in &mut abreast.nodes {
            inputs.retain(|name, _| !name.starts_with("grad("));
        }
        let Some(first) = of_loss.first() else {
            return Ok(());
        };
        let stage = &self.stages[self.stages.len() - 1];
        let column = roots.current;
        for (own, live, start, size) in &first.rows {
            let mut all = DMatrix::zeros(*size, of_loss.len());
            for (mut slot, of) in all.column_iter_mut().zip(of_loss) {
                if column < of.root.ncols() {
                    slot.copy_from(&of.root.column(column).rows(*start, *size));
                }
            }
            match live {
                Live::Node(_) => {
                    if let Some(parent) = stage.parent(own) {
                        abreast.send(parent, all);
                    }
                }
                Live::Parameter(full) => self.add_columns(full, all, roots)?,
            }
        }
        Ok(())
    }

    /// Moves a column across a node.
    fn root_back(
        &mut self,
        place: usize,
        abreast: &mut Abreast<T>,
        roots: &mut Roots<T>,
        hessians: &mut [Option<DMatrix<T>>],
    ) -> Result<(), RunError> {
        let stage = &self.stages[place];
        let name: Name = format!("grad({})", stage.output).into();
        let samples = abreast.samples;
        let Some(arrived) = abreast.nodes[place].get(&name) else {
            return Ok(());
        };
        if !stage.live || stage.upstream == Upstream::Loss {
            return Ok(());
        }
        if self.executors[stage.pass].combine.is_some() {
            // H̄ = E[SS'], column by column.
            let share = arrived * arrived.transpose() * (T::one() / T::number(samples as f64));
            match &mut hessians[place] {
                Some(sum) => *sum += share,
                none => *none = Some(share),
            }
        }
        let runner = &mut self.executors[stage.pass].root;
        let found = runner.all(&self.inputs[place], &abreast.nodes[place], samples);
        for (name, result) in found.map_err(|error| stage.within(error))? {
            let Some(variable) = name.strip_prefix("grad.") else {
                continue;
            };
            match (result, stage.parameter(variable), stage.parent(variable)) {
                (Found::Columns(columns), Some(full), _) => {
                    self.add_columns(full, columns, roots)?;
                }
                (Found::Factors(u, v), Some(full), _) if self.shared.contains(full) => {
                    self.check_room(full, u.nrows().saturating_mul(v.nrows()), samples, roots)?;
                    self.add_columns(full, khatri_rao(&v, &u), roots)?;
                }
                (Found::Factors(u, v), Some(full), _) => {
                    roots.factors.entry(full.clone()).or_default().push((u, v));
                }
                (Found::Columns(columns), _, Some(parent)) => abreast.send(parent, columns),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes up the current column of a parameter's root; what several nodes hand it is summed.
    fn add_columns(
        &self,
        parameter: &Name,
        columns: DMatrix<T>,
        roots: &mut Roots<T>,
    ) -> Result<(), RunError> {
        self.check_room(parameter, columns.nrows(), columns.ncols(), roots)?;
        let all = roots.columns.entry(parameter.clone()).or_default();
        match all.get_mut(roots.current) {
            Some(sum) => *sum += columns,
            None => all.push(columns),
        }
        Ok(())
    }

    /// Refuses a root that would not fit.
    fn check_room(
        &self,
        parameter: &Name,
        size: usize,
        samples: usize,
        roots: &Roots<T>,
    ) -> Result<(), RunError> {
        let columns = (samples as u64).saturating_mul(roots.count as u64);
        let bytes = (size as u64)
            .saturating_mul(columns)
            .saturating_mul(T::BYTES);
        if bytes <= self.limit {
            return Ok(());
        }
        Err(RunError::limit(
            format!(
                "the root of the block of `{parameter}` is a {size} × {columns} matrix of {bytes} bytes, above the memory limit of {} bytes",
                self.limit
            ),
            "use fewer samples, or `--batch average-hessian`, whose blocks keep their factors",
        ))
    }

    /// Makes blocks of the roots: the mean over the samples of SS' is the square of all columns over √B.
    fn keep_roots(&mut self, roots: Roots<T>, samples: usize) -> Result<(), RunError> {
        let share = T::number(1.0 / (samples as f64).sqrt());
        for (name, parts) in roots.columns {
            if let Some(mean) = self.blocks.get_mut(&name) {
                mean.add(OutputBlock::Root(side_by_side(&parts) * share))?;
            }
        }
        for (name, parts) in roots.factors {
            let (right, left): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            if let Some(mean) = self.blocks.get_mut(&name) {
                mean.add(OutputBlock::KhatriRao {
                    left: side_by_side(&left) * share,
                    right: side_by_side(&right),
                })?;
            }
        }
        // What the loss does not curve has no column.
        for (name, gradient) in &self.gradients {
            if roots.count == 0
                && let Some(mean) = self.blocks.get_mut(name)
            {
                let rows = gradient.len();
                mean.add(OutputBlock::Zero { rows, cols: rows })?;
            }
        }
        Ok(())
    }
}

/// Matrices with equally many rows as one.
fn side_by_side<T: Element>(parts: &[DMatrix<T>]) -> DMatrix<T> {
    let rows = parts.first().map_or(0, DMatrix::nrows);
    let columns = parts.iter().map(DMatrix::ncols).sum();
    let mut all = DMatrix::zeros(rows, columns);
    let mut start = 0;
    for part in parts {
        all.columns_mut(start, part.ncols()).copy_from(part);
        start += part.ncols();
    }
    all
}
