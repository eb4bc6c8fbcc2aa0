//! The damped step (Eq. 8): `[αI + βH] vec Δ = −vec G`, as an expression. Why by rules: the forms that make the step cheap, of rank one, of
//! two factors, of one column a sample, are identities of matrices like any other, so they stand in the book and are checked.

mod outline;

use std::collections::{BTreeMap, HashMap};

use num_traits::Signed;

use self::outline::Outline;
use crate::expr::{Graph, Id, Op, Rational, ShapeError};
use crate::rewrite::{Report, RewriteError, Rewriter, Solving};

/// How the system of a step is solved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Solver {
    /// Directly, by factorisations of the factors. The damped block may be indefinite; a singular one is an error at run time.
    Exact,
    /// By conjugate gradients (Hestenes & Stiefel 1952) from Δ = 0, on the whole block at once. They stop where ‖r‖ ≤ tolerance · ‖G‖, after so
    /// many iterations, or with what they have at a direction of curvature ≤ 0. In every form the iterates are those of the entries of Δ.
    ConjugateGradients {
        /// Relative to the norm of the gradient.
        tolerance: Rational,
        /// The most products with the block.
        iterations: usize,
    },
}

impl Solver {
    /// Conjugate gradients as in the paper's experiment: tolerance 0.1, at most 50 iterations.
    pub fn conjugate_gradients() -> Self {
        Self::ConjugateGradients {
            tolerance: Rational::new(1.into(), 10.into()),
            iterations: 50,
        }
    }
}

/// Why there is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// α or β is no scalar.
    #[error("the damping `{name}` is {shape}, not a scalar")]
    Damping {
        /// `alpha` or `beta`.
        name: &'static str,
        /// Its shape.
        shape: String,
    },
    /// The block has not one row for every entry of the gradient.
    #[error("a block of {rows} × {cols} does not fit a gradient of {entries} entries")]
    Block {
        /// Rows of the block.
        rows: String,
        /// Columns of the block.
        cols: String,
        /// Entries of the gradient.
        entries: String,
    },
    /// A tolerance below zero.
    #[error("the tolerance {0} of conjugate gradients is below zero")]
    Tolerance(Rational),
    /// A rule of the book failed.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// The expressions given, or a rule, are ill shaped.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl StepError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Damping { .. } => "give two scalars: α I + β H with β = 1 − α is usual",
            Self::Block { .. } => {
                "the block of a variable is square, with one row for every entry, columns stacked"
            }
            Self::Tolerance(_) => "the paper takes 1/10; 0 runs all iterations",
            Self::Rewrite(_) => "`hbp rules --check` says which rule of the book is wrong",
            Self::Shape(_) => "check the shapes of block and gradient",
        }
    }
}

/// One of several equal ways to write a step. Which is cheapest depends on the sizes.
#[derive(Clone, Debug)]
pub struct StepForm {
    /// `weight space`, or `batch space` with one column a sample.
    pub name: &'static str,
    /// Δ.
    pub step: Id,
    /// Δ with variables in the place of what is inside of its factors, in a graph of its own: what the form itself costs.
    pub outline: (Graph, Id),
}

/// Δ of `[αI + βH] vec Δ = −vec G`, of the shape of G, in the form that does not depend on the size of a batch; see [`steps`].
///
/// # Errors
/// As [`steps`].
pub fn step(
    graph: &mut Graph,
    damping: (Id, Id),
    block: Id,
    gradient: Id,
    solver: &Solver,
    rewriter: &Rewriter,
) -> Result<Id, StepError> {
    let outline = outlined(graph, damping, block, gradient, solver)?;
    let (step, _) = outline.written(graph, solver, false, rewriter)?;
    Ok(step)
}

/// The forms of Δ of `[αI + βH] vec Δ = −vec G` (Eq. 8), which are equal in value, and for conjugate gradients in every iterate. There is a second
/// one, in batch space, where H = cXX' ⊗ B and G = DX' with the same X, of one column a sample; it needs α known to be above zero:
/// a positive number, or a scalar declared positive definite.
///
/// `block` is H, symmetric, and so are its factors; that is taken on trust. A Kronecker product is solved by its factors, one of rank one in closed form
/// (Sherman & Morrison), a diagonal entry by entry, anything else as it is.
///
/// # Errors
/// When α or β is no scalar, the block does not fit the gradient, the tolerance is below zero, or a rule of the book is unsound.
///
/// ```
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Variable, print_sexpr};
/// use hbp::hbp::{Solver, steps};
/// use hbp::rewrite::Rewriter;
/// let mut graph = Graph::default();
/// let (m, n, samples) = (Dimension::named("m"), Dimension::named("n"), Dimension::named("B"));
/// let mut declare = |name: &str, shape, facts| graph.declare(name, Variable { shape, role: Role::Parameter, facts });
/// let scalar = Facts { positive_definite: true, ..Facts::default() };
/// let symmetric = Facts { symmetric: true, ..Facts::default() };
/// let alpha = declare("alpha", Shape::scalar(), scalar);
/// let beta = declare("beta", Shape::scalar(), scalar);
/// let x = declare("X", Shape::matrix(n, samples.clone()), Facts::default());
/// let d = declare("D", Shape::matrix(m.clone(), samples), Facts::default());
/// let h = declare("H", Shape::matrix(m.clone(), m), symmetric);
/// let x_transposed = graph.node(Op::Transpose, &[x])?;
/// let left = graph.node(Op::Multiply, &[x, x_transposed])?;
/// let block = graph.node(Op::Kronecker, &[left, h])?;
/// let gradient = graph.node(Op::Multiply, &[d, x_transposed])?;
/// let forms = steps(&mut graph, (alpha, beta), block, gradient, &Solver::Exact, Rewriter::embedded())?;
/// let text: Vec<String> = forms.iter().map(|form| print_sexpr(&graph, form.step)).collect();
/// assert_eq!(text[0], "(scale -1 (stein alpha beta H (mul X (t X)) (mul D (t X))))");
/// assert_eq!(text[1], "(scale -1 (mul (stein-gram alpha beta H (mul (t X) X) D) (t X)))");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn steps(
    graph: &mut Graph,
    damping: (Id, Id),
    block: Id,
    gradient: Id,
    solver: &Solver,
    rewriter: &Rewriter,
) -> Result<Vec<StepForm>, StepError> {
    let outline = outlined(graph, damping, block, gradient, solver)?;
    let mut forms: Vec<StepForm> = Vec::new();
    for (name, samples) in [("weight space", false), ("batch space", true)] {
        let (step, outline) = outline.written(graph, solver, samples, rewriter)?;
        if forms.iter().all(|form| form.step != step) {
            forms.push(StepForm {
                name,
                step,
                outline,
            });
        }
    }
    Ok(forms)
}

