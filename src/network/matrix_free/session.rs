//! A pass at one batch: values once, then as many products as are asked for.

use nalgebra::DMatrix;

use super::rows::TreatedRows;
use super::{BlockProduct, IMAGE, MatrixFreePass};
use crate::backend::{Element, Executor, OutputBlock};
use crate::kernel::Block;
use crate::network::RunError;
use crate::network::linked::DRAWN;

/// A [`MatrixFreePass`] with its memory, to be run many times.
#[derive(Debug)]
pub struct MatrixFreeSession<'p, T: Element> {
    pass: &'p MatrixFreePass,
    base: Executor<'p, T>,
    /// The model that targets are drawn from.
    model: Option<Executor<'p, T>>,
    products: Vec<Option<Executor<'p, T>>>,
    /// Blocks for the rows of each product's parameter.
    rows: Vec<Vec<TreatedRows<T>>>,
    /// True for products whose inputs are those of the last run.
    is_current: Vec<bool>,
}

impl<'p, T: Element> MatrixFreeSession<'p, T> {
    /// Memory for a pass, all inputs zero.
    pub fn new(pass: &'p MatrixFreePass) -> Self {
        Self {
            pass,
            base: Executor::new(&pass.base),
            model: (pass.drawing.as_ref()).map(|drawing| Executor::new(&drawing.model)),
            products: pass.products.iter().map(|_| None).collect(),
            rows: vec![Vec::new(); pass.products.len()],
            is_current: vec![false; pass.products.len()],
        }
    }

    /// The entries of a parameter, column by column, or of an input or target, sample by sample. Nothing for a name that is not read.
    pub fn input_mut(&mut self, name: &str) -> Option<&mut [T]> {
        self.base.input_mut(name)
    }

    /// Draws the targets that a pass reads, at the inputs as they are; nothing for a pass that reads none.
    ///
    /// # Errors
    /// When the model of the loss has no distribution at a sample.
    pub fn draw(&mut self, seed: u64) -> Result<(), RunError> {
        let (Some(drawing), Some(model)) = (&self.pass.drawing, &mut self.model) else {
            return Ok(());
        };
        for input in &drawing.model.inputs {
            let (from, to) = (
                self.base.input_mut(&input.name),
                model.input_mut(&input.name),
            );
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
        }
        model.run_resident()?;
        let drawn = drawing.drawn(model, (seed, self.pass.options.limit))?;
        if let Some(slot) = self.base.input_mut(DRAWN) {
            slot.copy_from_slice(&drawn);
        }
        Ok(())
    }

    /// Values, gradients and blocks at the inputs as they are, and at the targets that were drawn last.
    ///
    /// # Errors
    /// When a matrix to invert is singular.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.is_current.fill(false);
        self.rows.iter_mut().for_each(Vec::clear);
        self.base.run_resident()?;
        Ok(())
    }

    /// The most bytes that a matrix may take.
    pub fn limit(&self) -> u64 {
        self.pass.options.limit
    }

    /// The mean loss of the last run.
    pub fn loss(&self) -> f64 {
        match self.block("loss") {
            Some(OutputBlock::Dense(loss)) => loss[(0, 0)].double(),
            _ => f64::NAN,
        }
    }

    /// The mean gradient of a parameter; nothing for one that the loss does not read.
    ///
    /// # Errors
    /// When it does not fit the memory limit.
    pub fn gradient(&self, parameter: &str) -> Result<Option<DMatrix<T>>, RunError> {
        let block = self.block(&format!("grad.{parameter}"));
        let limit = self.pass.options.limit;
        let whole = block.map(|block| block.to_dense(limit)).transpose();
        Ok(whole?)
    }

    /// The block of a parameter, where it has a form.
    pub fn hessian(&self, parameter: &str) -> Option<OutputBlock<T>> {
        self.block(&format!("hess.{parameter}"))
    }

    fn block(&self, name: &str) -> Option<OutputBlock<T>> {
        Some(self.base.block(self.pass.base.output(name)?))
    }

    /// The product of a parameter's block with a direction, both column by column; nothing for a parameter whose block has a form.
    ///
    /// # Errors
    /// When a matrix to invert is singular; when a value does not fit the memory limit.
    ///
    /// # Panics
    /// When the direction has not as many entries as the parameter.
    pub fn product(
        &mut self,
        parameter: &str,
        direction: &[T],
    ) -> Result<Option<Vec<T>>, RunError> {
        let pass = self.pass;
        let found = pass.products.iter();
        let place = found
            .enumerate()
            .find(|(_, product)| &*product.parameter == parameter);
        let Some((place, product)) = place else {
            return Ok(None);
        };
        let executor = self.products[place].get_or_insert_with(|| Executor::new(&product.program));
        if !self.is_current[place] {
            supply(&self.base, executor, (pass, product))?;
            self.rows[place] = row_blocks(&self.base, (pass, product))?;
            self.is_current[place] = true;
        }
        if let Some(slot) = executor.input_mut(&product.direction) {
            slot.copy_from_slice(direction);
        }
        executor.run_resident()?;
        let mut image = match product.program.output(IMAGE) {
            Some(Block::Dense { value, .. }) => executor.value(*value).to_vec(),
            Some(block) => {
                let image = executor.block(block).to_dense(pass.options.limit)?;
                image.as_slice().to_vec()
            }
            None => vec![T::zero(); direction.len()],
        };
        for rows in &self.rows[place] {
            rows.add_product(direction, &mut image);
        }
        Ok(Some(image))
    }
}

/// The blocks for rows, at the last run.
fn row_blocks<T: Element>(
    base: &Executor<'_, T>,
    (pass, product): (&MatrixFreePass, &BlockProduct),
) -> Result<Vec<TreatedRows<T>>, RunError> {
    let whole = |name: &str| -> Result<DMatrix<T>, RunError> {
        let block = pass.base.output(name).map(|block| base.block(block));
        let whole = block.map(|block| block.to_dense(pass.options.limit));
        Ok(whole.transpose()?.unwrap_or_default())
    };
    let of_rows = product.rows.iter();
    let of_rows = of_rows.map(|rows| {
        let (x, weights) = (whole(&rows.columns)?, whole(&rows.weights)?);
        let treated = TreatedRows::new(rows.treatment, (&x, &weights), pass.options.limit);
        Ok(treated?)
    });
    of_rows.collect()
}

/// Lays out what a product reads of the last run.
fn supply<T: Element>(
    base: &Executor<'_, T>,
    executor: &mut Executor<'_, T>,
    (pass, product): (&MatrixFreePass, &BlockProduct),
) -> Result<(), RunError> {
    for input in &product.program.inputs {
        let Some(block) = pass.base.output(&input.name) else {
            continue;
        };
        let Some(slot) = executor.input_mut(&input.name) else {
            continue;
        };
        match block {
            Block::Dense { value, .. } => slot.copy_from_slice(base.value(*value)),
            block => {
                let whole = base.block(block).to_dense(pass.options.limit)?;
                slot.copy_from_slice(whole.as_slice());
            }
        }
    }
    Ok(())
}
