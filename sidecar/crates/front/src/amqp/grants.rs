//! The tokens that one connection has shown.
//!
//! They are found by the paths that they are good for, so that an attach costs the same however many there are. A link
//! remembers in which [`Slot`] the token is that allows it, and is looked at again when that token becomes
//! [less](Grants::take_lessened) than it was, and only then: a new token of the same kind touches no link.

mod places;
mod reach;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use auth::{Error, Grant, Listen, Permit, Resource, Right, Send, Verb};
use model::Timestamp;

use self::places::Places;
use self::reach::{Need, Reach};
use super::address::path_of;

/// More audiences than any client has partitions. At it: the token is refused.
const GRANTS_MAX: usize = 1_024;

/// By audience: a client puts a new token for it before the old one expires.
#[derive(Debug, Default)]
pub(super) struct Grants {
    held: HashMap<Slot, Held>,
    /// By audience, in lower case.
    slots: HashMap<Arc<str>, Slot>,
    last: Slot,
    /// All that are held, by where they count.
    places: Places,
    /// Those that allow something, by when they end.
    ends: BTreeSet<(Timestamp, Slot)>,
    /// What is to be taken by [`Grants::take_lessened`].
    lessened: HashSet<Slot>,
}

#[derive(Debug)]
struct Held {
    audience: Arc<str>,
    /// What the audience names, in lower case.
    path: String,
    shown: Showing,
    /// A bearer token may prove who somebody is, and that it may do nothing: it is heard of when it asks for something.
    grant: Result<Grant, Error>,
    reach: Reach,
}

/// Where the tokens of one audience are held, one after the other. Never that of another audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u64);

/// When a token was shown, as a number that grows on each connection. Also what it is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Showing(u64);

impl Showing {
    /// That of the token after this one.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A token that is looked at, and where it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    slot: Slot,
    shown: Showing,
}

impl Grants {
    /// Keeps what a token allows, unless one that was shown later is held for its audience. False if there are too many.
    #[must_use]
    pub(super) fn put(
        &mut self,
        audience: &str,
        shown: Showing,
        grant: Result<Grant, Error>,
        now: Timestamp,
    ) -> bool {
        let audience: Arc<str> = audience.to_ascii_lowercase().into();
        let Some(slot) = self.slots.get(&audience).copied() else {
            return self.add(audience, shown, grant, now);
        };
        if let Some(held) = self.held.get(&slot)
            && held.shown < shown
        {
            let reach = Reach::of(&grant, &held.path, now);
            self.replace(slot, shown, grant, reach);
        }
        true
    }

    fn add(
        &mut self,
        audience: Arc<str>,
        shown: Showing,
        grant: Result<Grant, Error>,
        now: Timestamp,
    ) -> bool {
        if self.held.len() >= GRANTS_MAX {
            return false;
        }
        self.last = Slot(self.last.0 + 1);
        let path = path_of(&audience).to_ascii_lowercase();
        let reach = Reach::of(&grant, &path, now);
        self.slots.insert(Arc::clone(&audience), self.last);
        let held = Held {
            audience,
            path,
            shown,
            grant,
            reach,
        };
        self.hold(self.last, held);
        true
    }

    fn replace(&mut self, slot: Slot, shown: Showing, grant: Result<Grant, Error>, reach: Reach) {
        let Some(before) = self.let_go(slot) else {
            return;
        };
        if reach.is_less_than(&before.reach) {
            self.lessened.insert(slot);
        }
        let held = Held {
            shown,
            grant,
            reach,
            ..before
        };
        self.hold(slot, held);
    }

    fn hold(&mut self, slot: Slot, held: Held) {
        if let Ok(grant) = &held.grant {
            self.ends.insert((grant.expires(), slot));
        }
        self.places.add(held.place(), &held.reach, slot);
        self.held.insert(slot, held);
    }

    fn let_go(&mut self, slot: Slot) -> Option<Held> {
        let held = self.held.remove(&slot)?;
        if let Ok(grant) = &held.grant {
            self.ends.remove(&(grant.expires(), slot));
        }
        self.places.remove(held.place(), &held.reach, slot);
        Some(held)
    }

    /// Where the tokens are that allow less than before, or are gone, since this was asked last: what they allowed is to
    /// be asked for again.
    pub(super) fn take_lessened(&mut self) -> HashSet<Slot> {
        std::mem::take(&mut self.lessened)
    }

    /// Whether [`Grants::take_lessened`] has something to say.
    pub(super) fn have_lessened(&self) -> bool {
        !self.lessened.is_empty()
    }

    /// Whether there still is a token; else it has expired.
    pub(super) fn hold_one_in(&self, slot: Slot) -> bool {
        self.held.contains_key(&slot)
    }

