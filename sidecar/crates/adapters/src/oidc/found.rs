//! The issuers whose keys are known.

use auth::{Issuer, JwkSet, Mapping};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Where users and groups are read from if the document does not say so.
const USERNAME_CLAIM: &str = "sub";
const GROUPS_CLAIM: &str = "groups";

/// What the followers found out, and who waits for it.
#[derive(Debug)]
pub(super) struct Found {
    known: Mutex<Vec<(config::Issuer, JwkSet)>>,
    issuers: watch::Sender<Vec<Issuer>>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            issuers: watch::Sender::new(Vec::new()),
        }
    }
}

impl Found {
    pub(super) fn issuers(&self) -> watch::Receiver<Vec<Issuer>> {
        self.issuers.subscribe()
    }

    pub(super) fn knows(&self, wanted: &config::Issuer) -> bool {
        self.known.lock().iter().any(|(known, _)| known == wanted)
    }

    /// Forgets those that are not wanted, or wanted otherwise.
    pub(super) fn retain(&self, wanted: &[config::Issuer]) {
        let mut known = self.known.lock();
        let before = known.len();
        known.retain(|(issuer, _)| wanted.contains(issuer));
        if known.len() != before {
            self.give_out(&known);
        }
    }

    pub(super) fn put(&self, issuer: &config::Issuer, keys: JwkSet) {
        let mut known = self.known.lock();
        match known.iter_mut().find(|(present, _)| present == issuer) {
            Some((_, present)) if *present == keys => return,
            Some((_, present)) => *present = keys,
            None => known.push((issuer.clone(), keys)),
        }
        self.give_out(&known);
    }

    fn give_out(&self, known: &[(config::Issuer, JwkSet)]) {
        let issuers = known
            .iter()
            .map(|(issuer, keys)| trusted(issuer.clone(), keys.clone()));
        self.issuers.send_replace(issuers.collect());
    }
}

fn trusted(issuer: config::Issuer, keys: JwkSet) -> Issuer {
    Issuer {
        url: issuer.url,
        audiences: issuer.audiences,
        keys,
        mapping: Mapping::Claims {
            prefix: issuer.prefix,
            username: issuer.username_claim.unwrap_or_else(|| USERNAME_CLAIM.into()),
            groups: Some(issuer.groups_claim.unwrap_or_else(|| GROUPS_CLAIM.into())),
        },
    }
}
