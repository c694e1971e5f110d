//! The names that a serving certificate vouches for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::SanType;
use rustls_pki_types::DnsName;

/// DNS names and IP addresses, each valid by construction, without duplicates; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNames(BTreeSet<ServerName>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerName {
    Dns(String),
    Ip(IpAddr),
}

/// A name that no certificate can carry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServerName {
    /// Neither a DNS name nor an IP address.
    #[error(
        "`{0}` is neither a DNS name nor an IP address; write for example `events.example.com`, `*.example.com` or `192.0.2.1`"
    )]
    Malformed(String),
    /// No name at all.
    #[error("a serving certificate needs at least one name; give for example `localhost`")]
    Empty,
}

impl ServerNames {
    /// Reads names as users write them: `localhost`, `shop.default.svc`, `*.example.com`, `127.0.0.1`, `::1`.
    ///
    /// # Errors
    /// When one of them is neither a DNS name nor an IP address, or when there is none.
    pub fn new<I>(names: I) -> Result<Self, BadServerName>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let names: BTreeSet<_> = names
            .into_iter()
            .map(|name| parse(name.as_ref()))
            .collect::<Result<_, _>>()?;
        if names.is_empty() {
            Err(BadServerName::Empty)
        } else {
            Ok(Self(names))
        }
    }

    pub(crate) fn are_covered_by(&self, names: &BTreeSet<ServerName>) -> bool {
        self.0.is_subset(names)
    }

    pub(crate) fn to_alternative_names(&self) -> Vec<SanType> {
        self.0.iter().map(ServerName::to_alternative_name).collect()
    }
}

impl ServerName {
    fn to_alternative_name(&self) -> SanType {
        match self {
            Self::Dns(name) => SanType::DnsName(name.as_str().try_into().expect("DNS names are ASCII")),
            Self::Ip(address) => SanType::IpAddress(*address),
        }
    }
}

fn parse(name: &str) -> Result<ServerName, BadServerName> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(ServerName::Ip(address));
    }
    let name = name.to_ascii_lowercase();
    let host = name.strip_prefix("*.").unwrap_or(&name);
    match DnsName::try_from(host) {
        Ok(_) => Ok(ServerName::Dns(name)),
        Err(_) => Err(BadServerName::Malformed(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_listed_once() {
        let names =
            ServerNames::new(["LOCALHOST", "localhost", "::1", "127.0.0.1", "*.example.com"]).unwrap();
        assert_eq!(names.0.len(), 4);
    }

    #[test]
    fn a_name_that_no_certificate_can_carry_is_refused_with_examples() {
        for bad in ["", "http://localhost", "a b", "host:443", "grüße.de", "*.*"] {
            let error = ServerNames::new([bad]).unwrap_err();
            assert!(matches!(error, BadServerName::Malformed(_)), "{bad}: {error}");
        }
        assert_eq!(ServerNames::new([""; 0]).unwrap_err(), BadServerName::Empty);
    }
}
