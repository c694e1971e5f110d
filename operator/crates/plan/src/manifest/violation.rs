use std::fmt;

/// One mistake: where, which rule it breaks, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The field, such as `spec.filtersConfiguration.filters[0].key`; empty for the manifest as a whole.
    pub path: String,
    /// The rule that is broken.
    pub rule: String,
    /// What to do about it.
    pub fix: String,
}

impl Violation {
    /// A mistake at `path`.
    pub fn new(path: impl Into<String>, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            rule: rule.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.rule, self.fix)
    }
}
