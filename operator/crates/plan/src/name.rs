//! Names that clients use.

use std::fmt;
use std::net::Ipv4Addr;

/// The name of a topic, event subscription or hub on the wire. Compared ignoring case with [`ClientName::folded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(String);

impl ClientName {
    /// Azure's rule for names of topics and event subscriptions: 3 to 50 of `A-Z a-z 0-9 -`.
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ((3..=50).contains(&name.len()) && name.bytes().all(allowed)).then(|| Self(name.to_owned()))
    }

    /// Azure's rule for names of event hubs: at most 256 of `A-Z a-z 0-9 . _ -`, first and last a letter or digit.
    pub fn of_hub(name: &str) -> Option<Self> {
        is_azure_word(name, 256).then(|| Self(name.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Equal for names that differ only in case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stem of everything that a Namespace owns: at most 40 of `a-z 0-9 -`, first a letter, last no hyphen.
pub(crate) fn is_namespace_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(is_label_byte)
}

/// Kubernetes' rule for a name: labels of `a-z 0-9 -` with dots between, at most 253 characters.
pub(crate) fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_of_any_length)
}

/// Kubernetes' rule for the name of a Kubernetes namespace.
pub(crate) fn is_dns_label(name: &str) -> bool {
    name.len() <= 63 && is_label_of_any_length(name)
}

fn is_label_of_any_length(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(is_label_byte) && !label.starts_with('-') && !label.ends_with('-')
}

/// The name of an object that is not ours; what of it is not allowed otherwise, the API server says.
pub(crate) fn is_object_name(name: &str) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 253
        && end(name.bytes().next())
        && end(name.bytes().last())
        && name.bytes().all(|byte| is_label_byte(byte) || byte == b'.')
}

/// A name that a serving certificate can carry: a DNS name in lower case, `*` allowed as its first label, or an IPv4
/// address.
pub(crate) fn is_server_name(name: &str) -> bool {
    let label = |label: &str| label.len() <= 63 && is_label_of_any_length(label);
    let host = name.strip_prefix("*.").unwrap_or(name);
    let top = host.rsplit('.').next().unwrap_or_default();
    let is_dns = host.split('.').all(label) && top.starts_with(|first: char| first.is_ascii_lowercase());
    is_dns || name.parse::<Ipv4Addr>().is_ok()
}

/// The key of a label or annotation: a word, after a DNS name and `/` if need be.
pub(crate) fn is_metadata_key(key: &str) -> bool {
    let (prefix, word) = match key.split_once('/') {
        Some((prefix, word)) => (Some(prefix), word),
        None => (None, key),
    };
    key.len() <= 317
        && prefix.is_none_or(|prefix| prefix.split('.').all(is_label_of_any_length))
        && is_word(word)
}

/// The value of a label.
pub(crate) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_word(value)
}

fn is_word(word: &str) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    word.len() <= 63
        && end(word.bytes().next())
        && end(word.bytes().last())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

pub(crate) fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Whether an endpoint keeps this word for its own paths.
pub(crate) fn is_reserved(name: &str) -> bool {
    crds::rules::RESERVED_NAMES
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// Names of authorization rules, and of consumer groups.
pub(crate) fn is_rule_or_group_name(name: &str) -> bool {
    is_azure_word(name, 50)
}

fn is_azure_word(name: &str, length_max: usize) -> bool {
    let ends = |end: Option<u8>| end.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= length_max
        && ends(name.bytes().next())
        && ends(name.bytes().last())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}
