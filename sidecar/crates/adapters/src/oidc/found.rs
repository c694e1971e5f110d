//! The issuers that are wanted, and what is known of their keys.

use auth::{Issuer, Issuers, JwkSet, Mapping};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where users and groups are read from if the document does not say so.
const USERNAME_CLAIM: &str = "sub";
const GROUPS_CLAIM: &str = "groups";

/// What the followers found out, and who waits for it.
#[derive(Debug)]
pub(super) struct Found {
    state: Mutex<State>,
    issuers: watch::Sender<Issuers>,
}

#[derive(Debug)]
struct State {
    wanted: Vec<config::Issuer>,
    known: Vec<Known>,
}

/// Keys, and whom they were had from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Known {
    url: String,
    /// Who vouched for that.
    certificate_authority_pem: Option<String>,
    keys: JwkSet,
}

impl Found {
    /// Nobody is wanted yet; these keys were known once.
    pub(super) fn new(known: Vec<Known>) -> Self {
        Self {
            state: Mutex::new(State {
                wanted: Vec::new(),
                known,
            }),
            issuers: watch::Sender::default(),
        }
    }

    pub(super) fn issuers(&self) -> watch::Receiver<Issuers> {
        self.issuers.subscribe()
    }

    pub(super) fn known(&self) -> Vec<Known> {
        self.state.lock().known.clone()
    }

    pub(super) fn knows(&self, wanted: &config::Issuer) -> bool {
        let state = self.state.lock();
        state.known.iter().any(|known| known.are_of(wanted))
    }

    /// From now on these are wanted. Keys of others are forgotten, also of one whose certificate is to be proven otherwise;
    /// whatever else has changed of an issuer, its keys are the same.
    pub(super) fn want(&self, wanted: &[config::Issuer]) {
        let mut state = self.state.lock();
        state
            .known
            .retain(|known| wanted.iter().any(|wanted| known.are_of(wanted)));
        state.wanted = wanted.to_vec();
        self.give_out(&state);
    }

    /// An issuer has said its keys.
    pub(super) fn put(&self, issuer: &config::Issuer, keys: JwkSet) {
        let mut state = self.state.lock();
        match state.known.iter_mut().find(|known| known.are_of(issuer)) {
            Some(known) => known.keys = keys,
            None => state.known.push(Known {
                url: issuer.url.clone(),
                certificate_authority_pem: issuer.certificate_authority_pem.clone(),
                keys,
            }),
        }
        self.give_out(&state);
    }

    fn give_out(&self, state: &State) {
        let issuers = state.issuers();
        self.issuers.send_if_modified(|present| {
            let is_new = *present != issuers;
            *present = issuers;
            is_new
        });
    }
}

impl State {
    /// In the order in which they are wanted.
    fn issuers(&self) -> Issuers {
        let mut issuers = Issuers::default();
        for wanted in &self.wanted {
            match self.known.iter().find(|known| known.are_of(wanted)) {
                Some(known) => issuers.known.push(trusted(wanted, known.keys.clone())),
                None => issuers.awaited.push(wanted.url.clone()),
            }
        }
        issuers
    }
}

impl Known {
    fn are_of(&self, issuer: &config::Issuer) -> bool {
        self.url == issuer.url && self.certificate_authority_pem == issuer.certificate_authority_pem
    }
}

fn trusted(issuer: &config::Issuer, keys: JwkSet) -> Issuer {
    let or = |claim: &Option<String>, default: &str| claim.clone().unwrap_or_else(|| default.to_owned());
    Issuer {
        url: issuer.url.clone(),
        audiences: issuer.audiences.clone(),
        keys,
        mapping: Mapping::Claims {
            prefix: issuer.prefix.clone(),
            username: or(&issuer.username_claim, USERNAME_CLAIM),
            groups: Some(or(&issuer.groups_claim, GROUPS_CLAIM)),
        },
    }
}
