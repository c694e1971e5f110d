//! What somebody who proved who it is may do, for a while.

use model::Timestamp;

use crate::bearer::{LEEWAY, Verified};
use crate::keys::{Right, Rights};
use crate::permit::{Listen, Permit, Send};
use crate::resource::Owned;
use crate::reviews::{Answers, Asked};
use crate::sas::scope::Scope;
use crate::{Authorizer, Error, Resource, Verb};

/// What a token allows until it expires, for protocols that show it once for many operations (AMQP's `$cbs`).
///
/// It is to be [reviewed again](Grant::review_again) every few seconds. What a SAS token grants does not end when the key
/// that signed it is taken away, as in Azure: its expiry bounds that. It does end when keys count no more.
#[derive(Clone, Debug)]
pub struct Grant {
    holder: Holder,
    scope: Scope,
    expires: Timestamp,
}

#[derive(Clone, Debug)]
enum Holder {
    /// Somebody with a key.
    Rule { name: String, rights: Rights },
    /// Somebody with a bearer token.
    Subject {
        verified: Verified,
        /// What it was asked for.
        resource: Owned,
        /// Where its rights were looked for.
        asked: Asked,
        answers: Answers,
    },
}

impl Grant {
    pub(crate) const fn of_rule(name: String, rights: Rights, scope: Scope, expires: Timestamp) -> Self {
        Self {
            holder: Holder::Rule { name, rights },
            scope,
            expires,
        }
    }

    pub(crate) fn of_subject(
        verified: Verified,
        resource: &Resource<'_>,
        asked: Asked,
        answers: Answers,
    ) -> Self {
        Self {
            scope: Scope::of(resource),
            expires: verified.expires + LEEWAY,
            holder: Holder::Subject {
                verified,
                resource: resource.owned(),
                asked,
                answers,
            },
        }
    }

    /// From then on it allows nothing.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What it allows now: a bearer token is verified again, by who is trusted now, and its subject's rights are asked for
    /// again. What a key or a SAS token allows stays as it is while keys count.
    ///
    /// While nobody can be asked, rights that were confirmed in the last ten minutes live on.
    ///
    /// # Errors
    /// `Expired`, `LocalAuthDisabled`; those of [`Authorizer::verify`]; `LacksVerb` if no right is left, `Unavailable` if
    /// nobody could be asked for too long. With each of them the grant is worth nothing any more.
    pub async fn review_again(&self, authorizer: &Authorizer, now: Timestamp) -> Result<Self, Error> {
        match &self.holder {
            Holder::Rule { .. } => {
                authorizer.must_take_keys()?;
                self.must_be_alive(now)?;
                Ok(self.clone())
            }
            Holder::Subject {
                verified, resource, ..
            } => {
                let token = verified.token.as_str();
                authorizer.grant_bearer(token, &resource.as_resource(), now).await
            }
        }
    }

    /// Whether it is good for `resource` at all, whatever for.
    ///
    /// # Errors
    /// `OutOfScope`.
    pub fn must_cover(&self, resource: &Resource<'_>) -> Result<(), Error> {
        self.must_cover_for(resource, Right::Listen)
    }

    /// May its owner publish to `resource`?
    ///
    /// # Errors
    /// `Expired`, `OutOfScope`, `LacksRight`; of a bearer token `BearerExpired`, `OutOfScope`, `LacksVerb`,
    /// `Unavailable`.
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
            .or_else(|_| self.check(resource, Right::Manage, now))
            .or_else(|_| self.check(resource, Right::Send, now))
    }

    pub(crate) fn check(&self, resource: &Resource<'_>, right: Right, now: Timestamp) -> Result<(), Error> {
        self.must_be_alive(now)?;
        self.must_cover_for(resource, right)?;
        match &self.holder {
            Holder::Rule { rights, .. } if rights.allow(right) => Ok(()),
            Holder::Rule { name, .. } => Err(Error::LacksRight {
                rule: name.clone(),
                right,
            }),
            Holder::Subject {
                verified,
                asked,
                answers,
                ..
            } => {
                let verb = Verb::from(right);
                answers.of(verb).must_allow(&verified.subject, verb, asked)
            }
        }
    }

    fn must_be_alive(&self, now: Timestamp) -> Result<(), Error> {
        match &self.holder {
            Holder::Subject { verified, .. } => verified.must_be_alive(now),
            Holder::Rule { .. } if now < self.expires => Ok(()),
            Holder::Rule { .. } => Err(Error::Expired(self.expires)),
        }
    }

    fn must_cover_for(&self, resource: &Resource<'_>, right: Right) -> Result<(), Error> {
        // Roles for checkpoints are bound to those alone, so a review of the Namespace says nothing of them.
        if let Holder::Subject { resource: asked, .. } = &self.holder
            && matches!(resource, Resource::Checkpoints) != matches!(asked, Owned::Checkpoints)
        {
            return Err(self.scope.out_of());
        }
        self.scope.must_cover(resource, right)
    }
}
