//! Which SDKs there are, and in which version.

use std::{fs, path::PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::toolbox::clients_folder;

/// A program on an SDK. Python's has one for each style of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sdk {
    /// `azure-eventhub` 5.15.0 on the oldest Python of the machine that it supports.
    PythonOldest,
    PythonOldestAio,
    /// The newest `azure-eventhub` on the newest Python of the machine.
    PythonNewest,
    PythonNewestAio,
    /// `@azure/event-hubs`
    JavaScript,
    /// `azeventhubs`
    Go,
    /// `azure-messaging-eventhubs`
    Java,
    /// `azure_messaging_eventhubs`
    Rust,
    /// `azure_messaging_eventhubs` 0.15.0, the newest whose checkpoint store is in blobs: for what needs a token, and no
    /// column of the table of compatibility.
    RustStable,
}

impl Sdk {
    /// The columns of the table of compatibility.
    pub const ALL: [Self; 8] = [
        Self::PythonOldest,
        Self::PythonOldestAio,
        Self::PythonNewest,
        Self::PythonNewestAio,
        Self::JavaScript,
        Self::Go,
        Self::Java,
        Self::Rust,
    ];

    /// As the table of compatibility calls it, with the version that is tested.
    ///
    /// # Errors
    /// When the file that pins the version does not name it.
    pub fn title(self) -> anyhow::Result<String> {
        let (language, suffix) = match self {
            Self::PythonOldest | Self::PythonNewest => ("Python", ""),
            Self::PythonOldestAio | Self::PythonNewestAio => ("Python", " aio"),
            Self::JavaScript => ("JavaScript", ""),
            Self::Go => ("Go", ""),
            Self::Java => ("Java", ""),
            Self::Rust | Self::RustStable => ("Rust", ""),
        };
        Ok(format!("{language} {}{suffix}", self.version()?))
    }

    /// The package's name.
    pub fn package(self) -> &'static str {
        match self {
            Self::PythonOldest | Self::PythonOldestAio | Self::PythonNewest | Self::PythonNewestAio => {
                "azure-eventhub"
            }
            Self::JavaScript => "@azure/event-hubs",
            Self::Go => "github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2",
            Self::Java => "azure-messaging-eventhubs",
            Self::Rust | Self::RustStable => "azure_messaging_eventhubs",
        }
    }

    /// The version that its lock file pins.
    fn version(self) -> anyhow::Result<String> {
        let file = self.lock_file();
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let found = match self {
            Self::PythonOldest | Self::PythonOldestAio | Self::PythonNewest | Self::PythonNewestAio => {
                word_after(&text, "azure-eventhub==")
            }
            Self::JavaScript => locked_npm_version(&text),
            Self::Go => word_after(&text, "azeventhubs/v2 v"),
            Self::Java => word_between(
                &text,
                "<artifactId>azure-messaging-eventhubs</artifactId>",
                "<version>",
                "</version>",
            ),
            Self::Rust | Self::RustStable => word_between(
                &text,
                "name = \"azure_messaging_eventhubs\"",
                "version = \"",
                "\"",
            ),
        };
        found.with_context(|| format!("find the version of {} in {}", self.package(), file.display()))
    }

    fn lock_file(self) -> PathBuf {
        clients_folder().join(match self {
            Self::PythonOldest | Self::PythonOldestAio => "python/eventhubs/oldest/requirements.txt",
            Self::PythonNewest | Self::PythonNewestAio => "python/eventhubs/newest/requirements.txt",
            Self::JavaScript => "javascript/eventhubs/package-lock.json",
            Self::Go => "go/eventhubs/go.mod",
            Self::Java => "java/eventhubs/pom.xml",
            Self::Rust => "rust/eventhubs/Cargo.lock",
            Self::RustStable => "rust/passwordless/Cargo.lock",
        })
    }
}

/// What follows `mark` up to white space.
fn word_after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    Some(rest.split_whitespace().next()?.to_owned())
}

/// What stands between `open` and `close` behind `mark`.
fn word_between(text: &str, mark: &str, open: &str, close: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let (_, rest) = rest.split_once(open)?;
    Some(rest.split_once(close)?.0.to_owned())
}

fn locked_npm_version(text: &str) -> Option<String> {
    let lock: Value = serde_json::from_str(text).ok()?;
    let version = &lock["packages"]["node_modules/@azure/event-hubs"]["version"];
    Some(version.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_pins_the_version_of_its_sdk() {
        for sdk in Sdk::ALL.into_iter().chain([Sdk::RustStable]) {
            let version = sdk.version().unwrap();
            assert!(
                version.starts_with(|first: char| first.is_ascii_digit()),
                "{sdk:?}: {version}"
            );
        }
    }
}
