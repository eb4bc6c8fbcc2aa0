//! How a node is read before it is written. Why: text and LaTeX must agree on what is a difference, a quotient
//! or a chain of factors, so this is decided once and each notation only chooses its symbols.

use std::collections::{HashMap, VecDeque};

use num_traits::{One, Signed};

use super::form::{Argument, Denominator, Exponent, Form};
use super::{Dimension, Graph, Id, Name, Names, Op, Rational};

/// A chain longer than this is written in parts, so that sharing cannot make one form exponentially long.
const LONGEST_CHAIN: u32 = 256;

/// Signs and lengths of chains for every node below a root, and from them the forms.
pub(crate) struct Reader<'a> {
    pub(crate) graph: &'a Graph,
    names: &'a Names,
    facts: HashMap<Id, Fact>,
}

#[derive(Clone, Copy)]
struct Fact {
    negative: bool,
    length: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Product,
    Hadamard,
    Kronecker,
}

fn family(op: &Op) -> Option<Family> {
    match op {
        Op::Multiply | Op::Scale => Some(Family::Product),
        Op::Hadamard => Some(Family::Hadamard),
        Op::Kronecker => Some(Family::Kronecker),
        _ => None,
    }
}

#[derive(Default)]
struct Parts {
    coefficient: Option<Rational>,
    scalars: Vec<Id>,
    /// The factors of scalar products, one after the other.
    products: Vec<Id>,
    denominators: Vec<Denominator>,
    /// Scalar products still to be taken apart.
    groups: VecDeque<Id>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(graph: &'a Graph, root: Id, names: &'a Names) -> Self {
        let mut reader = Self {
            graph,
            names,
            facts: HashMap::new(),
        };
        for id in graph.topological(&[root]) {
            let fact = reader.fact(id);
            reader.facts.insert(id, fact);
        }
        reader
    }

    /// True when the node is written with a minus in front.
    pub(crate) fn is_negative(&self, id: Id) -> bool {
        self.facts[&id].negative
    }

    /// True when `operand` is an unnamed part of the chain of factors at `parent`.
    pub(crate) fn continues(&self, parent: Id, operand: Id) -> bool {
        let kind = family(&self.graph[parent].op);
        kind.is_some() && family(&self.graph[operand].op) == kind && self.name(operand).is_none()
    }

    /// True when `operand` of the product at `parent` is written J'*H*J, which needs no parentheses there.
    pub(crate) fn is_palindrome(&self, parent: Id, operand: Id) -> bool {
        family(&self.graph[parent].op) == Some(Family::Product)
            && self.graph[operand].op == Op::Congruence
            && self.name(operand).is_none()
    }

    /// True when the node is written as matrices with `*` between them and nothing else.
    pub(crate) fn is_plain_product(&self, id: Id) -> bool {
        match self.graph[id].op {
            _ if self.name(id).is_some() => false,
            Op::Congruence => true,
            Op::Multiply => matches!(
                self.form(id),
                Form::Product { coefficient, factors, denominators }
                    if coefficient.is_one()
                        && denominators.is_empty()
                        && factors.iter().all(|f| !self.graph.shape(*f).is_scalar())
            ),
            _ => false,
        }
    }

    /// The name written in a node's place.
    fn name(&self, id: Id) -> Option<&Name> {
        match &self.graph[id].op {
            Op::Variable(name) => Some(self.names.of_variable(name)),
            Op::Number(_) | Op::Dimension(_) | Op::Function(_) => None,
            _ => self.names.get(id),
        }
    }

