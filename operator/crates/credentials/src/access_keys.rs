//! The two keys of an authorization rule.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// What a key is made of, as in Azure: 32 random bytes, 44 characters of base64.
const KEY_BYTES: usize = 32;

/// Two keys that are valid at the same time, so that one can be replaced while programs use the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKeys {
    /// What connection settings hand out.
    pub primary: Secret,
    /// What programs keep using while the primary key is replaced.
    pub secondary: Secret,
}

/// The operating system gave no random bytes; without them no key may be made.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes for a new access key: {0}")]
pub struct NoRandomness(getrandom::Error);

impl AccessKeys {
    /// Two fresh keys.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self {
            primary: generate_key()?,
            secondary: generate_key()?,
        })
    }

    /// A fresh primary key; the old one stays valid as the secondary, so that running programs do not notice.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn rotated(&self) -> Result<Self, NoRandomness> {
        Ok(Self {
            primary: generate_key()?,
            secondary: self.primary.clone(),
        })
    }
}

fn generate_key() -> Result<Secret, NoRandomness> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(Secret::new(STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_length_that_azure_keys_have_and_are_all_different() {
        let (first, second) = (AccessKeys::generate().unwrap(), AccessKeys::generate().unwrap());
        let mut keys: Vec<_> = [
            &first.primary,
            &first.secondary,
            &second.primary,
            &second.secondary,
        ]
        .map(|key| key.expose().to_owned())
        .into();
        assert!(
            keys.iter()
                .all(|key| key.len() == 44 && STANDARD.decode(key).unwrap().len() == 32)
        );
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn rotation_keeps_the_old_primary_key_valid() {
        let before = AccessKeys::generate().unwrap();
        let after = before.rotated().unwrap();
        assert_eq!(after.secondary, before.primary);
        assert_ne!(after.primary, before.primary);
    }
}
