//! Products of matrices that differ from sample to sample with one vector. Why beside means: the mean of `xx' ⊗ DHD` has as many entries as
//! the weight squared, its product with `vec V` is that of `(DHD V x) x'`, two matrix products for all samples.

use super::{Form, Samples, Stop};
use crate::expr::{Graph, Id, Name, Op, Shape, ShapeError};

/// The mean over the samples of `M vec V`, of the shape asked for, V the same for all samples; nothing where it has no form.
///
/// # Errors
/// When an expression is ill shaped.
///
/// ```
/// use hbp::expr::{Dimension, Facts, Graph, Op, Role, Shape, Variable, print_sexpr};
/// use hbp::hbp::mean_image;
/// let mut graph = Graph::default();
/// let (m, n) = (Dimension::named("m"), Dimension::named("n"));
/// let mut declare = |name: &str, shape: &Shape| {
///     graph.declare(name, Variable { shape: shape.clone(), role: Role::Input, facts: Facts::default() })
/// };
/// let (x, d) = (declare("x", &Shape::vector(n.clone())), declare("d", &Shape::vector(m.clone())));
/// let shape = Shape::matrix(m, n);
/// let v = declare("V", &shape);
/// // E[xx' ⊗ diag(d)] vec V, n²m² entries before it is multiplied
/// let row = graph.node(Op::Transpose, &[x])?;
/// let (outer, diagonal) = (graph.node(Op::Multiply, &[x, row])?, graph.node(Op::Diag, &[d])?);
/// let block = graph.node(Op::Kronecker, &[outer, diagonal])?;
/// let varying = ["x".into(), "d".into()];
/// let image = mean_image(&mut graph, (block, false), v, &shape, &varying, &"B".into())?.expect("has a form");
/// let text = "(scale (pow B -1) (mul (had columns(d) (mul V columns(x))) (t columns(x))))";
/// assert_eq!(print_sexpr(&graph, image), text);
/// # Ok::<(), hbp::expr::ShapeError>(())
/// ```
pub fn mean_image(
    graph: &mut Graph,
    (matrix, is_transposed): (Id, bool),
    direction: Id,
    shape: &Shape,
    varying: &[Name],
    samples: &Name,
) -> Result<Option<Id>, ShapeError> {
    let mut batch = Samples::new(graph, varying, samples);
    let terms = batch.image(matrix, is_transposed, &Vector::Constant(direction));
    match terms.and_then(|terms| batch.mean_of_vectors(&terms, shape)) {
        Ok(image) => Ok(Some(image)),
        Err(Stop::NoForm) => Ok(None),
        Err(Stop::Shape(error)) => Err(error),
    }
}

/// X and W, side by side, where the matrix of every sample is `xx' ⊗ diag(w)`: its mean has a block `E[wᵢ xx']` for every row i of a parameter
/// with the columns x, and nothing between rows. Nothing for another matrix.
///
/// # Errors
/// When an expression is ill shaped.
pub fn row_factors(
    graph: &mut Graph,
    matrix: Id,
    varying: &[Name],
    samples: &Name,
) -> Result<Option<(Id, Id)>, ShapeError> {
    let mut batch = Samples::new(graph, varying, samples);
    match batch.row_factors(matrix) {
        Ok(factors) => Ok(Some(factors)),
        Err(Stop::NoForm) => Ok(None),
        Err(Stop::Shape(error)) => Err(error),
    }
}

/// A vector of every sample.
#[derive(Clone, Copy, Debug)]
enum Vector {
    /// `vec V`, the same for all.
    Constant(Id),
    /// `vec(u w')`, each sample a column of both.
    Outer(Id, Id),
}

