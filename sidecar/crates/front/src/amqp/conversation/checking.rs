//! Bearer tokens that came in requests: who shows them, and what that one may do.
//!
//! The answer waits until both are known, behind it those of later requests on its link. Everything else goes on.

use std::time::Instant;

use amqp::Connection;
use auth::{Error, Grant};

use super::Conversation;
use super::requesting::{Awaited, Node, Reply};
use crate::amqp::error::SERVER_BUSY;
use crate::amqp::exchange::{Request, Response};
use crate::amqp::grants::Showing;
use crate::amqp::{address, cbs, management};

/// Bearer tokens of one connection that are looked at, at once. At it: the connection is not read until one is done.
pub(super) const CHECKS_MAX: usize = 64;

/// What was found out about the token of a request.
pub(super) struct Checked {
    shown: Showing,
    outcome: Result<Grant, Error>,
}

impl Conversation {
    /// Begins to find out what `token` is good for at `path`. `bytes` is what the request takes in memory.
    pub(super) fn check(&mut self, request: Request, token: String, path: String, bytes: usize) -> Reply {
        let mut budget = self.door.bodies().reserve_nothing();
        if !budget.grow(bytes) {
            self.door.amqp().metrics.refused_in_flight.inc();
            let busy =
                "The service is busy: too many requests are held in memory. Try again in some seconds.";
            let busy = Response::error(503, SERVER_BUSY, busy.to_owned());
            return self.ready(&busy, &request);
        }
        let (shown, door) = (self.shown, self.door.clone());
        self.checks.push(Box::pin(async move {
            let (resource, now) = (address::resource(&path), door.now());
            let outcome = door.authorizer().grant_bearer(&token, &resource, now).await;
            Checked { shown, outcome }
        }));
        Reply::Awaited(Box::new(Awaited {
            shown,
            request,
            _budget: budget,
        }))
    }

    /// Links that the token before this one allowed, and this one does not, end.
    pub(super) fn on_checked(&mut self, checked: Checked, machine: &mut Connection, now: Instant) {
        let Checked { shown, outcome } = checked;
        if let Err(error) = &outcome {
            self.door.identity().on_refused(error);
        }
        let Some((place, node, awaited)) = self.take_awaited(shown) else {
            return;
        };
        let request = &awaited.request;
        let response = match node {
            Node::Cbs => cbs::checked(request, outcome, &mut self.grants, shown, self.door.now()),
            Node::Management => management::checked(request, outcome, &self.door, &self.host),
        };
        self.on_response(node, &response);
        let reply = self.ready(&response, request);
        self.set_reply(place, reply);
        if node == Node::Cbs {
            self.on_put(now);
        }
        self.limit_debt(machine);
    }
}
