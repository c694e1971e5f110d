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
    troubles: watch::Sender<Option<Vec<Trouble>>>,
}

#[derive(Debug)]
struct State {
    wanted: Vec<config::Issuer>,
    known: Vec<Known>,
    /// Who does not say its keys, and why.
    failing: Vec<(config::Issuer, String)>,
}

/// An issuer that has not said its keys for some tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Who.
    pub url: String,
    /// Why, as far as it can be told from here.
    pub reason: String,
    /// Whether there are keys of it from before, which still count.
    pub has_keys: bool,
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
                failing: Vec::new(),
            }),
            issuers: watch::Sender::default(),
            troubles: watch::Sender::default(),
        }
    }

    /// In the order in which the issuers are wanted; nothing if none is.
    pub(super) fn troubles(&self) -> watch::Receiver<Option<Vec<Trouble>>> {
        self.troubles.subscribe()
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
        state.failing.retain(|(issuer, _)| wanted.contains(issuer));
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
        state.failing.retain(|(failing, _)| failing != issuer);
        self.give_out(&state);
    }

    /// An issuer does not say its keys.
    pub(super) fn fail(&self, issuer: &config::Issuer, reason: &str) {
        let mut state = self.state.lock();
        state.failing.retain(|(failing, _)| failing != issuer);
        if state.wanted.contains(issuer) {
            state.failing.push((issuer.clone(), reason.to_owned()));
        }
        self.give_out(&state);
    }

    fn give_out(&self, state: &State) {
        replace(&self.issuers, state.issuers());
        replace(&self.troubles, state.troubles());
    }
}

/// Wakes nobody if it is the same.
fn replace<T: PartialEq>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|present| {
        let is_new = *present != value;
        *present = value;
        is_new
    });
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

    fn troubles(&self) -> Option<Vec<Trouble>> {
        let trouble = |wanted: &config::Issuer| {
            let (_, reason) = self.failing.iter().find(|(failing, _)| failing == wanted)?;
            Some(Trouble {
                url: wanted.url.clone(),
                reason: reason.clone(),
                has_keys: self.known.iter().any(|known| known.are_of(wanted)),
            })
        };
        (!self.wanted.is_empty()).then(|| self.wanted.iter().filter_map(trouble).collect())
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
