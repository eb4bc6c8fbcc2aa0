//! Extraction: the form of a class that a person would write. Why our own: the choice must be the same on
//! every machine, a congruence counts its Jacobian once, and whether a form reads well depends on where it stands.

use std::collections::{BTreeSet, HashMap};

use egg::Language;

use super::analysis::Egraph;
use super::enode::{ENode, Term, build};
use super::solve::{Solving, burden};
use crate::expr::{Graph, Id, Name, Op, ShapeError};

/// Which of two equal forms of a scaled congruence is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Style {
    /// `(W'*hess(z)*W) .* (f*f')`, the form of KFRA and BDA-PCH.
    #[default]
    Hadamard,
    /// `J'*hess(z)*J` with `J = W*diag(f)`, the form of S.11c.
    Congruence,
}

/// What an extraction prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taste {
    pub(crate) style: Style,
    /// Derivatives of elementwise functions are to be replaced by their values.
    pub(crate) values: bool,
    /// A linear system is to be solved.
    pub(crate) solving: Option<Solving>,
}

/// How an expression binds, as far as legibility cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Atom,
    Number,
    Sum,
    Product,
    Entries,
    Congruence,
    Diag,
    Wide,
}

/// The best known form of a class: about how many characters it takes, and how it binds.
#[derive(Clone, Debug)]
struct Choice {
    weight: u64,
    form: Form,
    node: ENode,
}

/// What must never be chosen while anything else is there: operators that a phase should have removed.
const FORBIDDEN: u64 = 1 << 32;

/// A form of more characters is none: shared parts can make a tree too long to count.
const LARGEST: u64 = 1 << 60;

/// The best forms of all classes.
pub(crate) struct Extraction<'a> {
    egraph: &'a Egraph,
    choices: HashMap<egg::Id, Choice>,
}

impl<'a> Extraction<'a> {
    /// Chooses the best form of every class.
    pub(crate) fn new(egraph: &'a Egraph, taste: Taste) -> Self {
        let mut classes: Vec<egg::Id> = egraph.classes().map(|class| class.id).collect();
        classes.sort_unstable();
        let mut this = Self {
            egraph,
            choices: HashMap::new(),
        };
        let mut changed = true;
        while changed {
            changed = false;
            for class in &classes {
                for node in &egraph[*class].nodes {
                    let Some(choice) = this.weigh(*class, node, taste) else {
                        continue;
                    };
                    let better = this
                        .choices
                        .get(class)
                        .is_none_or(|old| (choice.weight, &choice.node) < (old.weight, &old.node));
                    if better {
                        this.choices.insert(*class, choice);
                        changed = true;
                    }
                }
            }
        }
        this
    }

    /// True when the best form of the class still has a forbidden operator in it.
    pub(crate) fn is_forbidden(&self, class: egg::Id) -> bool {
        self.choices
            .get(&self.egraph.find(class))
            .is_none_or(|c| c.weight >= FORBIDDEN)
    }

    /// The operands of J and V wherever a class needs one of them.
    pub(crate) fn left_over(&self, class: egg::Id) -> BTreeSet<egg::Id> {
        let mut stack = vec![self.egraph.find(class)];
        let (mut seen, mut operands) = (BTreeSet::new(), BTreeSet::new());
        while let Some(id) = stack.pop() {
            if !self.is_forbidden(id) || !seen.insert(id) {
                continue;
            }
            for node in &self.egraph[id].nodes {
                if matches!(node.op, Op::Jacobian | Op::Backpropagate) {
                    operands.insert(self.egraph.find(node.children[0]));
                }
                stack.extend(node.children.iter().map(|child| self.egraph.find(*child)));
            }
        }
        operands
    }

    /// The best form of a class as a term.
    pub(crate) fn term(&self, class: egg::Id) -> Term {
        let root = self.egraph.find(class);
        self.choices[&root]
            .node
            .build_recexpr(|id| self.choices[&self.egraph.find(id)].node.clone())
    }

