//! Products of the whole loss's curvature with vectors. Why beside the blocks: a product costs as much as a few gradients
//! whatever the widths are, and is exact, so it serves methods that never form a matrix and is a reference for those that
//! do.

mod compile;
mod draft;
mod passes;
mod session;
mod vectors;

use std::collections::BTreeMap;
use std::sync::Arc;

use nalgebra::DMatrix;

use super::arrays::Items;
use super::batch::{Data, read};
use super::blocks::value_array;
use super::modular::{Numbers, gathered};
use super::prepare::{Definition, define, sized};
use super::{Precision, RunError, RunOptions, Target, target};
use crate::backend::Element;
use crate::expr::{Name, Sizes};
use crate::hbp::{Batch, Curvature};
use crate::language::{File, Network};
use compile::{Prepared, prepared};
pub(super) use draft::{Draft, Node, draft};
use session::Session;

/// Which part of the curvature matrix a product is with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The whole matrix: a parameter without a vector does not move, and the result is read at every parameter.
    #[default]
    Whole,
    /// The diagonal block of the parameters that have vectors, jointly: the result is read at those alone. Several calls,
    /// one a group of parameters, make the block-diagonal product of Zhang (2017).
    Block,
}

/// A network at a batch, ready to be multiplied with vectors: derived, compiled and run forward once.
///
/// ```
/// use hbp::{data::{Array, Item}, language, network::{Items, Products, RunOptions}};
/// let text = "network n { input x: R[1]\n target y: R[1]\n h = linear[1](x)\n loss square_loss(h, y) }";
/// let file = language::parse("n.hbp", text).expect("well formed");
/// let array = |shape: &[usize], values: &[f64]| Item::from(Array::new(shape.to_vec(), values.to_vec()).expect("fits"));
/// let items = Items::from([
///     ("x".to_owned(), array(&[2, 1], &[1.0, 3.0])),
///     ("y".to_owned(), array(&[2, 1], &[0.0, 0.0])),
///     ("h.W".to_owned(), array(&[1, 1], &[1.0])),
///     ("h.b".to_owned(), array(&[1], &[0.0])),
/// ]);
/// let mut products = Products::new(&file, "n", &items, &RunOptions::default()).expect("complete");
/// let vectors = Items::from([("h.W".to_owned(), array(&[1, 1], &[1.0]))]);
/// let product = products.hessian_vector_product(&vectors).expect("of the parameters");
/// // The Hessian in W and b is 2 E[x²], 2 E[x]; 2 E[x], 2.
/// assert_eq!(product["h.W"].array().expect("numbers").values, [10.0]);
/// assert_eq!(product["h.b"].array().expect("numbers").values, [4.0]);
/// ```
#[derive(Debug)]
pub struct Products {
    network: Network,
    session: AnySession,
}

#[derive(Debug)]
enum AnySession {
    Double(Session<f64>),
    Single(Session<f32>),
}

impl Products {
    /// Prepares a network with the batch of `items`, as [`run_network`](super::run_network) takes it.
    ///
    /// # Errors
    /// As [`run_network`](super::run_network); when the values of all samples do not fit the memory limit.
    pub fn new(
        file: &File,
        name: &str,
        items: &Items,
        options: &RunOptions,
    ) -> Result<Self, RunError> {
        let Definition {
            network,
            dimensions,
        } = define(file, name, options)?;
        let session = match options.precision {
            Precision::Double => {
                let data = read(&network, items, &dimensions, options)?;
                AnySession::Double(session(&network, &data, options)?)
            }
            Precision::Single => {
                let data = read(&network, items, &dimensions, options)?;
                AnySession::Single(session(&network, &data, options)?)
            }
        };
        Ok(Self { network, session })
    }

    /// The mean loss.
    pub fn loss(&self) -> f64 {
        match &self.session {
            AnySession::Double(session) => session.loss,
            AnySession::Single(session) => session.loss,
        }
    }

    /// The mean gradient, by parameter.
    pub fn gradient(&self) -> Items {
        match &self.session {
            AnySession::Double(session) => named(&self.network, &session.gradient),
            AnySession::Single(session) => named(&self.network, &session.gradient),
        }
    }

