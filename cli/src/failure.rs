//! How a command fails: a message, what to do next, and an exit code that scripts can rely on.

use std::io;
use std::process::ExitCode;

use serde_json::json;

use crate::output::Output;

/// The end of `weft --help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something on this machine failed (a file, a port, the terminal); or `weft doctor` found a problem
  2    the command line is wrong
  3    a manifest has a mistake; nothing was started
  4    the service refused the request (its code and message are printed)
  5    the service cannot be reached, is busy or failed; trying again may help
  6    another `weft dev` runs on the same data
  126  `weft exec` found the program but may not run it
  127  `weft exec` did not find the program
`weft exec` otherwise ends with the program's own exit code.";

/// Which of the documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Machine = 1,
    Usage = 2,
    Manifest = 3,
    Refused = 4,
    Unavailable = 5,
    Locked = 6,
    NotExecutable = 126,
    NotFound = 127,
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    exit: Exit,
    /// The service's error code, when it was the service that refused.
    code: Option<String>,
    message: String,
    next: Option<String>,
    silent: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: None,
            message: message.into(),
            next: None,
            silent: false,
        }
    }

    /// The command did its own talking; only the exit code is left to say.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self {
            silent: true,
            ..Self::new(exit, "")
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something on this machine: `verb_object` says what was tried, such as ``read `a.yaml` ``.
    pub(crate) fn machine(verb_object: impl AsRef<str>, cause: impl std::fmt::Display) -> Self {
        Self::new(Exit::Machine, format!("cannot {}: {cause}", verb_object.as_ref()))
    }

    /// Standard output cannot be written. A closed pipe is a reader that has seen enough.
    pub(crate) fn stdout(cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Machine);
        }
        Self::machine("write to standard output", cause)
    }

    pub(crate) fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Where in a longer undertaking it happened.
    pub(crate) fn with_context(mut self, context: &str) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What the user can do about it.
    pub(crate) fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Whether it was the service that said no, and not that it could not be asked.
    pub(crate) fn is_refusal(&self) -> bool {
        self.exit == Exit::Refused
    }

    /// Prints the failure on standard error and turns it into the process's exit code.
    pub(crate) fn report(&self, output: Output) -> ExitCode {
        if !self.silent {
            match output {
                Output::Text => eprintln!("{}", self.text()),
                Output::Json => eprintln!("{}", self.json()),
            }
        }
        ExitCode::from(self.exit as u8)
    }

    fn text(&self) -> String {
        let code = self
            .code
            .as_ref()
            .map(|code| format!("{code}: "))
            .unwrap_or_default();
        let next = self
            .next
            .as_ref()
            .map(|next| format!("\n  next: {next}"))
            .unwrap_or_default();
        format!("error: {code}{}{next}", self.message)
    }

    fn json(&self) -> serde_json::Value {
        json!({"error": {"code": self.code, "message": self.message, "next": self.next, "exitCode": self.exit as u8}})
    }
}
