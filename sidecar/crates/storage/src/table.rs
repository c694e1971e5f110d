//! The contract of a table: few values, each replaced as a whole.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Grows by one with every value of a key; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// How often the key was set.
    pub version: Version,
    /// The content.
    pub value: Bytes,
}

/// Why a value was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Somebody else was faster.
    #[error("the key is at version {found:?}, not at {expected:?}")]
    Conflict {
        /// What the caller had seen.
        expected: Option<Version>,
        /// What is there.
        found: Option<Version>,
    },
    /// Keys are 1 to 100 of the characters `a-z 0-9 - _`.
    #[error("`{0}` cannot be a key: use 1 to 100 of a-z, 0-9, - and _")]
    Key(String),
    /// The table has no room for the value.
    #[error("a value of {bytes} bytes does not fit into the table; {limit} are allowed in all")]
    Full {
        /// Bytes of the value.
        bytes: usize,
        /// Bytes of all values together.
        limit: u64,
    },
    /// The disk refused; the former value stands.
    #[error("writing the value of `{key}` failed: {reason}")]
    Io {
        /// The key.
        key: String,
        /// What the disk said.
        reason: String,
    },
}

/// A handful of values, such as snapshots. The last two versions of each are kept, and the older one is served when the
/// newer turns out to be damaged.
pub trait Table: Send + Sync {
    /// All values, by key.
    fn snapshot(&self) -> Vec<Entry>;

    /// Replaces the value of `key` if its version is still `expected` (`None`: it does not exist). Durable when it
    /// returns.
    ///
    /// # Errors
    /// [`TableError`]; the former value stands.
    ///
    /// # Cancel safety
    /// Dropping the future may or may not set the value; it is never torn.
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> BoxFuture<'static, Result<Version, TableError>>;
}

pub(crate) fn check_key(key: &str) -> Result<(), TableError> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=100).contains(&key.len()) && key.bytes().all(fits) {
        Ok(())
    } else {
        Err(TableError::Key(key.to_owned()))
    }
}
