//! A rule book from a directory. Why apart: the book's grammar knows no files.

use std::path::Path;

use super::book::{BookError, RuleBook};

/// The largest rule file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// The most rule files a book may have.
const MAX_FILES: usize = 256;

impl RuleBook {
    /// Reads the files `*.rules` of a directory in the order of their names. Nothing says that the rules are
    /// true: see [`check_book`](super::check_book).
    ///
    /// # Errors
    /// When the directory cannot be read or has no rule file, a file is unreadable, longer than a mebibyte or
    /// not UTF-8, or a rule is malformed.
    pub fn load(dir: &Path) -> Result<Self, BookError> {
        let mut paths = Vec::new();
        let entries = std::fs::read_dir(dir).map_err(|e| {
            let message = format!("the rule book cannot be read: {e}");
            error(dir, message, "name a directory with files `*.rules`")
        })?;
        for entry in entries {
            let entry = entry.map_err(|e| {
                let message = format!("the rule book cannot be read: {e}");
                error(dir, message, "name a directory with files `*.rules`")
            })?;
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "rules") {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            let help = "a rule book is a directory with files `*.rules`";
            return Err(error(dir, "there is no rule file here".into(), help));
        }
        if paths.len() > MAX_FILES {
            let message = format!("{} rule files; at most {MAX_FILES} are read", paths.len());
            return Err(error(dir, message, "put several rules into one file"));
        }
        let mut chapters = Vec::with_capacity(paths.len());
        for path in &paths {
            let name = path.file_stem().map(|stem| stem.to_string_lossy());
            chapters.push((name.unwrap_or_default().into_owned(), read(path)?));
        }
        let chapters: Vec<(&str, &str)> = chapters
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Self::parse(&chapters)
    }
}

fn read(path: &Path) -> Result<String, BookError> {
    use std::io::Read;
    let unreadable = |e: std::io::Error| {
        let message = format!("cannot be read: {e}");
        error(path, message, "check that it is a file and its permissions")
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("is longer than {MAX_BYTES} bytes");
        return Err(error(path, message, "split it into several files"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let mut error = error(path, "is not UTF-8".into(), "save the file as UTF-8");
        error.line += String::from_utf8_lossy(valid).matches('\n').count();
        error
    })
}

fn error(path: &Path, message: String, help: &str) -> BookError {
    BookError {
        file: path.display().to_string(),
        line: 1,
        message,
        help: help.into(),
    }
}
