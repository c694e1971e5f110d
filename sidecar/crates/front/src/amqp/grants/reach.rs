//! What a token is good for, and where.

use auth::{Error, Grant, Right};
use model::Timestamp;

use crate::amqp::address::resource;

/// Of the longest address of a hub, `HUB/ConsumerGroups/NAME/Partitions/ID`. What lies deeper nobody can attach to.
const SEGMENTS_MAX: usize = 5;

/// What a client may want to do at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Send,
    Listen,
    /// To ask what is there.
    Know,
}

/// How far a token goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Of the path that it was put for: at so much of it, and at all below, it counts.
    bytes: usize,
    /// What it meets there. None: it explains a refusal.
    pub(super) needs: Vec<Need>,
}

impl Need {
    const ALL: [Self; 3] = [Self::Send, Self::Listen, Self::Know];

    fn is_met(self, grant: &Grant, path: &str, now: Timestamp) -> bool {
        let resource = resource(path);
        match self {
            Self::Send => grant.permit_send(&resource, now).is_ok(),
            Self::Listen => grant.permit_listen(&resource, now).is_ok(),
            Self::Know => grant.must_know(&resource, now).is_ok(),
        }
    }

    /// What the client is told that it lacks.
    pub(super) const fn right(self) -> Right {
        match self {
            Self::Send => Right::Send,
            Self::Listen | Self::Know => Right::Listen,
        }
    }
}

impl Reach {
    /// Of a token that was put for `path`: it may be good for what is above that, too.
    pub(super) fn of(grant: &Result<Grant, Error>, path: &str, now: Timestamp) -> Self {
        let mut above = with_those_above(path);
        let place = match grant {
            Ok(grant) => above.find(|above| grant.must_cover(&resource(above)).is_ok()),
            // It says something about its hub.
            Err(_) => above.take(2).last(),
        };
        Self::at(grant, place.unwrap_or(path), now)
    }

    /// That of the same token after a review, which changes what it allows, but not where.
    pub(super) fn again(&self, grant: &Result<Grant, Error>, path: &str, now: Timestamp) -> Self {
        match grant {
            Ok(_) => Self::at(grant, self.place(path), now),
            Err(_) => Self::of(grant, path, now),
        }
    }

    fn at(grant: &Result<Grant, Error>, place: &str, now: Timestamp) -> Self {
        let is_met = |need: &Need| match grant {
            Ok(grant) => need.is_met(grant, place, now),
            Err(_) => false,
        };
        Self {
            bytes: place.len(),
            needs: Need::ALL.into_iter().filter(is_met).collect(),
        }
    }

    /// The part of its path at which it counts.
    pub(super) fn place<'p>(&self, path: &'p str) -> &'p str {
        path.get(..self.bytes).unwrap_or(path)
    }

    /// Whether something was allowed by the token `before` it, which was put for the same path, and is not any more.
    pub(super) fn is_less_than(&self, before: &Self) -> bool {
        let is_narrower = self.bytes > before.bytes;
        let is_lost = |need: &Need| is_narrower || !self.needs.contains(need);
        before.needs.iter().any(is_lost)
    }
}

/// The paths above this one, from the Namespace's on, and itself last, as far as addresses go.
pub(super) fn with_those_above(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    let ends = slashes.chain([path.len()]).filter(|end| *end > 0);
    std::iter::once(0)
        .chain(ends)
        .take(1 + SEGMENTS_MAX)
        .filter_map(|end| path.get(..end))
}
