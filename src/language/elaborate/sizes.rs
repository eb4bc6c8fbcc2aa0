//! The callee's dimensions at a call: from the brackets, and from the shapes of what is given.

use std::collections::BTreeMap;

use super::inline::Given;
use super::naming::numbered;
use super::unify::{Equation, Solution, solve};
use super::{Builder, dimension};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Dimension, Name, Shape};
use crate::language::scope::Template;
use crate::language::syntax::{Call, Expr};

impl Builder<'_> {
    /// The dimensions in the call's brackets.
    pub(super) fn bracket(&mut self, template: &Template, call: &Call) -> Option<Vec<Equation>> {
        let read: Vec<Option<Dimension>> = call.dims.iter().map(|d| self.dimension(d)).collect();
        if let Some(extra) = call.dims.get(template.dims.len()) {
            let taken = match template.dims.len() {
                0 => "no dimensions".to_owned(),
                1 => "one dimension".to_owned(),
                n => format!("{n} dimensions"),
            };
            let message = format!("`{}` takes {taken} in brackets", call.callee.name);
            let help = format!("it is declared as `{}`", template.signature());
            self.error(Diagnostic::new(Code::Call, message, help).at(extra.span, "too many"));
            return None;
        }
        let equation = |((actual, expr), name): ((Option<Dimension>, &Expr), &Name)| {
            Some(Equation {
                formal: Dimension::named(name.clone()),
                actual: actual?,
                span: expr.span,
            })
        };
        read.into_iter()
            .zip(&call.dims)
            .zip(&template.dims)
            .map(equation)
            .collect()
    }

    /// The callee's dimensions in the caller's.
    pub(super) fn callee_sizes(
        &mut self,
        template: &Template,
        call: &Call,
        given: &[Given],
        bracket: &[Equation],
    ) -> Option<BTreeMap<Name, Dimension>> {
        let mut equations = bracket.to_vec();
        for (name, operand) in given {
            let formal = &template.module.graph.variables()[name].shape;
            let actual = self.graph.shape(operand.id);
            for (formal, actual) in [(&formal.rows, actual.rows), (&formal.cols, actual.cols)] {
                equations.push(Equation {
                    formal: formal.clone(),
                    actual,
                    span: operand.span,
                });
            }
        }
        let solution = solve(&equations, &self.sizes);
        if let Some((i, formal)) = &solution.contradiction {
            let culprit = i.checked_sub(bracket.len()).map(|i| &given[i / 2]);
            self.contradiction(template, call, &equations, &solution, (*i, formal), culprit);
            return None;
        }
        if let Some(open) = solution.open.first() {
            if self.defer {
                return None;
            }
            let Equation {
                formal,
                actual,
                span,
            } = &equations[*open];
            let names = formal
                .names()
                .into_iter()
                .filter(|n| !solution.bound.contains_key(n));
            let unknown: Vec<String> = names.map(|n| n.to_string()).collect();
            let message = format!(
                "`{formal}` is {actual} here, which does not determine {}",
                unknown.join(", ")
            );
            let flags: Vec<String> = unknown.iter().map(|n| format!("{n}=…")).collect();
            let help = format!(
                "give it a value whose size is written `{formal}`; in a network, `--dims {}`",
                flags.join(",")
            );
            let diagnostic = Diagnostic::new(Code::Dimension, message, help).at(
                *span,
                format!(
                    "`{}` is declared as `{}`",
                    call.callee.name,
                    template.signature()
                ),
            );
            self.error(diagnostic);
            return None;
        }
        let mut sizes: BTreeMap<Name, Dimension> = solution
            .bound
            .into_iter()
            .map(|(name, (dimension, _))| (name, dimension))
            .collect();
        for name in &template.free {
            if !sizes.contains_key(name) {
                let fresh = self.fresh(name);
                sizes.insert(name.clone(), fresh);
            }
        }
        self.sizes_fit(template, call, &sizes).then_some(sizes)
    }

    /// A dimension of the callee that stays free: under its own name if nothing else bears it here.
    fn fresh(&mut self, name: &Name) -> Dimension {
        let fresh = if self.dims.contains(name) {
            numbered(name, |n| self.dims.contains(n))
        } else {
            name.clone()
        };
        self.dims.insert(fresh.clone());
        self.sizes
            .get(&fresh)
            .cloned()
            .unwrap_or_else(|| Dimension::named(fresh))
    }

    fn sizes_fit(
        &mut self,
        template: &Template,
        call: &Call,
        sizes: &BTreeMap<Name, Dimension>,
    ) -> bool {
        let fits = template.shapes.iter().all(|shape| {
            let shape = shape.substitute(sizes);
            dimension::fits(&shape.rows) && dimension::fits(&shape.cols)
        });
        if !fits {
            let message = format!(
                "shapes inside `{}` pass the limits on dimensions here",
                call.callee.name
            );
            let help = "call it with simpler shapes: name a product or sum as one dimension";
            self.error(
                Diagnostic::new(Code::Limit, message, help).at(call.callee.span, "called here"),
            );
        }
        fits
    }

    fn contradiction(
        &mut self,
        template: &Template,
        call: &Call,
        equations: &[Equation],
        solution: &Solution,
        (index, value): (usize, &Dimension),
        culprit: Option<&Given>,
    ) {
        let equation = &equations[index];
        let callee = &call.callee.name;
        let (message, found) = if let Some((name, operand)) = culprit {
            let declared = &template.module.graph.variables()[name].shape;
            let bound = solution.bound.iter();
            let sizes = bound
                .map(|(name, (d, _))| (name.clone(), d.clone()))
                .collect();
            let wanted: Shape = declared.substitute(&sizes);
            let actual = self.graph.shape(operand.id);
            let message = format!("`{callee}` takes {name} of {wanted:?} here, not {actual:?}");
            (message, format!("{actual:?}"))
        } else {
            let Equation { formal, actual, .. } = equation;
            let message =
                format!("in `{callee}` the dimension {formal} cannot be both {value} and {actual}");
            (message, format!("{formal} = {actual}"))
        };
        let shared =
            culprit.and_then(|(name, _)| call.shares.iter().find(|(own, _)| own.name == *name));
        let help = if let Some((own, _)) = shared {
            let declared = &template.module.graph.variables()[&own.name].shape;
            format!(
                "nodes that share a parameter need it in one shape: `{callee}` declares `param {}: {declared}`; without `{} = …` it has one of its own",
                own.name, own.name
            )
        } else {
            format!("it is declared as `{}`", template.signature())
        };
        let mut diagnostic = Diagnostic::new(Code::Shape, message, help).at(equation.span, found);
        for name in equation.formal.names() {
            if let Some((bound, by)) = solution.bound.get(&name)
                && equations[*by].span != equation.span
            {
                diagnostic =
                    diagnostic.at(equations[*by].span, format!("so its {name} is {bound}"));
            }
        }
        self.error(diagnostic);
    }
}
