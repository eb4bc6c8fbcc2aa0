//! Rendering with carets. Why through a clipped view of the source: a line may be a megabyte long, and only
//! the part around the error helps.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Severity,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Source, Span};

/// How diagnostics look. The caller knows whether it writes to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub colour: bool,
    /// Lines and arrows in Unicode rather than ASCII.
    pub unicode: bool,
    /// Columns at which messages wrap.
    pub width: usize,
}

impl Style {
    /// No colour, Unicode lines, 100 columns.
    pub const PLAIN: Self = Self {
        colour: false,
        unicode: true,
        width: 100,
    };
}

/// Bytes of a line shown on either side of a place.
const CLIP: usize = 120;

pub(super) fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let characters = if style.unicode {
        ThemeCharacters::unicode()
    } else {
        ThemeCharacters::ascii()
    };
    // As compilers begin, and as messages without a place do.
    let theme = GraphicalTheme {
        characters: ThemeCharacters {
            error: format!("error[{}]:", diagnostic.code),
            warning: format!("warning[{}]:", diagnostic.code),
            ..characters
        },
        styles: if style.colour {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.max(40))
        .with_context_lines(1)
        .with_links(false)
        .without_syntax_highlighting();
    let view = View {
        diagnostic,
        source: diagnostic.source.as_deref().map(Clipped),
    };
    let mut text = String::new();
    match handler.render_report(&mut text, &view) {
        Ok(()) => text.trim_start().to_owned(),
        Err(fmt::Error) => format!("{diagnostic}\n  help: {}\n", diagnostic.help),
    }
}

/// A diagnostic as miette sees it.
struct View<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Clipped<'a>>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for View<'_> {}

impl miette::Diagnostic for View<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.diagnostic.is_warning() {
            Severity::Warning
        } else {
            Severity::Error
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.diagnostic.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.source.as_ref()?.0;
        Some(Box::new(self.diagnostic.labels.iter().enumerate().map(
            move |(i, label)| {
                let (start, end) = visible(source, label.span);
                // A place of many lines is shown by its first.
                let shown = &source.text()[start..end];
                let length = shown.find('\n').unwrap_or(shown.len()).min(CLIP);
                let length = source.floor(start + length) - start;
                let text = (!label.text.is_empty()).then(|| label.text.clone());
                if i == 0 {
                    LabeledSpan::new_primary_with_span(text, (start, length))
                } else {
                    LabeledSpan::new_with_span(text, (start, length))
                }
            },
        )))
    }
}

/// A place with something to point at: the end of a line or of the text is shown by what is before it.
fn visible(source: &Source, span: Span) -> (usize, usize) {
    let start = source.floor(span.start);
    let end = source.floor(span.end).max(start);
    if !source.text()[start..end].trim().is_empty() {
        return (start, end);
    }
    let before = source.text()[..start].trim_end();
    match before.char_indices().next_back() {
        Some((last, _)) => (last, before.len()),
        None => (start, end),
    }
}

/// A source of which only the surroundings of a span are shown.
struct Clipped<'a>(&'a Source);

impl SourceCode for Clipped<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.text();
        let (from, to) = (
            self.0.floor(span.offset()),
            self.0.floor(span.offset() + span.len()),
        );
        let line_start = text[..from].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[to..].find('\n').map_or(text.len(), |i| to + i);
        // Without context miette asks for the place itself, to print its line and column.
        let clipped = if before == 0 {
            from
        } else {
            from.saturating_sub(CLIP)
        };
        let start = self.0.floor(line_start.max(clipped));
        let end = self.0.floor(line_end.min(to + CLIP)).max(to);
        let line = text[..start].matches('\n').count();
        let column = text[line_start..start].chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name().to_owned(),
            &text.as_bytes()[start..end],
            (start, end - start).into(),
            line,
            column,
            text[start..end].matches('\n').count(),
        )))
    }
}
