//! The tokens that one connection has shown.

use auth::{Error, Grant, Right, Verb};
use model::Timestamp;

use super::address::path_of;

/// More audiences than any client has partitions. At it: the token is refused.
const GRANTS_MAX: usize = 1_024;

/// By audience: a client puts a new token for it before the old one expires.
#[derive(Debug, Default)]
pub(super) struct Grants {
    held: Vec<Held>,
    has_replaced: bool,
}

#[derive(Debug)]
struct Held {
    audience: String,
    shown: Showing,
    /// A bearer token may prove who somebody is, and that it may do nothing: it is heard of when it asks for something.
    grant: Result<Grant, Error>,
}

/// When a token was shown, as a number that grows on each connection. Also what it is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Showing(u64);

impl Showing {
    /// That of the token after this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Grants {
    /// Keeps what a token allows, unless one that was shown later is held for its audience. False if there are too many.
    #[must_use]
    pub(super) fn put(&mut self, audience: &str, shown: Showing, grant: Result<Grant, Error>) -> bool {
        let mut held = self.held.iter_mut();
        if let Some(held) = held.find(|held| held.audience.eq_ignore_ascii_case(audience)) {
            if held.shown < shown {
                (held.shown, held.grant) = (shown, grant);
                self.has_replaced = true;
            }
        } else if self.held.len() < GRANTS_MAX {
            self.held.push(Held {
                audience: audience.to_owned(),
                shown,
                grant,
            });
        } else {
            return false;
        }
        true
    }

    /// Whether a token has taken the place of another since this was asked last: it may allow less.
    pub(super) fn take_replaced(&mut self) -> bool {
        std::mem::take(&mut self.has_replaced)
    }

    /// What the first grant says that allows `right` at `path`, which `check` asks it.
    ///
    /// # Errors
    /// What the one says that comes nearest; `Missing` if there is none.
    pub(super) fn check<T>(
        &self,
        right: Right,
        path: &str,
        check: impl Fn(&Grant) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut nearest = Error::Missing;
        for held in &self.held {
            let outcome = match &held.grant {
                Ok(grant) => check(grant),
                Err(error) if held.is_about(path) => Err(error.clone()),
                Err(_) => continue,
            };
            match outcome {
                Ok(permit) => return Ok(permit),
                Err(error) if rank(&error) > rank(&nearest) => nearest = error,
                Err(_) => {}
            }
        }
        Err(lacking(right, nearest))
    }

    /// Whether there is a token that allows something.
    pub(super) fn allow_something(&self) -> bool {
        self.held.iter().any(|held| held.grant.is_ok())
    }

    /// When the next grant ends.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let expiries = self
            .held
            .iter()
            .filter_map(|held| Some(held.grant.as_ref().ok()?.expires()));
        expiries.filter(|expiry| *expiry < Timestamp::MAX).min()
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        self.held
            .retain(|held| held.grant.as_ref().map_or(true, |grant| grant.expires() > now));
    }

    /// The grants, each of which may be taken away before it ends.
    pub(super) fn to_review(&self) -> Vec<(Showing, Grant)> {
        let grants = self.held.iter();
        grants
            .filter_map(|held| Some((held.shown, held.grant.as_ref().ok()?.clone())))
            .collect()
    }

    /// What a review found, unless another token has taken the place meanwhile.
    pub(super) fn renew(&mut self, shown: Showing, grant: Result<Grant, Error>) {
        if let Some(held) = self.held.iter_mut().find(|held| held.shown == shown) {
            held.grant = grant;
        }
    }
}

impl Held {
    /// Whether it was shown for the hub of this path, or for all of the Namespace.
    fn is_about(&self, path: &str) -> bool {
        let shown_for = path_of(&self.audience);
        let hub = |path: &str| path.split('/').next().unwrap_or_default().to_lowercase();
        shown_for.is_empty() || hub(&shown_for) == hub(path)
    }
}

/// The same error about the right that was wanted: of a token that allows nothing, `auth` names any verb.
pub(super) fn lacking(right: Right, error: Error) -> Error {
    match error {
        Error::LacksVerb {
            username, objects, ..
        } => Error::LacksVerb {
            username,
            verb: Verb::from(right),
            objects,
        },
        other => other,
    }
}

/// How much a refusal tells the user: a token for the right place that lacks a right says more than one for another place.
fn rank(error: &Error) -> u8 {
    match error {
        Error::LacksRight { .. } | Error::LacksVerb { .. } => 3,
        Error::Missing => 0,
        Error::OutOfScope(_) => 1,
        _ => 2,
    }
}
