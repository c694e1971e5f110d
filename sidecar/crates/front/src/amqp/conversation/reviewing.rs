//! Rights are withdrawn at any time, and with them the links that they allowed: those behind bearer tokens by roles, those
//! behind keys when keys count no more.

use std::task::{Context, Poll};
use std::time::Instant;

use amqp::Connection;
use auth::{Error, Grant};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::Conversation;
use crate::amqp::grants::Showing;
use crate::http::Door;
use crate::identity::REVIEW_EVERY;

/// Grants of one connection that are reviewed at once. Most share their decisions, which are remembered.
const AT_ONCE: usize = 8;

/// What a grant has become.
pub(super) struct Reviewed {
    shown: Showing,
    outcome: Result<Grant, Error>,
}

impl Conversation {
    /// There may be grants to look at from now on.
    pub(super) fn expect_review(&mut self, now: Instant) {
        if self.review.is_none() && self.grants.allow_something() {
            self.review_at.get_or_insert(now + REVIEW_EVERY);
        }
    }

    /// Looks at all grants, if it is time.
    pub(super) fn begin_review(&mut self, machine: &mut Connection, now: Instant) {
        if self.review_at.is_none_or(|at| at > now) {
            return;
        }
        self.review_at = None;
        let grants = self.grants.to_review();
        match grants.is_empty() {
            true => self.end_unjustified(machine),
            false => self.review = Some(review(self.door.clone(), grants)),
        }
    }

    /// Returns whether a review has ended. Links whose rights are gone end with it.
    pub(super) fn poll_review(
        &mut self,
        cx: &mut Context<'_>,
        machine: &mut Connection,
        now: Instant,
    ) -> bool {
        let Some(review) = &mut self.review else {
            return false;
        };
        let Poll::Ready(reviewed) = review.as_mut().poll(cx) else {
            return false;
        };
        self.review = None;
        for Reviewed { shown, outcome } in reviewed {
            self.grants.renew(shown, outcome);
        }
        self.end_unjustified(machine);
        self.note_use();
        self.expect_review(now);
        true
    }
}

fn review(door: Door, grants: Vec<(Showing, Grant)>) -> BoxFuture<'static, Vec<Reviewed>> {
    let review = move |(shown, grant): (Showing, Grant)| {
        let door = door.clone();
        async move {
            let outcome = grant.review_again(door.authorizer(), door.now()).await;
            Reviewed { shown, outcome }
        }
    };
    stream::iter(grants)
        .map(review)
        .buffer_unordered(AT_ONCE)
        .collect()
        .boxed()
}