    /// The product of the Hessian of the mean loss (Pearlmutter 1994). `vectors` has an array of a parameter's shape under
    /// its name, and so has the result; a parameter without one does not move.
    ///
    /// # Errors
    /// When an array is not named like a parameter, not of its shape or not finite, all of them at once; when there is
    /// none.
    pub fn hessian_vector_product(&mut self, vectors: &Items) -> Result<Items, RunError> {
        self.product(Curvature::Hessian, Extent::Whole, vectors)
    }

    /// The product of the Gauss-Newton matrix of the mean loss: the Hessian of the loss module between the Jacobians of
    /// what it reads (Schraudolph 2002).
    ///
    /// # Errors
    /// As [`Products::hessian_vector_product`].
    pub fn gauss_newton_vector_product(&mut self, vectors: &Items) -> Result<Items, RunError> {
        self.product(Curvature::GaussNewton, Extent::Whole, vectors)
    }

    /// The same with the expectation of the loss Hessian under the model of the loss.
    ///
    /// # Errors
    /// As [`Products::hessian_vector_product`]; when the loss has no model.
    pub fn fisher_vector_product(&mut self, vectors: &Items) -> Result<Items, RunError> {
        self.product(Curvature::Fisher, Extent::Whole, vectors)
    }

    /// The product with a curvature matrix, or with a diagonal block of it.
    ///
    /// # Errors
    /// As [`Products::hessian_vector_product`]; for positive curvature, whose matrix no product of this kind has.
    pub fn product(
        &mut self,
        curvature: Curvature,
        extent: Extent,
        vectors: &Items,
    ) -> Result<Items, RunError> {
        check_product_modes(curvature, Batch::Exact)?;
        let network = &self.network;
        match &mut self.session {
            AnySession::Double(session) => {
                let vectors = vectors::read(network, session.sizes(), vectors)?;
                Ok(named(
                    network,
                    &session.product(curvature, extent, &vectors)?,
                ))
            }
            AnySession::Single(session) => {
                let vectors = vectors::read(network, session.sizes(), vectors)?;
                Ok(named(
                    network,
                    &session.product(curvature, extent, &vectors)?,
                ))
            }
        }
    }

    /// The floating-point operations of a product with the whole matrix, a sample.
    pub fn flops(&self, curvature: Curvature) -> u64 {
        match &self.session {
            AnySession::Double(session) => session.flops(curvature),
            AnySession::Single(session) => session.flops(curvature),
        }
    }
}

/// Refuses modes whose matrix is not that of the whole loss.
///
/// # Errors
/// For positive curvature, and for averages over the batch.
pub fn check_product_modes(curvature: Curvature, batch: Batch) -> Result<(), RunError> {
    let help = "products of the whole loss are exact: use --curvature hessian, ggn or fisher with --batch exact";
    if matches!(curvature, Curvature::PositiveAbs | Curvature::PositiveClip) {
        return Err(RunError::input(
            format!(
                "there is no product with --curvature {curvature}: it treats the eigenvalues of matrices that a product never forms"
            ),
            help,
        ));
    }
    if batch.is_average() {
        return Err(RunError::input(
            format!(
                "there is no product with --batch {batch}: its blocks are no part of one matrix of the whole loss"
            ),
            help,
        ));
    }
    Ok(())
}

/// The products of a file's network, as `product.p` for every parameter p: the matrix of the options' curvature times
/// `vectors`.
///
/// # Errors
/// As [`Products::new`] and [`Products::product`]; when what is run is a module, which has no loss.
pub fn product_file(
    file: &File,
    items: &Items,
    vectors: &Items,
    options: &RunOptions,
) -> Result<Items, RunError> {
    check_product_modes(options.curvature, options.batch)?;
    let name = match target(file, options)? {
        Target::Network(name) => name,
        Target::Module(name) => {
            return Err(RunError::input(
                format!("`{name}` is a module: products are with the curvature of a whole loss"),
                "write a network that ends in a loss, or leave --vector out",
            ));
        }
    };
    let product = Products::new(file, &name, items, options)
        .and_then(|mut products| products.product(options.curvature, Extent::Whole, vectors))
        .map_err(|error| error.located(file))?;
    let named = product.into_iter();
    Ok(named
        .map(|(name, item)| (format!("product.{name}"), item))
        .collect())
}