    fn fact(&self, id: Id) -> Fact {
        let node = &self.graph[id];
        if self.name(id).is_some() {
            return Fact {
                negative: false,
                length: 1,
            };
        }
        let child = |i: usize| self.facts[&node.children[i]];
        let negative = match &node.op {
            Op::Number(value) => value.is_negative(),
            Op::Scale | Op::Multiply | Op::Hadamard | Op::Kronecker => {
                child(0).negative != child(1).negative
            }
            Op::Transpose => child(0).negative,
            Op::Congruence => child(1).negative,
            _ => false,
        };
        let kind = family(&node.op);
        let mut length = 1;
        if kind.is_some() {
            length = node.children.iter().fold(0u32, |sum, c| {
                let same = family(&self.graph[*c].op) == kind;
                sum.saturating_add(if same { self.facts[c].length } else { 1 })
            });
        }
        Fact { negative, length }
    }

    /// The form of a node.
    pub(crate) fn form(&self, id: Id) -> Form {
        if let Some(name) = self.name(id) {
            return Form::Name(name.clone());
        }
        let node = &self.graph[id];
        let c = &node.children;
        match &node.op {
            Op::Variable(name) => Form::Name(name.clone()),
            Op::Number(value) => Form::Product {
                coefficient: value.abs(),
                factors: Vec::new(),
                denominators: Vec::new(),
            },
            Op::Dimension(d) => Form::Size(d.clone(), self.is_hidden(d)),
            Op::Function(f) => Form::Function(f.clone()),
            Op::Add => self.sum(c),
            Op::Scale | Op::Multiply => self.product(id),
            Op::Hadamard => self.hadamard(id),
            Op::Kronecker => Form::Kronecker(self.chain(id, Family::Kronecker)),
            Op::Power => self.power(id),
            Op::Transpose => Form::Transpose(c[0]),
            Op::Congruence => {
                let identity = self.graph[c[1]].op == Op::Eye || self.graph.is_unit(c[1]);
                let middle = (!identity || self.name(c[1]).is_some()).then_some(c[1]);
                Form::Congruence {
                    jacobian: c[0],
                    middle,
                }
            }
            Op::Apply => match &self.graph[c[0]].op {
                Op::Function(f) => Form::Apply(f.clone(), c[1]),
                _ => Form::Call("apply", self.arguments(c)),
            },
            Op::Ones | Op::Zeros | Op::Eye if self.graph.shape(id).is_scalar() => {
                let value = Rational::from_integer(i32::from(node.op != Op::Zeros).into());
                Form::Product {
                    coefficient: value,
                    factors: Vec::new(),
                    denominators: Vec::new(),
                }
            }
            Op::Ones | Op::Zeros if self.graph.shape(id).is_column() => {
                Form::Call(head(&node.op), self.arguments(&c[..1]))
            }
            Op::Jacobian => Form::Call("jac", self.arguments(c)),
            op => Form::Call(head(op), self.arguments(c)),
        }
    }

    /// True when a value bears the name of one of the sizes, so that the name alone would not mean the size.
    fn is_hidden(&self, d: &Dimension) -> bool {
        d.names()
            .iter()
            .any(|name| self.graph.variables().contains_key(name) || self.names.bear(name))
    }

    fn arguments(&self, children: &[Id]) -> Vec<Argument> {
        let argument = |c: &Id| match &self.graph[*c].op {
            Op::Dimension(d) => Argument::Size(d.clone()),
            _ => Argument::Value(*c),
        };
        children.iter().map(argument).collect()
    }

    fn sum(&self, terms: &[Id]) -> Form {
        let mut terms: Vec<(bool, Id)> = terms.iter().map(|t| (self.is_negative(*t), *t)).collect();
        // A sum does not begin with a minus when it need not; the sort is stable.
        if terms.first().is_some_and(|(negative, _)| *negative) {
            terms.sort_by_key(|(negative, _)| *negative);
        }
        Form::Sum(terms)
    }

    /// The operands of a chain of one family, in order; in two parts when it is too long.
    fn chain(&self, id: Id, kind: Family) -> Vec<Id> {
        if self.facts[&id].length > LONGEST_CHAIN {
            return self.graph[id].children.to_vec();
        }
        let mut leaves = Vec::new();
        let mut stack = vec![id];
        while let Some(next) = stack.pop() {
            let node = &self.graph[next];
            if family(&node.op) == Some(kind) && self.name(next).is_none() {
                stack.extend(node.children.iter().rev());
            } else {
                leaves.push(next);
            }
        }
        leaves
    }

