//! The check itself.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Timestamp;

use crate::permit::{Listen, Manage, Permit, Send};
use crate::{Credential, Error, Keys, Resource};

/// Turns credentials into permits. Cheap to clone; clones share the keys, which are replaced while requests run.
#[derive(Clone, Debug)]
pub struct Authorizer(Arc<ArcSwap<Keys>>);

impl Authorizer {
    /// Checks against `keys` until they are replaced.
    pub fn new(keys: &Keys) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys.clone())))
    }

    /// From now on, checks against `keys`.
    pub fn replace(&self, keys: &Keys) {
        self.0.store(Arc::new(keys.clone()));
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
        let _ = (credential, resource, now);
        Err(Error::Missing)
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
        let _ = (credential, resource, now);
        Err(Error::Missing)
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
        let _ = (credential, resource, now, Permit::<Manage>::granted());
        Err(Error::Missing)
    }
}