/// Products prepared once, for batches of one size.
#[derive(Clone, Debug)]
pub struct ProductPass {
    definition: Definition,
    sizes: Sizes,
    options: RunOptions,
    prepared: Arc<Prepared>,
}

/// A network at one batch: [`Products`] on the numbers of a caller.
#[derive(Debug)]
pub struct ProductSession<T: Element>(Session<T>);

/// What comes of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<T> {
    /// The mean loss.
    pub loss: f64,
    /// What it was made of besides targets, by the names of the loss and sample by sample.
    pub values: Vec<(String, Vec<T>)>,
}

impl ProductPass {
    /// Derives and compiles every distinct module at the sizes and the number of samples of `options`.
    ///
    /// # Errors
    /// As [`Products::new`], but for its arrays.
    pub fn compile(file: &File, name: &str, options: &RunOptions) -> Result<Self, RunError> {
        let (definition, sizes, options) = sized(file, name, options)?;
        let draft = draft(&definition.network, &sizes, &options)?;
        let prepared = Arc::new(prepared(draft, options.limit)?);
        Ok(Self {
            definition,
            sizes,
            options,
            prepared,
        })
    }

    /// Runs a batch forward, and its gradients back.
    ///
    /// # Errors
    /// As [`ModularPass::run`](super::ModularPass::run).
    pub fn at<T: Element>(&self, numbers: &Numbers<'_, T>) -> Result<ProductSession<T>, RunError> {
        let network = &self.definition.network;
        let data = gathered(network, &self.sizes, self.options.batch_size, numbers)?;
        Session::new(&self.prepared, &data, &self.options).map(ProductSession)
    }

    /// Runs a batch forward alone.
    ///
    /// # Errors
    /// As [`ModularPass::run`](super::ModularPass::run).
    pub fn predict<T: Element>(&self, numbers: &Numbers<'_, T>) -> Result<Prediction<T>, RunError> {
        let network = &self.definition.network;
        let data = gathered(network, &self.sizes, self.options.batch_size, numbers)?;
        let session = Session::forward(&self.prepared, &data)?;
        Ok(Prediction {
            loss: session.loss,
            values: session.predictions(),
        })
    }
}

impl<T: Element> ProductSession<T> {
    /// The mean loss.
    pub fn loss(&self) -> f64 {
        self.0.loss
    }

    /// The mean gradients, by parameter.
    pub fn gradients(&self) -> &BTreeMap<Name, DMatrix<T>> {
        &self.0.gradient
    }

    /// As [`Products::product`], with one matrix a parameter.
    ///
    /// # Errors
    /// As [`Products::product`].
    pub fn product(
        &mut self,
        curvature: Curvature,
        extent: Extent,
        vectors: &BTreeMap<Name, DMatrix<T>>,
    ) -> Result<BTreeMap<Name, DMatrix<T>>, RunError> {
        check_product_modes(curvature, Batch::Exact)?;
        self.0.product(curvature, extent, vectors)
    }
}

fn session<T: Element>(
    network: &Network,
    data: &Data<T>,
    options: &RunOptions,
) -> Result<Session<T>, RunError> {
    let draft = draft(network, &data.sizes, options)?;
    let prepared = Arc::new(prepared(draft, options.limit)?);
    Session::new(&prepared, data, options)
}

/// Matrices as arrays of the parameters' shapes, in the network's order.
fn named<T: Element>(network: &Network, values: &session::Parameters<T>) -> Items {
    let array = |parameter: &crate::language::NetworkValue| {
        let value = values.get(&parameter.name)?;
        let array = value_array(value, &parameter.shape);
        Some((parameter.name.to_string(), array.into()))
    };
    network.parameters.iter().filter_map(array).collect()
}
