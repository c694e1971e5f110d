//! The check itself.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Timestamp;
use tokio::sync::Notify;

use crate::bearer::{Verified, Verifier};
use crate::error::shown;
use crate::key_ring::{KeyRing, Match};
use crate::keys::Right;
use crate::permit::{Listen, Manage, Permit, Send};
use crate::reviews::{Asked, Nobody, Reviews};
use crate::sas::scope::Scope;
use crate::sas::{Token, service_bus};
use crate::{Credential, Error, Grant, Issuers, Keys, Names, Resource, Reviewer, Verb};

/// Turns credentials into permits. Cheap to clone; clones share the keys, the issuers and the names, which are replaced
/// while requests run.
#[derive(Clone)]
pub struct Authorizer {
    keys: Arc<ArcSwap<KeyRing>>,
    names: Arc<ArcSwap<Names>>,
    verifier: Arc<Verifier>,
    reviews: Arc<Reviews>,
}

impl Authorizer {
    /// Checks against `keys` until they are replaced. No issuer is trusted and there is nobody to ask what a subject may
    /// do, so that no bearer token is accepted.
    pub fn new(keys: &Keys) -> Self {
        Self {
            keys: Arc::new(ArcSwap::from_pointee(KeyRing::new(keys))),
            names: Arc::default(),
            verifier: Arc::new(Verifier::new()),
            reviews: Arc::new(Reviews::new(Arc::new(Nobody))),
        }
    }

    /// Asks `reviewer` what subjects may do. Clones that were made before ask whom they asked.
    #[must_use]
    pub fn with_reviewer(self, reviewer: Arc<dyn Reviewer>) -> Self {
        Self {
            reviews: Arc::new(Reviews::new(reviewer)),
            ..self
        }
    }

    /// From now on, checks against `keys`. A check that has begun finishes with the old ones.
    pub fn replace(&self, keys: &Keys) {
        self.keys.store(Arc::new(KeyRing::new(keys)));
    }

    /// From now on, accepts the bearer tokens of `issuers`, and of no others. Every token is verified again.
    pub fn trust(&self, issuers: Issuers) {
        self.verifier.trust(issuers);
    }

    /// From now on, looks for rights under these names.
    pub fn name(&self, names: Names) {
        self.names.store(Arc::new(names));
    }

    /// Told whenever a token of a trusted issuer is signed with a key that is not among that issuer's, who may have
    /// changed them, or that issuer's keys are not known yet. Anybody can cause that, so the listener limits how often it
    /// fetches keys.
    pub fn wants_keys(&self) -> Arc<Notify> {
        self.verifier.wants_keys()
    }

