//! Results on stdout, everything else on stderr. Why a type: a closed pipe is no panic, colours appear only on
//! a terminal, and tests can see that the two streams never mix.

use std::ffi::OsStr;
use std::io::{self, BufWriter, IsTerminal, Write};

use super::Exit;
use super::failure::Failure;

/// The two streams of the program.
pub(super) struct Output {
    results: BufWriter<io::Stdout>,
    terminal: bool,
    colour: bool,
}

impl Output {
    /// The process's own streams. `NO_COLOR`, when set and not empty, and a dumb terminal turn colours off.
    pub(super) fn of_process() -> Self {
        let terminal = io::stderr().is_terminal();
        let variable = |name| std::env::var_os(name).unwrap_or_default();
        Self {
            results: BufWriter::new(io::stdout()),
            // Lines are written over, which a dumb terminal cannot do.
            terminal: terminal && variable("TERM") != "dumb",
            colour: colours(terminal, &variable("NO_COLOR"), &variable("TERM")),
        }
    }

    /// True when messages may be coloured.
    pub(super) fn colour(&self) -> bool {
        self.colour
    }

    /// Writes results.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes results that are no text.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.results
            .write_all(bytes)
            .map_err(|e| Failure::of_stdout(&e))
    }

    /// Writes a line of results.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.text(line)?;
        self.text("\n")
    }

    /// Hands over what is written so far.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.results.flush().map_err(|e| Failure::of_stdout(&e))
    }

    /// Says something that is no result. Nobody may be listening.
    pub(super) fn note(&mut self, text: &str) {
        let _ = self.finish();
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }

    /// Says how far the work is, in place of what was said before; on a terminal only. Nothing clears the line.
    pub(super) fn progress(&mut self, text: &str) {
        if self.terminal {
            let mut error = io::stderr().lock();
            let _ = write!(error, "\r\x1b[2K{text}");
            let _ = error.flush();
        }
    }

    /// Says why there is no result, and with which code the program ends.
    pub(super) fn fail(&mut self, failure: &Failure) -> Exit {
        let (exit, message, help) = match failure {
            Failure::Closed => return Exit::Done,
            Failure::Rendered(text) => {
                self.note(text);
                return Exit::BadInput;
            }
            Failure::Message {
                exit,
                message,
                help,
            } => (exit, message, help),
        };
        let (error, advice) = if self.colour {
            ("\x1b[1;31merror\x1b[0m", "\x1b[1;36mhelp\x1b[0m")
        } else {
            ("error", "help")
        };
        self.note(&format!("{error}: {message}"));
        if !help.is_empty() {
            self.note(&format!("  {advice}: {help}"));
        }
        *exit
    }
}

/// True when messages are coloured, by the values of `NO_COLOR` and `TERM`.
fn colours(terminal: bool, no_color: &OsStr, term: &OsStr) -> bool {
    terminal && no_color.is_empty() && term != "dumb"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_show_them() {
        for (terminal, no_color, term, expected) in [
            (true, "", "xterm", true),
            (true, "", "", true),
            (true, "", "dumb", false),
            (true, "1", "xterm", false),
            (false, "", "xterm", false),
        ] {
            let found = colours(terminal, OsStr::new(no_color), OsStr::new(term));
            assert_eq!(found, expected, "{terminal} {no_color} {term}");
        }
    }
}