    /// A product with its numbers in front, then scalars, then scalar products such as `x'*y`, then the rest
    /// in order; scalars commute with everything.
    fn product(&self, id: Id) -> Form {
        let mut parts = Parts::default();
        let mut last = self.factors(id, &mut parts);
        while let Some(group) = parts.groups.pop_front() {
            let mut factors = self.factors(group, &mut parts);
            parts.products.append(&mut factors);
        }
        let Parts {
            coefficient,
            scalars: mut factors,
            products,
            denominators,
            ..
        } = parts;
        factors.extend(products);
        factors.append(&mut last);
        let coefficient = coefficient.unwrap_or_else(Rational::one);
        Form::Product {
            coefficient,
            factors,
            denominators,
        }
    }

    /// Sorts the operands of one chain into `parts` and returns those that are no scalars.
    fn factors(&self, id: Id, parts: &mut Parts) -> Vec<Id> {
        let mut matrices = Vec::new();
        let is_chain = |next: Id| {
            family(&self.graph[next].op) == Some(Family::Product) && self.name(next).is_none()
        };
        let too_long = self.facts[&id].length > LONGEST_CHAIN;
        let mut stack = vec![id];
        while let Some(next) = stack.pop() {
            let node = &self.graph[next];
            let scalar = self.graph.shape(next).is_scalar();
            if next == id || is_chain(next) && !too_long {
                if next != id && scalar && node.op == Op::Multiply {
                    parts.groups.push_back(next);
                } else {
                    stack.extend(node.children.iter().rev());
                }
            } else if let Op::Number(value) = &node.op {
                let coefficient = parts.coefficient.take().unwrap_or_else(Rational::one);
                parts.coefficient = Some(coefficient * value.abs());
            } else if !scalar {
                matrices.push(next);
            } else {
                match self.denominator(next) {
                    Some(below) => parts.denominators.push(below),
                    None => parts.scalars.push(next),
                }
            }
        }
        matrices
    }

    fn hadamard(&self, id: Id) -> Form {
        let (mut factors, mut denominators) = (Vec::new(), Vec::new());
        for leaf in self.chain(id, Family::Hadamard) {
            match self.denominator(leaf) {
                Some(below) => denominators.push(below),
                None => factors.push(leaf),
            }
        }
        Form::Hadamard {
            factors,
            denominators,
        }
    }

    /// The node as something below a fraction bar, when it is a power with a negative number as its exponent.
    fn denominator(&self, id: Id) -> Option<Denominator> {
        let node = &self.graph[id];
        if node.op != Op::Power || self.name(id).is_some() {
            return None;
        }
        let exponent = self.graph.as_number(node.children[1])?;
        exponent.is_negative().then(|| Denominator {
            base: node.children[0],
            exponent: -exponent.clone(),
        })
    }

    fn power(&self, id: Id) -> Form {
        let c = &self.graph[id].children;
        if let Some(below) = self.denominator(id) {
            let (factors, denominators) = (Vec::new(), vec![below]);
            return if self.graph.shape(id).is_scalar() {
                Form::Product {
                    coefficient: Rational::one(),
                    factors,
                    denominators,
                }
            } else {
                Form::Hadamard {
                    factors,
                    denominators,
                }
            };
        }
        let exponent = match self.graph.as_number(c[1]) {
            Some(value) => Exponent::Number(value.clone()),
            None => Exponent::Value(c[1]),
        };
        Form::Power {
            base: c[0],
            exponent,
        }
    }
}

fn head(op: &Op) -> &'static str {
    op.head().map_or("unknown", |(name, _)| name)
}

/// True for 1/2, the exponent of a square root.
pub(crate) fn is_half(value: &Rational) -> bool {
    value.numer().is_one() && *value.denom() == 2.into()
}
