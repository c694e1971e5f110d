//! Who is asked.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Question;
use crate::Subject;

/// Knows what a subject may do. In a cluster that is the API server.
pub trait Reviewer: Send + Sync {
    /// Whether `subject` may do what `question` says.
    ///
    /// Callers wait for the answer with a client at their door, so an implementation gives up by itself after some
    /// seconds. The answer is remembered here, not there; a question without one is asked again.
    ///
    /// # Errors
    /// If there is no answer. A subject that may not do it is no error.
    fn review<'a>(
        &'a self,
        subject: &'a Subject,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<bool, ReviewError>>;
}

/// Why there is no answer: a few words without secrets, which the caller reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReviewError(pub String);

/// Allows everything. For local mode, where the only issuer is the developer's own.
#[derive(Clone, Copy, Debug)]
pub struct EveryRight;

impl Reviewer for EveryRight {
    fn review<'a>(&'a self, _: &'a Subject, _: &'a Question) -> BoxFuture<'a, Result<bool, ReviewError>> {
        std::future::ready(Ok(true)).boxed()
    }
}

/// Has no answers: what an authorizer asks until it is given somebody who has. No bearer token opens anything then.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Reviewer for Nobody {
    fn review<'a>(&'a self, _: &'a Subject, _: &'a Question) -> BoxFuture<'a, Result<bool, ReviewError>> {
        let reason = "this data plane was started without anybody to ask";
        std::future::ready(Err(ReviewError(reason.to_owned()))).boxed()
    }
}
