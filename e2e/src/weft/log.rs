//! The log of a process, across its restarts.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// How much of a log a failed test shows.
const TAIL_LINES: usize = 200;

#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    expected: Vec<String>,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            expected: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn expect(&mut self, text: &str) {
        self.expected.push(text.to_owned());
    }

    pub(super) fn text(&self) -> String {
        fs::read(&self.path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    pub(super) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let start = lines.len().saturating_sub(TAIL_LINES);
        lines[start..].iter().map(|line| format!("{line}\n")).collect()
    }

    /// Lines that wake a person and that the test did not announce.
    pub(super) fn unexpected(&self) -> Vec<String> {
        let text = self.text();
        let alarming = text.lines().filter(|line| is_alarm(line));
        let unexpected = alarming.filter(|line| !self.expected.iter().any(|text| line.contains(text)));
        unexpected.map(str::to_owned).collect()
    }
}

pub(crate) fn is_alarm(line: &str) -> bool {
    // The level stands alone, whether as text, coloured, or as a JSON value.
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == "ERROR" || word == "31mERROR")
        || line.contains("panicked at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_line_is_an_alarm_in_every_format() {
        assert!(is_alarm("2026-01-01T00:00:00Z ERROR storage: fsync failed"));
        assert!(is_alarm("\u{1b}[31mERROR\u{1b}[0m storage"));
        assert!(is_alarm(r#"{"level":"ERROR","message":"x"}"#));
        assert!(is_alarm("thread 'main' panicked at src/main.rs:1"));
        assert!(!is_alarm("INFO answered InternalServerError_ERRORS"));
    }
}
