//! What was found, a line for each step.

use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Output};

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    /// Worth knowing, and no reason for programs to fail, or not for all of them.
    Note,
    Problem,
    /// It makes no sense here, or needs a step that failed.
    Skipped,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// Says each finding at once.
#[derive(Debug)]
pub(super) struct Report {
    output: Output,
    problems: usize,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        Self { output, problems: 0 }
    }

    pub(super) fn ok(&mut self, check: &str, message: impl AsRef<str>) -> Result<(), Failure> {
        self.say(check, Outcome::Ok, message.as_ref(), None)
    }

    pub(super) fn note(
        &mut self,
        check: &str,
        message: impl AsRef<str>,
        fix: impl AsRef<str>,
    ) -> Result<(), Failure> {
        self.say(check, Outcome::Note, message.as_ref(), Some(fix.as_ref()))
    }

    pub(super) fn problem(
        &mut self,
        check: &str,
        message: impl AsRef<str>,
        fix: impl AsRef<str>,
    ) -> Result<(), Failure> {
        self.problems += 1;
        self.say(check, Outcome::Problem, message.as_ref(), Some(fix.as_ref()))
    }

    pub(super) fn skipped(&mut self, check: &str, why: impl AsRef<str>) -> Result<(), Failure> {
        self.say(check, Outcome::Skipped, why.as_ref(), None)
    }

    /// The number of problems.
    pub(super) fn end(self) -> Result<usize, Failure> {
        if self.output == Output::Text {
            output::line(match self.problems {
                0 => "\nnothing is wrong",
                _ => "\nsomething is wrong: begin with the first problem, the others may follow from it",
            })?;
        }
        Ok(self.problems)
    }

    fn say(&self, check: &str, outcome: Outcome, message: &str, fix: Option<&str>) -> Result<(), Failure> {
        match self.output {
            Output::Json => output::json(&json!({
                "check": check, "outcome": outcome.word(), "message": message, "fix": fix,
            })),
            Output::Text => output::line(&text(check, outcome, message, fix)),
        }
    }
}

fn text(check: &str, outcome: Outcome, message: &str, fix: Option<&str>) -> String {
    let fix = fix.map(|fix| format!("; fix: {fix}")).unwrap_or_default();
    let line = format!("{:7}  {check:19}  {message}{fix}", outcome.word());
    // One line each, whatever a service may have said.
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_what_to_do() {
        assert_eq!(
            text("clock", Outcome::Problem, "it is\n90 s late", Some("set it")),
            "problem  clock                it is 90 s late; fix: set it"
        );
    }
}
