//! The issuers that are wanted, and what is known of their keys.

use std::time::Duration;

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
    hiccup: Duration,
}

#[derive(Debug)]
struct State {
    wanted: Vec<config::Issuer>,
    known: Vec<Known>,
    failing: Vec<Failing>,
}

/// An issuer that does not say its keys.
#[derive(Debug)]
struct Failing {
    url: String,
    certificate_authority_pem: Option<String>,
    reason: String,
    is_asked_again: bool,
}

/// An issuer that has not said its keys for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Who.
    pub url: String,
    /// Why, as far as it can be told from here.
    pub reason: String,
    /// Whether there are keys of it from before, which still count.
    pub has_keys: bool,
    /// Whether it may get better by itself.
    pub is_asked_again: bool,
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
    pub(super) fn new(known: Vec<Known>, hiccup: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                wanted: Vec::new(),
                known,
                failing: Vec::new(),
            }),
            issuers: watch::Sender::default(),
            troubles: watch::Sender::default(),
            hiccup,
        }
    }

    /// How long an issuer fails before it is a trouble.
    pub(super) fn hiccup(&self) -> Duration {
        self.hiccup
    }

    /// In the order in which the issuers are wanted; nothing if none is, or as long as it is not known of all of them.
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
        state
            .failing
            .retain(|failing| wanted.iter().any(|wanted| failing.is_of(wanted)));
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
        state.forgive(issuer);
        self.give_out(&state);
    }

    /// An issuer has not said its keys for a while.
    pub(super) fn fail(&self, issuer: &config::Issuer, reason: &str, is_asked_again: bool) {
        let mut state = self.state.lock();
        state.forgive(issuer);
        state.failing.push(Failing {
            url: issuer.url.clone(),
            certificate_authority_pem: issuer.certificate_authority_pem.clone(),
            reason: reason.to_owned(),
            is_asked_again,
        });
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

    fn forgive(&mut self, issuer: &config::Issuer) {
        self.failing.retain(|failing| !failing.is_of(issuer));
    }

    fn troubles(&self) -> Option<Vec<Trouble>> {
        let has_keys = |wanted: &config::Issuer| self.known.iter().any(|known| known.are_of(wanted));
        let trouble = |wanted: &config::Issuer| {
            let failing = self.failing.iter().find(|failing| failing.is_of(wanted))?;
            Some(Trouble {
                url: wanted.url.clone(),
                reason: failing.reason.clone(),
                has_keys: has_keys(wanted),
                is_asked_again: failing.is_asked_again,
            })
        };
        let troubles: Vec<_> = self.wanted.iter().filter_map(trouble).collect();
        let is_known = !troubles.is_empty() || self.wanted.iter().all(has_keys);
        (!self.wanted.is_empty() && is_known).then_some(troubles)
    }
}

impl Failing {
    fn is_of(&self, issuer: &config::Issuer) -> bool {
        are_asked_alike(&self.url, &self.certificate_authority_pem, issuer)
    }
}

impl Known {
    fn are_of(&self, issuer: &config::Issuer) -> bool {
        are_asked_alike(&self.url, &self.certificate_authority_pem, issuer)
    }
}

/// Whatever else differs of an issuer, what is asked is the same, and so is the answer.
fn are_asked_alike(url: &str, certificate_authority_pem: &Option<String>, issuer: &config::Issuer) -> bool {
    url == issuer.url && *certificate_authority_pem == issuer.certificate_authority_pem
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Another prefix or audience is no other answer.
    #[test]
    fn whoever_fails_goes_on_failing_when_something_else_of_it_changes() {
        let issuer = |url: &str, prefix: &str| config::Issuer {
            url: url.into(),
            audiences: vec!["weft".into()],
            prefix: prefix.into(),
            username_claim: None,
            groups_claim: None,
            certificate_authority_pem: None,
        };
        let found = Found::new(Vec::new(), Duration::from_secs(30));
        let told = || found.troubles().borrow().clone();
        found.want(&[issuer("https://a", "a:"), issuer("https://b", "b:")]);
        assert_eq!(told(), None, "nobody was asked yet");
        found.put(&issuer("https://b", "b:"), JwkSet { keys: Vec::new() });
        assert_eq!(told(), None, "one was not asked yet");
        found.fail(&issuer("https://a", "a:"), "it is away", true);
        let failing = |url: &str| {
            Some(vec![Trouble {
                url: url.into(),
                reason: "it is away".into(),
                has_keys: false,
                is_asked_again: true,
            }])
        };
        assert_eq!(told(), failing("https://a"));
        found.want(&[issuer("https://a", "other:"), issuer("https://b", "b:")]);
        assert_eq!(told(), failing("https://a"));
        found.want(&[issuer("https://b", "b:")]);
        assert_eq!(told(), Some(Vec::new()));
        found.want(&[]);
        assert_eq!(told(), None);
    }
}