    /// Writes the best form of a class into a graph.
    pub(crate) fn write(
        &self,
        class: egg::Id,
        graph: &mut Graph,
        locals: &[(Name, Id)],
        done: &mut HashMap<egg::Id, Id>,
    ) -> Result<Id, ShapeError> {
        let root = self.egraph.find(class);
        let mut stack = vec![(root, false)];
        while let Some((id, ready)) = stack.pop() {
            if done.contains_key(&id) {
                continue;
            }
            let node = &self.choices[&id].node;
            if ready {
                let children: Vec<Id> = node
                    .children
                    .iter()
                    .map(|c| done[&self.egraph.find(*c)])
                    .collect();
                let new = build(graph, &node.op, &children, locals)?;
                done.insert(id, new);
            } else {
                stack.push((id, true));
                stack.extend(node.children.iter().map(|c| (self.egraph.find(*c), false)));
            }
        }
        Ok(done[&root])
    }

    fn weigh(&self, class: egg::Id, node: &ENode, taste: Taste) -> Option<Choice> {
        let children = node
            .children
            .iter()
            .map(|c| self.choices.get(&self.egraph.find(*c)))
            .collect::<Option<Vec<_>>>()?;
        let (mut weight, form) = weigh(&node.op, &children, taste.style);
        if let Op::Function(f) = &node.op
            && taste.values
        {
            weight += 1000 * u64::from(f.order);
        }
        if let Some(solving) = taste.solving {
            weight += burden(&node.op, solving);
        }
        if node.op == Op::Congruence {
            let inner = &self.egraph[node.children[1]].data;
            // Around a scalar it is an outer product, around the identity a Gram matrix.
            if inner.identity || inner.shape().is_some_and(|s| s.is_scalar()) {
                weight += children[0].weight + 4;
            }
        }
        // A sum that is diagonal is written as one diagonal matrix, `diag(1 + v)` for `eye(n) + diag(v)`: a congruence by it is
        // then a Hadamard product, and its mean over the samples is one too.
        let is_diag = |other: &ENode| other.op == Op::Diag;
        if node.op == Op::Add && self.egraph[class].nodes.iter().any(is_diag) {
            weight += 8;
        }
        if node.op == Op::Expectation {
            weight += self.scalings(node.children[0]);
        }
        if node.op == Op::Power {
            let exponent = self.egraph[node.children[1]].data.number.as_ref();
            // The power 0 is a shorter way to write ones, but nobody would. A half is a square root.
            if exponent.is_some_and(num_traits::Zero::is_zero) {
                weight += 20;
            } else if exponent.is_some_and(|p| !p.is_integer()) {
                weight += 4;
            }
        }
        // A derivative that has a shorter name of its own is not written with a prime.
        if self.is_derivative(node) {
            let others = self.egraph[class].nodes.iter();
            if others.into_iter().any(|other| other.op != Op::Apply) {
                weight += 40;
            }
        }
        (weight < LARGEST).then(|| Choice {
            weight,
            form,
            node: node.clone(),
        })
    }
}

