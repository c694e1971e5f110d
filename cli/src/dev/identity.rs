//! Whose tokens the Namespaces of this process accept: the developer's, and what the developer may do is everything.

use std::sync::Arc;

use sidecar::{EveryRight, Identity, Issuer, Mapping};
use tokio::sync::watch;

use super::issuer::{self, LocalIssuer};

/// The identity settings of a Namespace in local mode. Tokens are verified as in a cluster; there is no API server that
/// could be asked for rights, and nobody else whose tokens are accepted in its place.
pub(crate) fn of(issuer: &LocalIssuer) -> Identity {
    let issuer = Issuer {
        url: issuer::URL.to_owned(),
        audiences: vec![issuer::AUDIENCE.to_owned()],
        keys: issuer.keys(),
        mapping: Mapping::ServiceAccounts,
    };
    // The key of a data folder does not change while it is in use, so that nobody has to send another one.
    let (_, issuer) = watch::channel(Some(issuer));
    Identity {
        issuer,
        reviewer: Arc::new(EveryRight),
        ..Identity::default()
    }
}
