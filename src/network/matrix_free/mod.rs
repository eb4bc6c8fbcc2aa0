//! Passes with blocks that are never formed: products with them are programs for all samples. Why beside whole passes and those that run module
//! by module: a step by conjugate gradients asks a block for nothing but products, and these cost what a gradient costs.

mod cut;
mod drawing;
mod rows;
mod session;

use super::arrays::Items;
use super::draft::draft;
use super::linked::{Depth, Linked, Product, RowBlocks, Unlinked, link, link_products};
use super::passes::lay_out;
use super::prepare::{Definition, sized};
use super::products::check_product_modes;
use super::{Batch, Curvature, RunError, RunOptions, products};
use crate::backend::Element;
use crate::expr::{Graph, Id, Name, ShapeError, Sizes};
use crate::kernel::{CompileError, Program, Residents, compile_resident};
use crate::language::File;
use crate::rewrite::RewriteError;
use cut::Kept;
use drawing::Drawing;
use rows::RowFactors;
pub use session::MatrixFreeSession;

/// A network compiled for the mean gradients of a batch and, for every parameter, its block or products with it.
///
/// ```
/// use hbp::language;
/// use hbp::network::{Curvature, MatrixFreePass, MatrixFreeSession, RunOptions};
/// let text = "network n { input x: R[1]\n target y: R[1]\n h = linear[1](x)\n loss square_loss(h, y) }";
/// let file = language::parse("n.hbp", text).expect("no errors");
/// let options = RunOptions { batch_size: 2, ..RunOptions::default() };
/// let pass = MatrixFreePass::of_loss(&file, "n", Curvature::Hessian, &options).expect("has forms");
/// let mut session: MatrixFreeSession<'_, f64> = MatrixFreeSession::new(&pass);
/// for (name, values) in [("x", &[1.0, 3.0][..]), ("y", &[0.0, 0.0]), ("h.W", &[1.0]), ("h.b", &[0.0])] {
///     session.input_mut(name).expect("is read").copy_from_slice(values);
/// }
/// session.run().expect("finite");
/// // The Hessian in W is 2 E[x²].
/// assert_eq!(session.product("h.W", &[1.0]).expect("finite").expect("no block of its own"), [10.0]);
/// ```
#[derive(Clone, Debug)]
pub struct MatrixFreePass {
    /// Values, gradients, blocks, and what products read.
    base: Program,
    products: Vec<BlockProduct>,
    /// Where targets are drawn from the model of the loss.
    drawing: Option<Drawing>,
    definition: Definition,
    options: RunOptions,
}

/// The product of one parameter's block.
#[derive(Clone, Debug)]
struct BlockProduct {
    parameter: Name,
    /// The input that is multiplied.
    direction: Name,
    program: Program,
    /// What is added to the block.
    rows: Vec<RowFactors>,
}

const IMAGE: &str = "image";

impl MatrixFreePass {
    /// The blocks in the curvature and batch mode of the options, and products with those that have no form for all samples.
    ///
    /// # Errors
    /// As [`NetworkPass::compile`](super::NetworkPass::compile); when something else than a block has no form, or a block's products have none.
    pub fn of_blocks(file: &File, name: &str, options: &RunOptions) -> Result<Self, RunError> {
        let (definition, sizes, options) = sized(file, name, options)?;
        let network = &definition.network;
        super::modes::check_modes(network, &options)?;
        let draft = draft(network, &sizes, &options)?;
        let depth = Depth::Products(&options);
        let linked = link(network, &draft, &sizes, options.batch_size, depth)?;
        let options = options.clone();
        Self::new(linked, definition, options)
    }

    /// Products with the exact blocks of the whole loss, for every parameter (Pearlmutter 1994; Schraudolph 2002).
    ///
    /// # Errors
    /// As [`ProductPass::compile`](super::ProductPass::compile); when products have no form for all samples.
    pub fn of_loss(
        file: &File,
        name: &str,
        curvature: Curvature,
        options: &RunOptions,
    ) -> Result<Self, RunError> {
        check_product_modes(curvature, Batch::Exact)?;
        let (definition, sizes, options) = sized(file, name, options)?;
        let network = &definition.network;
        let draft = products::draft(network, &sizes, &options)?;
        let linked = link_products(network, &draft, &sizes, options.batch_size, curvature)?;
        Self::new(linked, definition, options)
    }