impl Extraction<'_> {
    /// What the terms of a mean lose in it, where one is `diag(u)*H*diag(u)` with the same H for every sample: `H .* E(u*u')`
    /// leaves one mean of outer products, however long u is.
    fn scalings(&self, class: egg::Id) -> u64 {
        let choice = |class: egg::Id| self.choices.get(&self.egraph.find(class));
        let Some(Choice { node, .. }) = choice(class) else {
            return 0;
        };
        match (&node.op, node.children.as_slice()) {
            (Op::Add, [a, b]) => self.scalings(*a) + self.scalings(*b),
            (Op::Scale, [_, a]) => self.scalings(*a),
            (Op::Congruence, [j, h]) => {
                let depends = self.egraph[*h].data.depends;
                let constant = depends & self.egraph.analysis.sample_mask() == 0;
                match choice(*j) {
                    Some(scaling) if constant && scaling.form == Form::Diag => {
                        20 + 2 * scaling.weight
                    }
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    /// True for `f'(t)`, f an elementwise function.
    fn is_derivative(&self, node: &ENode) -> bool {
        let derived = |node: &ENode| matches!(&node.op, Op::Function(f) if f.order > 0);
        node.op == Op::Apply && self.egraph[node.children[0]].nodes.iter().any(derived)
    }
}

fn weigh(op: &Op, children: &[&Choice], style: Style) -> (u64, Form) {
    let own = |i: usize| children[i].weight;
    let all: u64 = children.iter().map(|c| c.weight).sum();
    // Parentheses around an operand that binds less tightly than a product.
    let bracket = |i: usize| match children[i].form {
        Form::Sum => 2,
        _ => 0,
    };
    let tight = |i: usize| match children[i].form {
        Form::Sum | Form::Product | Form::Entries | Form::Congruence | Form::Number => 2,
        _ => 0,
    };
    let diagonal = |i: usize| u64::from(children[i].form == Form::Diag);
    // A Kronecker product inside a product hides the structure of the whole.
    let wide = |i: usize| {
        if children[i].form == Form::Wide {
            20
        } else {
            0
        }
    };
    match op {
        Op::Variable(name) => (name.len().min(6) as u64, Form::Atom),
        Op::Number(value) => {
            let digits = value.to_string().len() as u64;
            (digits, if digits > 1 { Form::Number } else { Form::Atom })
        }
        Op::Dimension(_) => (1, Form::Atom),
        Op::Function(f) => (1 + u64::from(f.order), Form::Atom),
        Op::Add => (all + 1, Form::Sum),
        Op::Scale => (all + 1 + bracket(0) + bracket(1), Form::Product),
        Op::Multiply => {
            // A diagonal factor inside a product is a scaling: a person writes it as a Hadamard product,
            // unless the congruence form is asked for.
            let scaling = match style {
                Style::Hadamard => 10 * (diagonal(0) + diagonal(1)),
                Style::Congruence => 0,
            };
            (
                all + 1 + bracket(0) + bracket(1) + scaling + wide(0) + wide(1),
                Form::Product,
            )
        }
        Op::Hadamard => (all + 2 + tight(0) + tight(1), Form::Entries),
        Op::Kronecker => (
            all + 3 + tight(0) + tight(1) + wide(0) / 2 + wide(1) / 2,
            Form::Wide,
        ),
        Op::Power => (all + 1 + tight(0), Form::Product),
        Op::Transpose => match children[0].form {
            Form::Wide => (all + 3, Form::Wide),
            // `(a + b)'` reads better than `a' + b'`.
            Form::Sum | Form::Entries => (all + 1, Form::Atom),
            _ => (all + 2 + tight(0), Form::Atom),
        },
        Op::Congruence => {
            let compound = match (style, children[1].form) {
                (_, Form::Atom) | (Style::Congruence, _) => 0,
                _ => 6 * diagonal(0),
            };
            // The congruence of an outer product is an outer product.
            let outer = if children[1].form == Form::Product {
                8
            } else {
                0
            };
            (
                all + 3 + bracket(0) + bracket(1) + compound + outer + wide(0),
                Form::Congruence,
            )
        }
        Op::Diag => (all + 6, Form::Diag),
        Op::Apply => (all + 2, Form::Atom),
        Op::Sum | Op::Mean | Op::Trace => (all + 6, Form::Atom),
        // What does not depend on the sample reads better outside.
        Op::Expectation => (all + all / 2 + 5, Form::Atom),
        Op::Inverse | Op::Eye => (all + 5, Form::Atom),
        Op::Norm2
        | Op::Determinant
        | Op::LogDeterminant
        | Op::LogSumExp
        | Op::ColumnLogSumExp
        | Op::ColumnNorm2
        | Op::SampleRoots
        | Op::Softmax => (all + 8, Form::Atom),
        Op::EigAbs | Op::EigClip => (all + 9, Form::Atom),
        Op::Ones | Op::Zeros => (all + 7, Form::Atom),
        Op::Stein | Op::SteinGram | Op::ConjugateGradients | Op::ConjugateGradientsGram => {
            (all + 10, Form::Atom)
        }
        Op::DiagVec | Op::Vec => (all + 14, Form::Atom),
        Op::Reshape => (all + 16, Form::Atom),
        Op::Commutation => (all + 30, Form::Atom),
        Op::Rows | Op::Cols | Op::Size => (own(0) + FORBIDDEN, Form::Atom),
        Op::Jacobian | Op::Backpropagate | Op::DimensionProduct | Op::Prime => {
            (all + FORBIDDEN, Form::Atom)
        }
    }
}