    /// The permit to send there, and where the token is that allows it.
    ///
    /// # Errors
    /// What the token says that comes nearest; `Missing` if there is none.
    pub(super) fn permit_send(&self, path: &str, now: Timestamp) -> Result<(Slot, Permit<Send>), Error> {
        let resource = Resource::Hub(path);
        self.find(Need::Send, path, |grant| grant.permit_send(&resource, now))
    }

    /// The permit to receive from there, and where the token is that allows it.
    ///
    /// # Errors
    /// As [`Grants::permit_send`].
    pub(super) fn permit_listen(&self, path: &str, now: Timestamp) -> Result<(Slot, Permit<Listen>), Error> {
        let resource = Resource::Hub(path);
        self.find(Need::Listen, path, |grant| grant.permit_listen(&resource, now))
    }

    /// May the client ask what is there? Any right will do.
    ///
    /// # Errors
    /// As [`Grants::permit_send`].
    pub(super) fn must_know(&self, path: &str, now: Timestamp) -> Result<(), Error> {
        let resource = Resource::Hub(path);
        self.find(Need::Know, path, |grant| grant.must_know(&resource, now))
            .map(|_| ())
    }

    /// What the first token says that meets `need` at `path`, which `check` asks it. The only ones that are asked and say
    /// no are those that end in this moment, and some that explain a refusal.
    fn find<T>(
        &self,
        need: Need,
        path: &str,
        check: impl Fn(&Grant) -> Result<T, Error>,
    ) -> Result<(Slot, T), Error> {
        let path = path.to_ascii_lowercase();
        let ask = |slot: Slot| match &self.held.get(&slot)?.grant {
            Ok(grant) => Some(check(grant)),
            Err(error) => Some(Err(error.clone())),
        };
        let found = self
            .places
            .meeting(need, &path)
            .find_map(|slot| Some((slot, ask(slot)?.ok()?)));
        if let Some(found) = found {
            return Ok(found);
        }
        // Of those that do not cover the path one is as good as another.
        let anyone = self.ends.first().map(|(_, slot)| *slot);
        let nearest = self
            .places
            .explaining(&path)
            .chain(anyone)
            .filter_map(|slot| ask(slot)?.err())
            .fold(Error::Missing, nearer);
        Err(lacking(need.right(), nearest))
    }

    /// Whether there is a token that allows something.
    pub(super) fn allow_something(&self) -> bool {
        !self.ends.is_empty()
    }

    /// When the next grant ends.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let (end, _) = self.ends.first()?;
        (*end < Timestamp::MAX).then_some(*end)
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        while let Some((end, slot)) = self.ends.first().copied()
            && end <= now
        {
            let Some(held) = self.let_go(slot) else {
                return;
            };
            self.slots.remove(&held.audience);
            self.lessened.insert(slot);
        }
    }

    /// The grants, each of which may be taken away before it ends.
    pub(super) fn to_review(&self) -> Vec<(Token, Grant)> {
        let review = |(_, slot): &(Timestamp, Slot)| {
            let held = self.held.get(slot)?;
            let token = Token {
                slot: *slot,
                shown: held.shown,
            };
            Some((token, held.grant.as_ref().ok()?.clone()))
        };
        self.ends.iter().filter_map(review).collect()
    }

    /// What a review found, unless another token has taken the place meanwhile.
    pub(super) fn renew(&mut self, token: Token, grant: Result<Grant, Error>, now: Timestamp) {
        let Token { slot, shown } = token;
        let Some(held) = self.held.get_mut(&slot).filter(|held| held.shown == shown) else {
            return;
        };
        let reach = held.reach.again(&grant, &held.path, now);
        let ends = |grant: &Result<Grant, Error>| grant.as_ref().map(Grant::expires).ok();
        if reach == held.reach && ends(&grant) == ends(&held.grant) {
            held.grant = grant;
        } else {
            self.replace(slot, shown, grant, reach);
        }
    }
}

impl Held {
    /// Where it counts, with all below it.
    fn place(&self) -> &str {
        self.reach.place(&self.path)
    }
}

/// The same error about the right that was wanted: of a token that allows nothing, `auth` names any verb.
pub(super) fn lacking(right: Right, error: Error) -> Error {
    match error {
        Error::LacksVerb { username, asked, .. } => Error::LacksVerb {
            username,
            verb: Verb::from(right),
            asked,
        },
        other => other,
    }
}

/// The one that tells the user more; if neither does, the first.
fn nearer(one: Error, other: Error) -> Error {
    if rank(&other) > rank(&one) { other } else { one }
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
