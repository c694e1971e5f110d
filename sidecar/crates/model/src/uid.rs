//! The identity of a resource, and so of its data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The uid that Kubernetes (or local mode) gave to a resource. A resource that is deleted and created again has
/// another uid, and therefore no data. Written with hyphens and in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(uuid::Uuid);

/// The text is not a uid such as `67e55044-10b1-426f-9247-bb680e5fe0c8`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a uid: expected 32 hexadecimal digits with hyphens, as in 67e55044-10b1-426f-9247-bb680e5fe0c8")]
pub struct NotAUid;

impl Uid {
    /// The uid whose big-endian bytes are this number.
    pub const fn from_u128(value: u128) -> Self {
        Self(uuid::Uuid::from_u128(value))
    }

    /// The inverse of [`Uid::from_u128`].
    pub const fn to_u128(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for Uid {
    type Err = NotAUid;

    fn from_str(text: &str) -> Result<Self, NotAUid> {
        uuid::Uuid::parse_str(text).map(Self).map_err(|_| NotAUid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_written_with_hyphens_in_lower_case_and_read_back() {
        let uid: Uid = "67E55044-10B1-426F-9247-BB680E5FE0C8".parse().unwrap();
        assert_eq!(uid.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(Uid::from_u128(uid.to_u128()), uid);
        assert_eq!(
            serde_json::to_string(&uid).unwrap(),
            "\"67e55044-10b1-426f-9247-bb680e5fe0c8\""
        );
        assert_eq!("shop".parse::<Uid>(), Err(NotAUid));
    }
}