    fn new(
        linked: Result<Linked, Unlinked>,
        definition: Definition,
        options: RunOptions,
    ) -> Result<Self, RunError> {
        let name = &definition.network.name;
        let mut linked = linked.map_err(|Unlinked(reason)| {
            RunError::input(
                format!("the blocks of `{name}` have no products for all samples: {reason}"),
                "`hbp run` runs it module by module",
            )
        })?;
        let mut kept = Kept::default();
        let images = images(&mut linked, &mut kept).map_err(|error| {
            RunError::from(crate::hbp::UnfoldError::from(RewriteError::from(error)))
        })?;
        let graph = &linked.graph;
        let compile = |outputs: &[(String, Id)], stored| -> Result<Program, CompileError> {
            let residents = Residents {
                updates: &[],
                stored,
            };
            compile_resident(graph, outputs, &Sizes::new(), options.limit, residents)
        };
        let mut outputs = vec![("loss".to_owned(), linked.loss)];
        for (prefix, ids) in [("grad", &linked.gradients), ("hess", &linked.blocks)] {
            let named = ids.iter();
            outputs.extend(named.map(|(name, id)| (format!("{prefix}.{name}"), *id)));
        }
        let values = kept.values.iter();
        outputs.extend(values.map(|(name, id)| (name.to_string(), *id)));
        let factors = linked
            .products
            .iter()
            .flat_map(|(name, product)| row_factors(graph, name, product));
        for (own, product) in factors {
            outputs.push((own.columns.to_string(), product.columns));
            outputs.push((own.weights.to_string(), product.weights));
        }
        let base = compile(&outputs, &linked.hessians)?;
        let drawing = linked
            .draws
            .as_ref()
            .map(|draws| -> Result<_, CompileError> {
                let model = draws.model.iter().enumerate();
                let model: Vec<(String, Id)> =
                    model.map(|(k, id)| (format!("model|{k}"), *id)).collect();
                Ok(Drawing {
                    model: compile(&model, &linked.hessians)?,
                    distribution: draws.distribution,
                    targets: draws.targets,
                })
            });
        let drawing = drawing.transpose()?;
        let mut products = Vec::with_capacity(images.len());
        for (parameter, image) in images {
            let product = &linked.products[&parameter];
            let factors = row_factors(graph, &parameter, product);
            products.push(BlockProduct {
                direction: Product::direction(&parameter),
                program: compile(&[(IMAGE.to_owned(), image)], &linked.hessians)?,
                rows: factors.map(|(factors, _)| factors).collect(),
                parameter,
            });
        }
        let of_drawing = drawing.iter().map(|drawing: &Drawing| &drawing.model);
        let programs = products
            .iter()
            .map(|product: &BlockProduct| &product.program);
        let programs = programs.chain([&base]).chain(of_drawing);
        let bytes = options.precision.bytes();
        let bytes = programs.fold(0_u64, |sum, p| sum.saturating_add(p.bytes(bytes)));
        if bytes > options.limit {
            return Err(RunError::limit(
                format!(
                    "the passes of `{name}` take {bytes} bytes at {} samples, above the memory limit of {} bytes",
                    options.batch_size, options.limit
                ),
                "take fewer samples at a time, or a larger `--memory`",
            ));
        }
        Ok(Self {
            base,
            products,
            drawing,
            definition,
            options,
        })
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.options.batch_size
    }

    /// Lays arrays out for a session, as [`run_network`](super::run_network) takes them.
    ///
    /// # Errors
    /// When an array is missing, left over, of the wrong shape or not finite, or there are not as many samples as the pass is for.
    pub fn load<T: Element>(
        &self,
        session: &mut MatrixFreeSession<'_, T>,
        items: &Items,
    ) -> Result<(), RunError> {
        lay_out(
            (&self.definition, &self.options),
            items,
            &mut |name, place, entries| {
                if let Some(slot) = session.input_mut(name) {
                    slot[place..place + entries.len()].copy_from_slice(entries);
                }
            },
        )
    }

    /// The most eigenvalues that a run finds for one parameter, by their cost.
    pub fn eigenvalues(&self) -> Option<Eigenvalues> {
        let products = self.products.iter();
        let all = products.flat_map(|product| {
            let of = |rows: &RowFactors| Eigenvalues {
                parameter: product.parameter.clone(),
                matrices: rows.matrices.0,
                size: rows.matrices.1,
            };
            product.rows.iter().map(of)
        });
        all.max_by_key(|own| own.matrices.saturating_mul(own.size.saturating_pow(3)))
    }

    /// The parameters whose blocks are never formed.
    pub fn implicit(&self) -> impl Iterator<Item = &Name> {
        self.products.iter().map(|product| &product.parameter)
    }
}

/// Eigenvalues that a run finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eigenvalues {
    /// The parameter in whose block they are.
    pub parameter: Name,
    /// How many matrices.
    pub matrices: usize,
    /// Rows of each.
    pub size: usize,
}

/// Every product without what does not depend on its direction.
fn images(linked: &mut Linked, kept: &mut Kept) -> Result<Vec<(Name, Id)>, ShapeError> {
    let mut images = Vec::with_capacity(linked.products.len());
    for (parameter, product) in &linked.products {
        let image = kept.cut(&mut linked.graph, product)?;
        images.push((parameter.clone(), image));
    }
    Ok(images)
}

/// Where the factors of each are found, and what they are.
fn row_factors<'a>(
    graph: &'a Graph,
    parameter: &'a Name,
    product: &'a Product,
) -> impl Iterator<Item = (RowFactors, &'a RowBlocks)> {
    let rows = product.rows.iter().enumerate();
    rows.map(move |(place, rows)| {
        let named = |what: &str| Name::from(format!("|{what}.{place}.{parameter}"));
        let shape = |id| graph.shape(id).evaluate(&Sizes::new()).unwrap_or_default();
        let (columns, weights) = (shape(rows.columns), shape(rows.weights));
        let factors = RowFactors {
            treatment: rows.treatment,
            columns: named("columns"),
            weights: named("weights"),
            matrices: (weights.0, columns.0.min(columns.1)),
        };
        (factors, rows)
    })
}
