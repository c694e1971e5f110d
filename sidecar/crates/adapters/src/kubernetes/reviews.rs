//! What a subject may do, asked from the API server.

mod outage;

use std::sync::Arc;
use std::time::Duration;

use auth::{Question, ReviewError, Reviewer, Subject};
use futures_util::future::BoxFuture;
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::api_server::ApiServer;
use super::reach::{News, is_refusal, why};
use outage::Outage;

/// Where the resources that rights are about are defined.
const GROUP: &str = "weft.dev";

/// An answer that takes longer is not waited for: a client waits at the door.
const PATIENCE: Duration = Duration::from_secs(3);
/// Reviews that are under way at once. More would only make an API server slower that is slow already.
const AT_ONCE: usize = 32;
/// Whether an API server knows all that it decides by; anybody may ask, unless somebody took that away.
const READY: &str = "/readyz";
/// How long a review waits for its turn among these.
const TURN_PATIENCE: Duration = Duration::from_secs(1);

/// Asks for a LocalSubjectAccessReview in the Kubernetes namespace of the pod: no right beyond that namespace
/// is needed, only `create` on `localsubjectaccessreviews`. It remembers no answers. Clones share the turns.
///
/// What Kubernetes calls `extra` of a user (pod, node, id of the token) is not sent, see [`Subject`].
#[derive(Clone, Debug)]
pub struct Reviews {
    server: ApiServer,
    kubernetes_namespace: String,
    turns: Arc<Semaphore>,
    outage: Arc<Mutex<Outage>>,
}

impl Reviews {
    /// Reviews in this Kubernetes namespace.
    pub fn new(server: ApiServer, kubernetes_namespace: impl Into<String>) -> Self {
        Self {
            server,
            kubernetes_namespace: kubernetes_namespace.into(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            outage: Arc::default(),
        }
    }

    async fn ask(&self, subject: &Subject, question: &Question) -> Result<bool, ReviewError> {
        let turn = tokio::time::timeout(TURN_PATIENCE, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            // As often as strangers like.
            tracing::debug!("too many reviews wait for the API server");
            return Err(ReviewError("too many reviews wait for the API server".into()));
        };
        let review = self.review_of(subject, question);
        let answer = self.server.ask_within(PATIENCE, async |client| {
            if self.create(&client, &review).await? {
                return Ok(true);
            }
            // An API server that has just started answers before it knows the bindings that there are.
            must_be_ready(&client).await?;
            self.create(&client, &review).await
        });
        match answer.await {
            Ok(allowed) => {
                self.on_answer();
                Ok(allowed)
            }
            Err(error) => {
                let reason = why(&error);
                self.on_failure(is_refusal(&error), &reason, subject);
                Err(ReviewError(reason))
            }
        }
    }

    fn on_answer(&self) {
        if self.outage.lock().on_answer(Instant::now()) == Some(News::IsBack) {
            tracing::info!("the API server says again what callers may do");
        }
    }

    /// The client is only told to try again.
    fn on_failure(&self, refused: bool, reason: &str, subject: &Subject) {
        let username = &subject.username;
        match self.outage.lock().on_failure(refused, Instant::now()) {
            Some(News::WentAway) => tracing::warn!(
                "the API server does not say what {username} may do, nor perhaps others; rights that were seen lately \
                 live on: {reason}"
            ),
            Some(News::Refuses) => tracing::warn!(
                "the API server refuses to say what {username} may do; the pod's Role has to allow `create` on \
                 localsubjectaccessreviews: {reason}"
            ),
            Some(News::IsBack) | None => {
                tracing::debug!("the API server did not say what {username} may do: {reason}");
            }
        }
    }

    async fn create(&self, client: &Client, review: &LocalSubjectAccessReview) -> Result<bool, kube::Error> {
        let api: Api<LocalSubjectAccessReview> = Api::namespaced(client.clone(), &self.kubernetes_namespace);
        let answer = api.create(&PostParams::default(), review).await?;
        let status = answer.status.ok_or_else(|| {
            kube::Error::Service("the API server answered a review without its outcome".into())
        })?;
        // A binding of somebody else may name a role that is not there; what is allowed is allowed all the
        // same.
        if let Some(error) = status.evaluation_error {
            tracing::debug!("review: {error}");
        }
        Ok(status.allowed && status.denied != Some(true))
    }

    fn review_of(&self, subject: &Subject, question: &Question) -> LocalSubjectAccessReview {
        let Question { verb, object } = question;
        let attributes = ResourceAttributes {
            namespace: Some(self.kubernetes_namespace.clone()),
            group: Some(GROUP.into()),
            resource: Some(object.resource.into()),
            subresource: object.subresource.map(Into::into),
            name: Some(object.name.clone()),
            verb: Some(verb.to_string()),
            ..ResourceAttributes::default()
        };
        LocalSubjectAccessReview {
            metadata: ObjectMeta {
                namespace: Some(self.kubernetes_namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: SubjectAccessReviewSpec {
                user: Some(subject.username.clone()),
                uid: subject.uid.clone(),
                groups: Some(subject.groups.clone()),
                extra: None,
                resource_attributes: Some(attributes),
                non_resource_attributes: None,
            },
            status: None,
        }
    }
}

/// Only an API server that says itself that it is not ready is not believed.
async fn must_be_ready(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get(READY)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    match client.request_text(request).await {
        Err(kube::Error::Api(status)) if status.code < 500 => Ok(()),
        outcome => outcome.map(drop),
    }
}

impl Reviewer for Reviews {
    fn review<'a>(
        &'a self,
        subject: &'a Subject,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<bool, ReviewError>> {
        Box::pin(self.ask(subject, question))
    }
}

#[cfg(test)]
mod tests;
