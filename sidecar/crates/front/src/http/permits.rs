//! What the credential of a request allows.

use auth::{Credential, Error, Listen, Manage, Permit, Resource, Send};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Call;
use super::credential::{self, Shown};
use super::error::Refusal;
use crate::identity::REVIEW_EVERY;

impl Call<'_> {
    /// May the caller send to `resource`?
    pub(crate) async fn permit_send(&self, resource: &Resource<'_>) -> Result<Permit<Send>, Refusal> {
        let (authorizer, now) = (self.door.authorizer(), self.door.now());
        let shown = credential::shown(self.parts)?;
        let outcome = authorizer.permit_send(&shown.credential(), resource, now).await;
        outcome.map_err(|error| self.not_permitted(error))
    }

    /// May the caller receive from `resource`, and look at it?
    pub(crate) async fn permit_listen(&self, resource: &Resource<'_>) -> Result<Permit<Listen>, Refusal> {
        let (authorizer, now) = (self.door.authorizer(), self.door.now());
        let shown = credential::shown(self.parts)?;
        let outcome = authorizer.permit_listen(&shown.credential(), resource, now).await;
        outcome.map_err(|error| self.not_permitted(error))
    }

    /// May the caller change what is stored in `resource`?
    pub(crate) async fn permit_manage(&self, resource: &Resource<'_>) -> Result<Permit<Manage>, Refusal> {
        let (authorizer, now) = (self.door.authorizer(), self.door.now());
        let shown = credential::shown(self.parts)?;
        let outcome = authorizer.permit_manage(&shown.credential(), resource, now).await;
        outcome.map_err(|error| self.not_permitted(error))
    }

    /// Resolves when the caller may listen to `name` no longer; `resource` says what that is. Who showed a key keeps what it
    /// began when that key is replaced, but not when keys count no more.
    pub(crate) fn listening_ends(
        &self,
        name: &str,
        resource: for<'n> fn(&'n str) -> Resource<'n>,
    ) -> BoxFuture<'static, ()> {
        let token = match credential::shown(self.parts) {
            Ok(Shown::Bearer(token)) => Some(token.to_owned()),
            _ => None,
        };
        let (door, name) = (self.door.clone(), name.to_owned());
        async move {
            loop {
                tokio::time::sleep(REVIEW_EVERY).await;
                let (resource, now) = (resource(&name), door.now());
                let outcome = match &token {
                    Some(token) => {
                        let shown = Credential::Bearer(token);
                        let permit = door.authorizer().permit_listen(&shown, &resource, now).await;
                        permit.map(|_| ())
                    }
                    None => door.authorizer().must_take_keys(),
                };
                if let Err(error) = outcome {
                    door.identity().on_refused(&error);
                    return;
                }
            }
        }
        .boxed()
    }

    fn not_permitted(&self, error: Error) -> Refusal {
        self.door.identity().on_refused(&error);
        Refusal::from(error)
    }
}