    /// May the caller publish to `resource`? Waits for nothing unless the credential is a bearer token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn permit_send(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Send>, Error> {
        self.check(credential, resource, Right::Send, now)
            .await
            .map(|()| Permit::granted())
    }

    /// May the caller receive from `resource`, settle what it received, and look at what is stored? Waits as
    /// [`Authorizer::permit_send`] does.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn permit_listen(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Listen>, Error> {
        self.check(credential, resource, Right::Listen, now)
            .await
            .map(|()| Permit::granted())
    }

    /// May the caller change what is stored in `resource`? Waits as [`Authorizer::permit_send`] does.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn permit_manage(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Manage>, Error> {
        self.check(credential, resource, Right::Manage, now)
            .await
            .map(|()| Permit::granted())
    }

    /// Whether keys, and what they sign, open anything at all now. Says nothing about any of them.
    ///
    /// # Errors
    /// `LocalAuthDisabled`.
    pub fn must_take_keys(&self) -> Result<(), Error> {
        self.keys.load().must_count()
    }

    /// What a SAS token of the Service Bus family allows: `SharedAccessSignature sr=…&sig=…&se=…&skn=…`.
    ///
    /// # Errors
    /// `LocalAuthDisabled`, `MalformedSignature`, `BadSignatureOfRule`, `Expired`.
    pub fn grant(&self, token: &str, now: Timestamp) -> Result<Grant, Error> {
        let keys = self.keys.load();
        keys.must_count()?;
        let token = service_bus::Token::parse(token)?;
        let signer = keys.find_text_signer(&token.rule, &token.signed(), &token.signature);
        let Some(Match { rule, rights }) = signer else {
            return Err(Error::BadSignatureOfRule(shown(&token.rule)));
        };
        token.must_be_alive(now)?;
        Ok(Grant::of_rule(
            rule.to_owned(),
            rights,
            token.scope,
            token.expires,
        ))
    }

    /// What a rule allows to whoever shows one of its keys, in all of the Namespace and for as long as its connection
    /// lasts.
    ///
    /// # Errors
    /// `LocalAuthDisabled`; `WrongKey`, also when there is no such rule.
    pub fn grant_for_key(&self, rule: &str, key: &str) -> Result<Grant, Error> {
        let keys = self.keys.load();
        keys.must_count()?;
        let Match { rule, rights } = keys.find_key_of(rule, key).ok_or(Error::WrongKey)?;
        Ok(Grant::of_rule(
            rule.to_owned(),
            rights,
            Scope::NAMESPACE,
            Timestamp::MAX,
        ))
    }

    /// What the subject of a bearer token may do with `resource` and all below it; of a path within a hub, with the whole
    /// hub. To be [reviewed again](Grant::review_again) every few seconds.
    ///
    /// # Errors
    /// Those of [`Authorizer::verify`]; `LacksVerb` if it may do nothing at all; `Unavailable`.
    pub async fn grant_bearer(
        &self,
        token: &str,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let verified = self.verify(token, now)?;
        let asked = self.asked(resource)?;
        let answers = self.reviews.ask_all(&verified.subject, &asked.objects, now).await;
        answers.must_allow_something(&verified.subject, &asked)?;
        Ok(Grant::of_subject(verified, resource, asked, answers))
    }

    /// Who shows this bearer token, and until when. Says nothing about what it may do.
    ///
    /// # Errors
    /// `NoIssuer`, `BearerMalformed`, `AlgorithmRefused`, `UnknownIssuer`, `BearerBadSignature`, `WrongAudience`,
    /// `BearerExpired`, `BearerNotYetValid`; `Unavailable` while the keys of its issuer are not known.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Error> {
        self.verifier.verify(token, now)
    }

    async fn check(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        right: Right,
        now: Timestamp,
    ) -> Result<(), Error> {
        match credential {
            Credential::Bearer(token) => {
                let subject = self.verify(token, now)?.subject;
                let asked = self.asked(resource)?;
                let verb = Verb::from(right);
                let answer = self.reviews.ask(&subject, verb, &asked.objects, now).await;
                answer.must_allow(&subject, verb, &asked)
            }
            local => self.check_local(local, resource, right, now),
        }
    }

    /// Keys, and what they sign.
    fn check_local(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        right: Right,
        now: Timestamp,
    ) -> Result<(), Error> {
        let keys = self.keys.load();
        match credential {
            Credential::None | Credential::Bearer(_) => return Err(Error::Missing),
            _ => keys.must_count()?,
        }
        match credential {
            Credential::None | Credential::Bearer(_) => Err(Error::Missing),
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
            Credential::SharedKey(shown) => {
                let rule = shown.signer(&keys)?;
                shown.must_be_recent(now)?;
                rule.must_allow(right)
            }
            Credential::StorageSas(shown) => {
                let rule = shown.signer(&keys)?;
                shown.must_be_alive(now)?;
                shown.must_allow(right)?;
                rule.must_allow(right)
            }
        }
    }

    fn asked(&self, resource: &Resource<'_>) -> Result<Asked, Error> {
        let names = self.names.load();
        // To Kubernetes, no name means all of them.
        if names.namespace.is_empty() {
            let reason = "the Namespace is not known yet";
            return Err(Error::Unavailable(reason.to_owned()));
        }
        Ok(names.asked(resource))
    }
}

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorizer")
            .field("keys", &self.keys.load())
            .finish_non_exhaustive()
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
