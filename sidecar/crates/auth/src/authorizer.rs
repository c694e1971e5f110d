//! The check itself.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Timestamp;

use crate::key_ring::{KeyRing, Match};
use crate::keys::Right;
use crate::permit::{Listen, Manage, Permit, Send};
use crate::sas::Token;
use crate::{Credential, Error, Keys, Resource};

/// Turns credentials into permits. Cheap to clone; clones share the keys, which are replaced while requests run.
#[derive(Clone, Debug)]
pub struct Authorizer(Arc<ArcSwap<KeyRing>>);

impl Authorizer {
    /// Checks against `keys` until they are replaced.
    pub fn new(keys: &Keys) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(KeyRing::new(keys))))
    }

    /// From now on, checks against `keys`. A check that has begun finishes with the old ones.
    pub fn replace(&self, keys: &Keys) {
        self.0.store(Arc::new(KeyRing::new(keys)));
    }

    /// May the caller publish to `resource`?
    ///
    /// # Errors
    /// See [`Error`].
    pub fn permit_send(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Send>, Error> {
        self.check(credential, resource, Right::Send, now)
            .map(|()| Permit::granted())
    }

    /// May the caller receive from `resource`, settle what it received, and look at what is stored?
    ///
    /// # Errors
    /// See [`Error`].
    pub fn permit_listen(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Listen>, Error> {
        self.check(credential, resource, Right::Listen, now)
            .map(|()| Permit::granted())
    }

    /// May the caller change what is stored in `resource`?
    ///
    /// # Errors
    /// See [`Error`].
    pub fn permit_manage(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Manage>, Error> {
        self.check(credential, resource, Right::Manage, now)
            .map(|()| Permit::granted())
    }

    fn check(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        right: Right,
        now: Timestamp,
    ) -> Result<(), Error> {
        let keys = self.0.load();
        match credential {
            Credential::None => Err(Error::Missing),
            Credential::AccessKey(key) => keys.find_key(key).ok_or(Error::WrongKey)?.must_allow(right),
            Credential::SharedAccessSignature(text) => {
                let token = Token::parse(text)?;
                let rule = keys
                    .find_signer(token.signed, &token.signature)
                    .ok_or(Error::BadSignature)?;
                // Only now is the token more than a stranger's text, so only now is its content worth an answer.
                token.must_be_alive(now)?;
                token.scope.must_cover(resource, right)?;
                rule.must_allow(right)
            }
        }
    }
}

impl Match<'_> {
    fn must_allow(&self, right: Right) -> Result<(), Error> {
        if self.rights.allow(right) {
            return Ok(());
        }
        Err(Error::LacksRight {
            rule: self.rule.to_owned(),
            right,
        })
    }
}
