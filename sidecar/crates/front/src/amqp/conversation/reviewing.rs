//! Rights are withdrawn at any time, and with them the links that they allowed: those behind bearer tokens by roles, those
//! behind keys when keys count no more.

use std::task::{Context, Poll};
use std::time::Instant;

use auth::{Error, Grant};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::task::coop::consume_budget;

use super::Conversation;
use crate::amqp::grants::Token;
use crate::http::Door;
use crate::identity::REVIEW_EVERY;

/// Grants of one connection that are reviewed at once. Most share their decisions, which are remembered.
const AT_ONCE: usize = 8;

/// What a grant has become.
pub(super) struct Reviewed {
    token: Token,
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
    pub(super) fn begin_review(&mut self, now: Instant) {
        if self.review_at.is_none_or(|at| at > now) {
            return;
        }
        self.review_at = None;
        let grants = self.grants.to_review();
        if !grants.is_empty() {
            self.review = Some(review(self.door.clone(), grants));
        }
    }

    /// Returns whether a review has ended. Links whose rights are gone are in doubt from then on.
    pub(super) fn poll_review(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(review) = &mut self.review else {
            return false;
        };
        let Poll::Ready(reviewed) = review.as_mut().poll(cx) else {
            return false;
        };
        self.review = None;
        let time = self.door.now();
        for Reviewed { token, outcome } in reviewed {
            self.grants.renew(token, outcome, time);
        }
        self.note_use();
        self.expect_review(now);
        true
    }
}

fn review(door: Door, grants: Vec<(Token, Grant)>) -> BoxFuture<'static, Vec<Reviewed>> {
    let review = move |(token, grant): (Token, Grant)| {
        let door = door.clone();
        async move {
            // Most are decided without waiting for anything; other connections have their turn all the same.
            consume_budget().await;
            let outcome = grant.review_again(door.authorizer(), door.now()).await;
            Reviewed { token, outcome }
        }
    };
    stream::iter(grants)
        .map(review)
        .buffer_unordered(AT_ONCE)
        .collect()
        .boxed()
}
