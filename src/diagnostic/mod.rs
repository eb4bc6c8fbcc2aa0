//! Diagnostics: what is wrong, where, and what to do about it. Why one floor below everything: every error a
//! user can cause has the same parts, so a message without a place or without a help line cannot be written.
//!
//! This floor renders to text and never prints.

mod code;
mod render;
mod source;

use std::fmt::{self, Write as _};
use std::sync::Arc;

pub use code::Code;
pub use render::Style;
pub use source::{Source, Span};

/// A place in the source and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place, in bytes.
    pub span: Span,
    /// What is there, or nothing when the message says it all.
    pub text: String,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where; the first is the place of the error, the others explain it.
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: String,
    /// The text that the labels point into.
    pub source: Option<Arc<Source>>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            labels: Vec::new(),
            help: help.into(),
            source: None,
        }
    }

    /// Adds a place. The first one added is where the error is.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says which text the labels point into.
    pub fn within(mut self, source: &Arc<Source>) -> Self {
        self.source = Some(Arc::clone(source));
        self
    }

    /// True for a warning.
    pub fn is_warning(&self) -> bool {
        self.code.is_warning()
    }

    /// The text a user sees, with the source's lines and carets.
    pub fn render(&self, style: Style) -> String {
        render::render(self, style)
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(source), Some(label)) = (&self.source, self.labels.first()) {
            let (line, column) = source.position(label.span.start);
            write!(f, "{}:{line}:{column}: ", source.name())?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Diagnostic {}

/// Many diagnostics at once, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    /// Those beyond [`Self::KEPT`] are only counted.
    beyond: usize,
}

impl Diagnostics {
    /// So many are shown; of the others the number.
    pub const SHOWN: usize = 50;
    /// So many are kept: a file with a mistake in each of a million lines must not fill the memory.
    pub const KEPT: usize = 1000;

    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < Self::KEPT {
            self.kept.push(diagnostic);
        } else {
            self.beyond += 1;
        }
    }

    /// Adds all of `others`.
    pub fn append(&mut self, others: Self) {
        self.beyond += others.beyond;
        for diagnostic in others.kept {
            self.push(diagnostic);
        }
    }

    /// Leaves out those that do not meet a condition.
    pub fn retain(&mut self, condition: impl FnMut(&Diagnostic) -> bool) {
        self.kept.retain(condition);
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len() + self.beyond
    }

    /// Each in turn.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }

    /// Sets the source of those that have none yet.
    pub fn within(mut self, source: &Arc<Source>) -> Self {
        for diagnostic in &mut self.kept {
            diagnostic.source.get_or_insert_with(|| Arc::clone(source));
        }
        self
    }

    /// Sorts by place and drops repetitions.
    pub fn sorted(mut self) -> Self {
        let place = |d: &Diagnostic| {
            d.labels
                .first()
                .map_or((0, 0), |l| (l.span.start, l.span.end))
        };
        self.kept.sort_by_key(place);
        self.kept.dedup();
        self
    }

    /// `Ok(value)` when there is no diagnostic.
    ///
    /// # Errors
    /// The diagnostics themselves, when there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// The text a user sees: the first [`Self::SHOWN`] in full, and the number of the others.
    pub fn render(&self, style: Style) -> String {
        let shown = self.kept.iter().take(Self::SHOWN);
        let shown: Vec<String> = shown.map(|d| d.render(style)).collect();
        let mut text = shown.join("\n");
        let hidden = self.len() - self.kept.len().min(Self::SHOWN);
        if hidden > 0 {
            let _ = writeln!(text, "and {hidden} more");
        }
        text
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            kept: vec![diagnostic],
            beyond: 0,
        }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut all = Self::new();
        for diagnostic in diagnostics {
            all.push(diagnostic);
        }
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.kept.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.kept.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