impl Samples<'_> {
    /// M times a vector of every sample, as a sum.
    fn image(&mut self, matrix: Id, is_transposed: bool, of: &Vector) -> Form<Vec<Vector>> {
        if let Vector::Constant(v) = of
            && !self.varies(matrix)
        {
            let column = self.node(Op::Vec, &[*v])?;
            let matrix = if is_transposed {
                self.node(Op::Transpose, &[matrix])?
            } else {
                matrix
            };
            let image = self.node(Op::Multiply, &[matrix, column])?;
            return Ok(vec![Vector::Constant(image)]);
        }
        let node = self.graph[matrix].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Zeros, _) => Ok(Vec::new()),
            (Op::Transpose, [a]) => self.image(*a, !is_transposed, of),
            (Op::Add, terms) => {
                let mut sum = Vec::new();
                for term in terms {
                    sum.extend(self.image(*term, is_transposed, of)?);
                }
                Ok(sum)
            }
            (Op::Scale, [s, a]) => {
                let terms = self.image(*a, is_transposed, of)?;
                terms.iter().map(|term| self.multiple(*s, term)).collect()
            }
            (Op::Multiply, [a, b]) => {
                let (first, second) = if is_transposed { (a, b) } else { (b, a) };
                let terms = self.image(*first, is_transposed, of)?;
                self.images(*second, is_transposed, &terms)
            }
            // J'HJ
            (Op::Congruence, [j, h]) => {
                let terms = self.image(*j, false, of)?;
                let terms = self.images(*h, is_transposed, &terms)?;
                self.images(*j, true, &terms)
            }
            // (A ⊗ B) vec V = vec(B V A')
            (Op::Kronecker, [a, b]) => {
                let (rows, cols) = (self.width(*b, is_transposed), self.width(*a, is_transposed));
                self.image_of_kronecker((*a, *b), is_transposed, of, &Shape::matrix(rows, cols))
            }
            _ => self.image_of_column(matrix, is_transposed, of),
        }
    }

    fn row_factors(&mut self, matrix: Id) -> Form<(Id, Id)> {
        let node = self.graph[matrix].clone();
        match (&node.op, node.children.as_slice()) {
            (Op::Scale, [s, a]) => {
                let (x, weights) = self.row_factors(*a)?;
                Ok((x, self.times_scalar(*s, weights)?))
            }
            (Op::Kronecker, [a, b]) => {
                let Op::Diag = self.graph[*b].op else {
                    return Err(Stop::NoForm);
                };
                let entries = self.graph[*b].children[0];
                let (x, y) = self.rank_one(*a)?;
                if x != y {
                    return Err(Stop::NoForm);
                }
                Ok((x, self.columns(entries)?))
            }
            _ => Err(Stop::NoForm),
        }
    }

    fn images(&mut self, matrix: Id, is_transposed: bool, of: &[Vector]) -> Form<Vec<Vector>> {
        let mut sum = Vec::new();
        for vector in of {
            sum.extend(self.image(matrix, is_transposed, vector)?);
        }
        Ok(sum)
    }

    /// Columns of a matrix, or of its transpose.
    fn width(&self, matrix: Id, is_transposed: bool) -> crate::expr::Dimension {
        let shape = self.graph.shape(matrix);
        if is_transposed {
            shape.rows
        } else {
            shape.cols
        }
    }

    fn image_of_kronecker(
        &mut self,
        (a, b): (Id, Id),
        is_transposed: bool,
        of: &Vector,
        shape: &Shape,
    ) -> Form<Vec<Vector>> {
        let image = match of {
            Vector::Constant(v) => {
                if self.graph.shape(*v) != *shape {
                    return Err(Stop::NoForm);
                }
                match self.rank_one(a) {
                    // B V (p q')' = (B V q) p'
                    Ok((p, q)) => {
                        let (p, q) = if is_transposed { (q, p) } else { (p, q) };
                        let inner = self.node(Op::Multiply, &[*v, q])?;
                        Vector::Outer(self.product(b, is_transposed, inner)?, p)
                    }
                    // (p q') V A' = p (A V'q)'
                    Err(Stop::NoForm) => {
                        let (p, q) = self.rank_one(b)?;
                        let (p, q) = if is_transposed { (q, p) } else { (p, q) };
                        let row = self.node(Op::Transpose, &[*v])?;
                        let inner = self.node(Op::Multiply, &[row, q])?;
                        Vector::Outer(p, self.product(a, is_transposed, inner)?)
                    }
                    Err(stop) => return Err(stop),
                }
            }
            // B u (A w)'
            Vector::Outer(u, w) => {
                let own = Shape::matrix(self.graph.shape(*u).rows, self.graph.shape(*w).rows);
                if own != *shape {
                    return Err(Stop::NoForm);
                }
                let u = self.product(b, is_transposed, *u)?;
                Vector::Outer(u, self.product(a, is_transposed, *w)?)
            }
        };
        Ok(vec![image])
    }

    /// The image of one column, which is one column.
    fn image_of_column(
        &mut self,
        matrix: Id,
        is_transposed: bool,
        of: &Vector,
    ) -> Form<Vec<Vector>> {
        let ones = self.row_of_ones();
        let column = match of {
            Vector::Constant(v) if self.is_column(*v) => self.node(Op::Multiply, &[*v, ones])?,
            Vector::Constant(v) if self.is_row(*v) => {
                let column = self.node(Op::Transpose, &[*v])?;
                self.node(Op::Multiply, &[column, ones])?
            }
            Vector::Outer(u, w) if self.is_row(*w) => self.scaled(*w, *u)?,
            _ => return Err(Stop::NoForm),
        };
        Ok(vec![Vector::Outer(
            self.product(matrix, is_transposed, column)?,
            ones,
        )])
    }

    fn multiple(&mut self, s: Id, of: &Vector) -> Form<Vector> {
        match of {
            Vector::Outer(u, w) => Ok(Vector::Outer(self.times_scalar(s, *u)?, *w)),
            Vector::Constant(v) if !self.varies(s) => {
                Ok(Vector::Constant(self.node(Op::Scale, &[s, *v])?))
            }
            Vector::Constant(_) => Err(Stop::NoForm),
        }
    }

    /// The matrix of this shape with the same entries, columns stacked.
    fn shaped(&mut self, id: Id, shape: &Shape) -> Form<Id> {
        let own = self.graph.shape(id);
        if own == *shape {
            return Ok(id);
        }
        if own.size() != shape.size() {
            return Err(Stop::NoForm);
        }
        let rows = self.graph.dimension(shape.rows.clone());
        let cols = self.graph.dimension(shape.cols.clone());
        self.node(Op::Reshape, &[id, rows, cols])
    }

    /// The mean of a sum of vectors, as a matrix of this shape.
    fn mean_of_vectors(&mut self, of: &[Vector], shape: &Shape) -> Form<Id> {
        let mut terms = Vec::with_capacity(of.len());
        for vector in of {
            let term = match vector {
                Vector::Constant(v) => *v,
                Vector::Outer(u, w) => self.mean_product(*u, *w)?,
            };
            terms.push(self.shaped(term, shape)?);
        }
        match terms.as_slice() {
            [] => Ok(self.graph.zeros(shape)),
            [one] => Ok(*one),
            several => self.node(Op::Add, several),
        }
    }
}
