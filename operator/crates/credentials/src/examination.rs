//! What a certificate that somebody else made says.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::certificates::Error;
use crate::server_names::ServerName;
use crate::x509;

/// The facts about a serving certificate that we did not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    not_after: SystemTime,
    names: BTreeSet<ServerName>,
}

/// Looks at the first certificate of a PEM text: the one that a server shows.
///
/// # Errors
/// When there is none, or something does not parse.
pub fn examine(pem: &str) -> Result<Examination, Error> {
    let certificate = x509::certificates(pem).map_err(Error::Malformed)?.swap_remove(0);
    Ok(Examination {
        not_after: x509::validity(&certificate).map_err(Error::Malformed)?.not_after,
        names: x509::server_names(&certificate).map_err(Error::Malformed)?,
    })
}

impl Examination {
    /// The first moment at which it is refused.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether clients accept it under this DNS name: by the name itself, or by one with `*` for the first label.
    pub fn covers(&self, name: &str) -> bool {
        let listed = |name: String| self.names.contains(&ServerName::Dns(name));
        let any = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        listed(name.to_ascii_lowercase()) || any.is_some_and(|any| listed(any.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{Certificates, ServerNames};

    #[test]
    fn names_and_end_are_found_and_a_star_stands_for_one_label() {
        let names = ServerNames::new(["shop.example.com", "*.apps.svc"]).unwrap();
        let certificates = Certificates::create("shop", &names, UNIX_EPOCH).unwrap();
        let found = examine(certificates.serving().certificate_pem()).unwrap();
        assert_eq!(
            found.not_after(),
            UNIX_EPOCH + Duration::from_secs(365 * 24 * 3600)
        );
        for name in ["shop.example.com", "SHOP.example.com", "shop.apps.svc"] {
            assert!(found.covers(name), "{name}");
        }
        for name in ["example.com", "a.b.apps.svc", "apps.svc", "shop"] {
            assert!(!found.covers(name), "{name}");
        }
        assert!(examine("no certificate").is_err());
    }
}