/// The system with what is inside of its factors left out.
struct System {
    small: Graph,
    /// What the variables of `small` stand for.
    values: HashMap<crate::expr::Name, Id>,
    root: Id,
}

fn outlined(
    graph: &mut Graph,
    (alpha, beta): (Id, Id),
    block: Id,
    gradient: Id,
    solver: &Solver,
) -> Result<System, StepError> {
    for (name, id) in [("alpha", alpha), ("beta", beta)] {
        let shape = graph.shape(id);
        if !shape.is_scalar() {
            let shape = shape.to_string();
            return Err(StepError::Damping { name, shape });
        }
    }
    let (of_block, shape) = (graph.shape(block), graph.shape(gradient));
    let entries = shape.size();
    if of_block.rows != entries || of_block.cols != entries {
        return Err(StepError::Block {
            rows: of_block.rows.to_string(),
            cols: of_block.cols.to_string(),
            entries: entries.to_string(),
        });
    }
    if let Solver::ConjugateGradients { tolerance, .. } = solver
        && tolerance.is_negative()
    {
        return Err(StepError::Tolerance(tolerance.clone()));
    }
    let mut outline = Outline::new(graph);
    let (alpha, beta) = (outline.scalar(alpha), outline.scalar(beta));
    let block = outline.block(block)?;
    let gradient = outline.gradient(gradient)?;
    let (mut small, values) = outline.finish();
    let size = small.dimension(entries);
    let identity = small.node(Op::Eye, &[size])?;
    let damping = small.node(Op::Scale, &[alpha, identity])?;
    let block = small.node(Op::Scale, &[beta, block])?;
    let system = small.node(Op::Add, &[damping, block])?;
    let inverse = small.node(Op::Inverse, &[system])?;
    let right = small.node(Op::Vec, &[gradient])?;
    let mut solution = small.node(Op::Multiply, &[inverse, right])?;
    if !shape.is_column() {
        let (rows, cols) = (small.dimension(shape.rows), small.dimension(shape.cols));
        solution = small.node(Op::Reshape, &[solution, rows, cols])?;
    }
    let minus = small.integer(-1);
    let root = small.node(Op::Scale, &[minus, solution])?;
    Ok(System {
        small,
        values,
        root,
    })
}

impl System {
    /// The solution, written into the graph.
    fn written(
        &self,
        graph: &mut Graph,
        solver: &Solver,
        samples: bool,
        rewriter: &Rewriter,
    ) -> Result<(Id, (Graph, Id)), StepError> {
        let mut small = self.small.clone();
        let solving = match solver {
            Solver::Exact => Solving::Direct,
            Solver::ConjugateGradients { .. } => Solving::Iterated,
        };
        let report = &mut Report::default();
        let mut root = rewriter.solve(&mut small, self.root, solving, samples, report)?;
        if let Solver::ConjugateGradients {
            tolerance,
            iterations,
        } = solver
        {
            root = iterated(&mut small, root, tolerance, *iterations)?;
        }
        let step = graph.import(&small, root, &self.values, &BTreeMap::new())?;
        Ok((step, (small, root)))
    }
}

/// The same with conjugate gradients in the place of every equation. No equality, so not by rules.
fn iterated(
    graph: &mut Graph,
    root: Id,
    tolerance: &Rational,
    iterations: usize,
) -> Result<Id, ShapeError> {
    let mut done: HashMap<Id, Id> = HashMap::new();
    for id in graph.topological(&[root]) {
        let node = graph[id].clone();
        let mut children: Vec<Id> = node.children.iter().map(|child| done[child]).collect();
        let op = match node.op {
            Op::Stein => Op::ConjugateGradients,
            Op::SteinGram => Op::ConjugateGradientsGram,
            op => {
                let new = if children.is_empty() {
                    id
                } else {
                    graph.node(op, &children)?
                };
                done.insert(id, new);
                continue;
            }
        };
        children.push(graph.number(tolerance.clone()));
        children.push(graph.number(Rational::from_integer(iterations.into())));
        done.insert(id, graph.node(op, &children)?);
    }
    Ok(done[&root])
}
