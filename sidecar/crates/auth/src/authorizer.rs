//! The check itself.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Timestamp;

use crate::key_ring::{KeyRing, Match};
use crate::keys::Right;
use crate::permit::{Listen, Manage, Permit, Send};
use crate::sas::scope::Scope;
use crate::sas::{Token, service_bus};
use crate::{Credential, Error, Grant, Keys, Resource};

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

    /// What a SAS token of the Service Bus family allows: `SharedAccessSignature sr=…&sig=…&se=…&skn=…`.
    ///
    /// # Errors
    /// `MalformedSignature`, `BadSignatureOfRule`, `Expired`.
    pub fn grant(&self, token: &str, now: Timestamp) -> Result<Grant, Error> {
        let token = service_bus::Token::parse(token)?;
        let keys = self.0.load();
        let signer = keys.find_text_signer(&token.rule, &token.signed(), &token.signature);
        let Some(Match { rule, rights }) = signer else {
            return Err(Error::BadSignatureOfRule(token.rule));
        };
        token.must_be_alive(now)?;
        Ok(Grant {
            rule: rule.to_owned(),
            rights,
            scope: token.scope,
            expires: token.expires,
        })
    }

    /// What a rule allows to whoever shows one of its keys, in all of the Namespace and for as long as its connection
    /// lasts.
    ///
    /// # Errors
    /// `WrongKey`, also when there is no such rule.
    pub fn grant_for_key(&self, rule: &str, key: &str) -> Result<Grant, Error> {
        let keys = self.0.load();
        let Match { rule, rights } = keys.find_key_of(rule, key).ok_or(Error::WrongKey)?;
        Ok(Grant {
            rule: rule.to_owned(),
            rights,
            scope: Scope::NAMESPACE,
            expires: Timestamp::MAX,
        })
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
            Credential::SharedAccessSignature(text) if service_bus::Token::is_meant(text) => {
                self.grant(text, now)?.check(resource, right, now)
            }
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
