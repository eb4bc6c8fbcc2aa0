//! Declared facts and declared names. Why checked at once: a fact that contradicts its shape would prove
//! anything.

use std::collections::BTreeMap;

use super::Builder;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expr::{Facts, Name, Shape};
use crate::language::syntax::Ident;

/// Names of one namespace with the places of their definitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(BTreeMap<Name, Span>);

impl Seen {
    /// Records a definition; a second one of the same name is an error.
    pub(crate) fn define(&mut self, ident: &Ident, errors: &mut Diagnostics) -> bool {
        self.record(ident, "defined", "rename one of the two", errors)
    }

    /// Records a name that may stand but once, with the word for what is done to it.
    pub(super) fn record(
        &mut self,
        ident: &Ident,
        done: &str,
        help: &str,
        errors: &mut Diagnostics,
    ) -> bool {
        if let Some(first) = self.0.get(&ident.name) {
            let message = format!("`{}` is {done} twice", ident.name);
            let diagnostic = Diagnostic::new(Code::Duplicate, message, help)
                .at(ident.span, format!("{done} again"))
                .at(*first, format!("{done} here first"));
            errors.push(diagnostic);
            return false;
        }
        self.0.insert(ident.name.clone(), ident.span);
        true
    }

    /// The places of all names.
    pub(crate) fn places(&self) -> &BTreeMap<Name, Span> {
        &self.0
    }

    /// The places of all names, for keeps.
    pub(crate) fn into_places(self) -> BTreeMap<Name, Span> {
        self.0
    }
}

/// Refuses names that a definition cannot have.
pub(crate) fn check_names<'a>(idents: impl Iterator<Item = &'a Ident>, errors: &mut Diagnostics) {
    for ident in idents {
        if ident.name.contains('.') {
            let message = format!("`{}` cannot be defined", ident.name);
            let help = "names with a dot belong to the parameters of calls; use `_`";
            errors.push(
                Diagnostic::new(Code::Syntax, message, help).at(ident.span, "a dot in a name"),
            );
        }
    }
}

/// The facts declared of a value of this shape.
pub(crate) fn facts(builder: &mut Builder<'_>, declared: &[Ident], shape: &Shape) -> Facts {
    let mut facts = Facts::default();
    let mut seen = Seen::default();
    for ident in declared {
        if !seen.record(
            ident,
            "declared",
            "remove one of the two",
            &mut builder.errors,
        ) {
            continue;
        }
        match &*ident.name {
            "symmetric" => facts.symmetric = true,
            // Both imply symmetry, and who reads facts should not have to know that.
            "diagonal" => (facts.diagonal, facts.symmetric) = (true, true),
            "positive-definite" => (facts.positive_definite, facts.symmetric) = (true, true),
            "distribution" => facts.distribution = true,
            name => {
                let message = format!("no fact is called `{name}`");
                let help = "the facts are symmetric, diagonal, positive-definite and distribution";
                builder.error(
                    Diagnostic::new(Code::UnknownName, message, help)
                        .at(ident.span, "unknown fact"),
                );
                continue;
            }
        }
        let (fits, wanted) = match &*ident.name {
            "distribution" => (shape.is_column(), "a vector"),
            _ => (shape.is_square(), "a square matrix"),
        };
        if !fits {
            let message = format!("`{}` is a fact of {wanted}, not of {shape:?}", ident.name);
            let help = format!("remove it, or declare {wanted}");
            builder.error(
                Diagnostic::new(Code::Facts, message, help).at(ident.span, "contradicts the shape"),
            );
        }
    }
    facts
}
