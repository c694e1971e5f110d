//! What somebody who proved who it is may do, for a while.

use model::Timestamp;

use crate::keys::{Right, Rights};
use crate::permit::{Listen, Permit, Send};
use crate::sas::scope::Scope;
use crate::{Error, Resource};

/// What a token allows until it expires, for protocols that show it once for many operations (AMQP's `$cbs`). It does not
/// end when the key that signed it is taken away, as in Azure: its expiry bounds that.
#[derive(Clone, Debug)]
pub struct Grant {
    pub(crate) rule: String,
    pub(crate) rights: Rights,
    pub(crate) scope: Scope,
    pub(crate) expires: Timestamp,
}

impl Grant {
    /// From then on it allows nothing.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether it is good for `resource` at all, whatever for.
    ///
    /// # Errors
    /// `OutOfScope`.
    pub fn must_cover(&self, resource: &Resource<'_>) -> Result<(), Error> {
        self.scope.must_cover(resource, Right::Listen)
    }

    /// May its owner publish to `resource`?
    ///
    /// # Errors
    /// `Expired`, `OutOfScope`, `LacksRight`.
    pub fn permit_send(&self, resource: &Resource<'_>, now: Timestamp) -> Result<Permit<Send>, Error> {
        self.check(resource, Right::Send, now).map(|()| Permit::granted())
    }

    /// May its owner receive from `resource`?
    ///
    /// # Errors
    /// As [`Grant::permit_send`].
    pub fn permit_listen(&self, resource: &Resource<'_>, now: Timestamp) -> Result<Permit<Listen>, Error> {
        self.check(resource, Right::Listen, now)
            .map(|()| Permit::granted())
    }

    /// May its owner ask what `resource` consists of? Any right will do.
    ///
    /// # Errors
    /// As [`Grant::permit_send`].
    pub fn must_know(&self, resource: &Resource<'_>, now: Timestamp) -> Result<(), Error> {
        self.check(resource, Right::Listen, now)
            .or_else(|_| self.check(resource, Right::Send, now))
    }

    pub(crate) fn check(&self, resource: &Resource<'_>, right: Right, now: Timestamp) -> Result<(), Error> {
        if now >= self.expires {
            return Err(Error::Expired(self.expires));
        }
        self.scope.must_cover(resource, right)?;
        if self.rights.allow(right) {
            return Ok(());
        }
        Err(Error::LacksRight {
            rule: self.rule.clone(),
            right,
        })
    }
}
