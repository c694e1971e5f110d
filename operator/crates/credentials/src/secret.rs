//! Text that must not reach a log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key or private key. `Debug` prints `"***"`, there is no `Display`; serializing it writes the real value, because
/// that is how it gets into a file or a Secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes over `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this decides where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        let text = format!("{:?}", [Some(Secret::new("hunter2"))]);
        assert_eq!(text, r#"[Some("***")]"#);
    }
}
