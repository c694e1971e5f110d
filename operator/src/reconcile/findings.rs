//! What makes a Namespace or an EventSubscription unacceptable and shows only in its surroundings: a Secret that it refers
//! to.

use std::time::Duration;

use crds::shared::Reason;
use crds::v1alpha1::{Namespace, SecretReference};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use plan::Finding;
use plan::manifest::Violation;

use super::decide::{STORE_CREDENTIALS, store_credentials};
use super::letters;
use super::plane::{Asked, Plane};
use super::snapshot::Snapshot;
use super::{Again, Now, Reconciler};
use crate::apply::Failure;
use crate::cache::Versioned;

/// How long it is believed that a Secret which nobody offers exists or does not.
const BELIEVED: Duration = Duration::from_secs(15);

impl Reconciler {
    /// Renews the findings about references, and drops those whose time is over.
    pub(super) async fn look_at_references(
        &self,
        seen: &Snapshot,
        plane: &mut Plane,
        now: Now,
        again: &mut Again,
    ) -> Result<(), Failure> {
        for one in &seen.namespaces {
            let affair = plane.affairs.entry(one.uid().to_owned()).or_default();
            affair.taken = affair.taken.take().filter(|(_, until)| now.monotonic < *until);
            if let Some((_, until)) = &affair.taken {
                again.at(*until);
            }
            affair.finding = self
                .secret_not_offered(&one.object, &mut affair.asked, now)
                .await?;
        }
        plane.letters = letters::findings(seen, &self.caches);
        Ok(())
    }

    /// Secrets that carry the label are in the cache, and a watch tells when one gets it. About others no more is asked
    /// than whether they exist.
    async fn secret_not_offered(
        &self,
        namespace: &Namespace,
        asked: &mut Vec<Asked>,
        now: Now,
    ) -> Result<Option<Finding>, Failure> {
        asked.retain(|asked| now.monotonic < asked.at + BELIEVED);
        let Some(plane) = namespace.metadata.namespace.as_deref() else {
            return Ok(None);
        };
        let missing = references(namespace)
            .find(|(_, reference)| self.caches.offered_secrets.get(plane, &reference.name).is_none());
        let Some((path, reference)) = missing else {
            return Ok(None);
        };
        let found = match asked.iter().find(|asked| asked.name == reference.name) {
            Some(asked) => asked.exists,
            None => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), plane);
                let found = self
                    .requests
                    .read("Secret", || api.get_metadata_opt(&reference.name))
                    .await?;
                asked.push(Asked {
                    name: reference.name.clone(),
                    exists: found.is_some(),
                    at: now.monotonic,
                });
                found.is_some()
            }
        };
        let name = &reference.name;
        let (reason, rule, fix) = match found {
            true => (
                Reason::SecretNotUsable,
                format!("the Secret {name:?} is not offered to Weft"),
                "give it the label weft.dev/usable: \"true\"",
            ),
            false => (
                Reason::SecretNotFound,
                format!("there is no Secret {name:?} in this Kubernetes namespace"),
                "create it with the label weft.dev/usable: \"true\", or correct the reference",
            ),
        };
        Ok(Some(Finding {
            uid: namespace.metadata.uid.clone().unwrap_or_default(),
            reason,
            violation: Violation::new(path, rule, fix),
        }))
    }
}

/// The Secrets of others that a Namespace refers to, each with the field that does.
fn references(namespace: &Namespace) -> impl Iterator<Item = (&'static str, &SecretReference)> {
    let tls = namespace
        .spec
        .tls
        .as_ref()
        .and_then(|tls| tls.secret_ref.as_ref());
    let certificate = tls.map(|reference| ("spec.tls.secretRef", reference));
    let store = store_credentials(namespace).map(|reference| (STORE_CREDENTIALS, reference));
    certificate.into_iter().chain(store)
}
