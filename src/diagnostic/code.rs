//! The kinds of diagnostics. Why a closed list: a code is what a user searches for, so each means one thing.

use std::fmt;

/// The kind of a diagnostic: `E` for errors, `W` for warnings; the hundreds say which part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The bytes are not UTF-8.
    Encoding,
    /// A character that the language does not use.
    Character,
    /// A token that cannot stand where it stands.
    Syntax,
    /// A bracket without its partner.
    Bracket,
    /// A number that is malformed, or too large or too small.
    Number,
    /// A keyword used as a name.
    Keyword,
    /// A name that nothing defines.
    UnknownName,
    /// A name defined twice.
    Duplicate,
    /// A name used above its definition.
    Order,
    /// Definitions that use each other in a circle.
    Cycle,
    /// A module whose output is never defined.
    NoOutput,
    /// An operation on shapes that do not fit.
    Shape,
    /// A dimension that is zero, malformed or undetermined.
    Dimension,
    /// Declared facts that contradict a shape or each other.
    Facts,
    /// A call with the wrong arguments, brackets or parameters.
    Call,
    /// A statement in the wrong kind of definition.
    Misplaced,
    /// A node or input of a network that nothing reads.
    Unread,
    /// A network without a loss, with several, or with a loss that is not a scalar.
    Loss,
    /// A shared parameter that does not exist or does not fit.
    Share,
    /// Something larger than the documented limits.
    Limit,
    /// An operation that the rules of a book do not differentiate.
    NoRule,
    /// A file, array or option from outside that does not fit.
    Input,
    /// A local, input or parameter that nothing uses.
    Unused,
}

impl Code {
    /// The code as it is printed: `E0301`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "E0101",
            Self::Character => "E0102",
            Self::Syntax => "E0103",
            Self::Bracket => "E0104",
            Self::Number => "E0105",
            Self::Keyword => "E0106",
            Self::UnknownName => "E0201",
            Self::Duplicate => "E0202",
            Self::Order => "E0203",
            Self::Cycle => "E0204",
            Self::NoOutput => "E0205",
            Self::Shape => "E0301",
            Self::Dimension => "E0302",
            Self::Facts => "E0303",
            Self::Call => "E0304",
            Self::Misplaced => "E0305",
            Self::Unread => "E0401",
            Self::Loss => "E0402",
            Self::Share => "E0403",
            Self::Limit => "E0501",
            Self::Input => "E0601",
            Self::NoRule => "E0701",
            Self::Unused => "W0101",
        }
    }

    /// True for warnings: nothing is wrong, but something is probably not meant.
    pub fn is_warning(self) -> bool {
        self.as_str().starts_with('W')
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
