//! The keys, prepared for comparing in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::Error;
use crate::keys::{Keys, Rights, Secret};

/// Length of an HMAC-SHA256 in bytes.
pub(crate) const SIGNATURE_LENGTH: usize = 32;

/// All rules with their keys. Every search looks at every key, so that its time tells nothing about which one, or how
/// much of one, was right.
pub(crate) struct KeyRing {
    entries: Vec<Entry>,
    /// Whether no key counts.
    is_disabled: bool,
}

struct Entry {
    rule: String,
    rights: Rights,
    keys: [Key; 2],
}

/// One live key.
struct Key {
    /// SHA-256 of the key as text. Comparing digests hides the key's length as well.
    digest: [u8; SIGNATURE_LENGTH],
    /// Keyed with the decoded key; none if the key is no base64 (it then opens doors, but signs no tokens: all
    /// producers of tokens decode it first).
    signer: Option<Hmac<Sha256>>,
    /// Keyed with the key as text, as tokens of Service Bus are signed.
    text_signer: Option<Hmac<Sha256>>,
    /// Zero for an empty key, which matches nothing.
    usable: Choice,
}

/// The rule whose key was shown. When several rules share that key, the rights of all of them.
pub(crate) struct Match<'a> {
    pub(crate) rule: &'a str,
    pub(crate) rights: Rights,
}

impl KeyRing {
    pub(crate) fn new(keys: &Keys) -> Self {
        let entry = |rule: &crate::Rule| Entry {
            rule: rule.name.clone(),
            rights: rule.rights,
            keys: [Key::new(&rule.primary), Key::new(&rule.secondary)],
        };
        Self {
            entries: keys.rules.iter().map(entry).collect(),
            is_disabled: keys.local_auth_disabled,
        }
    }

    /// Nobody may open a door with a key while that is switched off. The searches below do not look at it.
    pub(crate) const fn must_count(&self) -> Result<(), Error> {
        if self.is_disabled {
            return Err(Error::LocalAuthDisabled);
        }
        Ok(())
    }

    /// The rule that has this key.
    pub(crate) fn find_key(&self, shown: &str) -> Option<Match<'_>> {
        let digest = Sha256::digest(shown.as_bytes());
        self.find(|_, key| key.digest.ct_eq(digest.as_slice()))
    }

    /// The rule with a key that makes this signature of this text.
    pub(crate) fn find_signer(&self, signed: &str, signature: &[u8; SIGNATURE_LENGTH]) -> Option<Match<'_>> {
        self.find(|_, key| signs(key.signer.as_ref(), signed, signature))
    }

    /// The rule of that name, ignoring case, if one of its keys as text makes this signature of this text.
    pub(crate) fn find_text_signer(
        &self,
        rule: &str,
        signed: &str,
        signature: &[u8; SIGNATURE_LENGTH],
    ) -> Option<Match<'_>> {
        self.find(|entry, key| {
            // Names of rules are no secrets.
            let is_named = Choice::from(u8::from(entry.rule.eq_ignore_ascii_case(rule)));
            is_named & signs(key.text_signer.as_ref(), signed, signature)
        })
    }

    /// The rule of that name, ignoring case, if this is one of its keys.
    pub(crate) fn find_key_of(&self, rule: &str, shown: &str) -> Option<Match<'_>> {
        let digest = Sha256::digest(shown.as_bytes());
        self.find(|entry, key| {
            let is_named = Choice::from(u8::from(entry.rule.eq_ignore_ascii_case(rule)));
            is_named & key.digest.ct_eq(digest.as_slice())
        })
    }

    fn find(&self, matches: impl Fn(&Entry, &Key) -> Choice) -> Option<Match<'_>> {
        let mut found = Choice::from(0);
        let mut index = 0_u64;
        let mut rights = 0_u8;
        for (position, entry) in (0_u64..).zip(&self.entries) {
            let [primary, secondary] = &entry.keys;
            let hit =
                (matches(entry, primary) & primary.usable) | (matches(entry, secondary) & secondary.usable);
            found |= hit;
            index.conditional_assign(&position, hit);
            rights |= u8::conditional_select(&0, &entry.rights.to_bits(), hit);
        }
        if !bool::from(found) {
            return None;
        }
        let entry = self.entries.get(usize::try_from(index).ok()?)?;
        Some(Match {
            rule: &entry.rule,
            rights: Rights::from_bits(rights),
        })
    }
}

fn signs(signer: Option<&Hmac<Sha256>>, signed: &str, signature: &[u8; SIGNATURE_LENGTH]) -> Choice {
    let Some(signer) = signer else {
        return Choice::from(0);
    };
    let expected = signer
        .clone()
        .chain_update(signed.as_bytes())
        .finalize()
        .into_bytes();
    expected.as_slice().ct_eq(signature.as_slice())
}

impl Key {
    fn new(secret: &Secret) -> Self {
        let text = secret.expose();
        let signer = STANDARD
            .decode(text)
            .ok()
            .and_then(|key| Hmac::new_from_slice(&key).ok());
        Self {
            digest: Sha256::digest(text.as_bytes()).into(),
            signer,
            text_signer: Hmac::new_from_slice(text.as_bytes()).ok(),
            usable: Choice::from(u8::from(!text.is_empty())),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|entry| &entry.rule))
            .finish()
    }
}
