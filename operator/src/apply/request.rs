//! One request to the API server: bounded in time and number, tried again where that is safe, counted.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;
use tokio::sync::Semaphore;

use crate::leader::Leadership;
use crate::metrics::{Metrics, Read};

/// Longest that one attempt may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Attempts before whoever asked is told; every request here can be repeated without harm.
const ATTEMPTS: u32 = 3;
/// First pause between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause that the API server can ask for before the caller is told instead.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Requests under way at once, of all callers together; further ones wait. The API server's own fairness does the rest,
/// so there is no limit on their rate.
const AT_ONCE: usize = 32;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// This operator does not lead (any more).
    #[error("this operator does not lead")]
    NotLeading,
    /// The object is not what the request assumed: another version, another uid, or there already.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The object, or its Kubernetes namespace, is gone or going.
    #[error("gone: {0}")]
    Gone(String),
    /// The API server will not take it as it is; repeating it changes nothing.
    #[error("{0}")]
    Refused(String),
    /// The request may succeed later.
    #[error("{0}")]
    Unavailable(String),
}

impl Failure {
    fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            other => Self::Unavailable(other.to_string()),
        }
    }

    fn of_status(status: &Status) -> Self {
        let text = status.message.clone();
        let causes = status
            .details
            .as_ref()
            .map(|details| details.causes.as_slice())
            .unwrap_or_default();
        let about = |field: &str| causes.iter().any(|cause| cause.field == field);
        match status.code {
            404 => Self::Gone(text),
            409 => Self::Conflict(text),
            403 if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") => Self::Gone(text),
            // A uid in a request is a precondition; the API server calls it an immutable field.
            422 if about("metadata.uid") => Self::Conflict(text),
            // An operation `test` of a JSON patch did not hold. Nothing else of ours is refused without a cause.
            422 if causes.is_empty() && status.reason == "Invalid" => Self::Conflict(text),
            400 | 403 | 405 | 413 | 415 | 422 => Self::Refused(text),
            _ => Self::Unavailable(text),
        }
    }

    /// Word for metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NotLeading => "not_leading",
            Self::Conflict(_) => "conflict",
            Self::Gone(_) => "gone",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Sends requests on behalf of the leader. Cheap to clone.
#[derive(Clone)]
pub struct Requests {
    leadership: Leadership,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
}

impl Requests {
    /// Requests that are made only while `leadership` lasts.
    pub fn new(leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        Self {
            leadership,
            metrics,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Reads something about an object of `kind`.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn read<T, F>(&self, kind: &'static str, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.metrics.reads.get_or_create(&Read { kind }).inc();
        self.attempt(request).await
    }

    /// Writes an object of `kind`. An attempt whose answer is lost may have been carried out: it must be one that can
    /// be repeated.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn write<T, F>(
        &self,
        kind: &'static str,
        verb: &'static str,
        request: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let outcome = self.attempt(request).await;
        match &outcome {
            Ok(_) => self.metrics.wrote(kind, verb),
            Err(failure) => self.metrics.refused(kind, failure.cause()),
        }
        outcome
    }

    async fn attempt<T, F>(&self, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let mut pause = FIRST_PAUSE;
        for last in (0..ATTEMPTS).map(|attempt| attempt + 1 == ATTEMPTS) {
            let (failure, asked) = match self.once(&request).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = asked.unwrap_or(pause);
            if last || !matches!(failure, Failure::Unavailable(_)) || wait > LONGEST_PAUSE {
                return Err(failure);
            }
            tokio::time::sleep(wait.mul_f64(0.5 + chance() / 2.0)).await;
            pause = (pause * 4).min(LONGEST_PAUSE);
        }
        Err(Failure::Unavailable("no attempt was made".to_owned()))
    }

    /// One attempt; the failure comes with the pause that the API server asked for.
    async fn once<T, F>(&self, request: &impl Fn() -> F) -> Result<T, (Failure, Option<Duration>)>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let stopped = (Failure::NotLeading, None);
        let Ok(_place) = self.places.acquire().await else {
            return Err(stopped);
        };
        if !self.leadership.leads() {
            return Err(stopped);
        }
        let mut leadership = self.leadership.clone();
        tokio::select! {
            biased;
            // What has been sent may still be carried out; what has not been sent is not.
            () = leadership.lost() => Err(stopped),
            answer = tokio::time::timeout(PATIENCE, request()) => match answer {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err((Failure::of(&error), retry_after(&error))),
                Err(_) => Err((Failure::Unavailable(format!("no answer within {} s", PATIENCE.as_secs())), None)),
            },
        }
    }
}

fn retry_after(error: &kube::Error) -> Option<Duration> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// A number from 0 to 1, for spreading things that would otherwise happen together.
pub fn chance() -> f64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    // The low half of this word has 32 random bits; version and variant lie elsewhere.
    f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;
    use tokio::sync::watch;

    use super::*;

    fn requests(leads: bool) -> (Requests, watch::Sender<bool>) {
        let (sender, receiver) = watch::channel(leads);
        let metrics = Metrics::register(&runtime::metrics::Registry::default());
        (Requests::new(Leadership::following(receiver), metrics), sender)
    }

    fn answer(code: u16, reason: &str, causes: &[(&str, &str)]) -> kube::Error {
        let causes = causes
            .iter()
            .map(|(reason, field)| json!({"reason": reason, "field": field, "message": ""}));
        let details = json!({"causes": causes.collect::<Vec<_>>()});
        let status = Status::failure("because", reason).with_code(code);
        kube::Error::Api(
            status
                .with_details(serde_json::from_value(details).unwrap())
                .boxed(),
        )
    }

    #[test]
    fn answers_are_told_apart_by_what_the_caller_can_do() {
        let of =
            |code, reason: &str, causes: &[(&str, &str)]| Failure::of(&answer(code, reason, causes)).cause();
        assert_eq!(of(409, "Conflict", &[]), "conflict");
        assert_eq!(
            of(422, "Invalid", &[("FieldValueInvalid", "metadata.uid")]),
            "conflict"
        );
        assert_eq!(of(422, "Invalid", &[]), "conflict", "a test of a JSON patch");
        assert_eq!(of(422, "Invalid", &[("FieldValueForbidden", "spec")]), "refused");
        assert_eq!(
            of(403, "Forbidden", &[]),
            "refused",
            "a quota, a policy, a missing right"
        );
        assert_eq!(
            of(
                403,
                "Forbidden",
                &[("NamespaceTerminating", "metadata.namespace")]
            ),
            "gone"
        );
        assert_eq!(of(404, "NotFound", &[]), "gone");
        assert_eq!(of(429, "TooManyRequests", &[]), "unavailable");
        assert_eq!(of(500, "InternalError", &[]), "unavailable");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_succeed_later_is_tried_three_times() {
        let (requests, _leads) = requests(true);
        let attempts = Cell::new(0);
        let outcome: Result<u8, _> = requests
            .write("Topic", "status", || {
                attempts.set(attempts.get() + 1);
                let outcome = if attempts.get() < 3 {
                    Err(answer(503, "", &[]))
                } else {
                    Ok(7)
                };
                async move { outcome }
            })
            .await;
        assert_eq!((outcome, attempts.get()), (Ok(7), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_repeated() {
        let (requests, _leads) = requests(true);
        let attempts = Cell::new(0);
        let outcome: Result<u8, _> = requests
            .write("Topic", "status", || {
                attempts.set(attempts.get() + 1);
                async { Err(answer(409, "Conflict", &[])) }
            })
            .await;
        assert_eq!((outcome.unwrap_err().cause(), attempts.get()), ("conflict", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn without_leadership_nothing_is_sent() {
        let (requests, _leads) = requests(false);
        let outcome: Result<u8, _> = requests
            .write("Topic", "status", || async { unreachable!() })
            .await;
        assert_eq!(outcome, Err(Failure::NotLeading));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_given_up_when_leadership_is_lost() {
        let (requests, leads) = requests(true);
        let request = requests.write::<u8, _>("Topic", "status", std::future::pending);
        let lose = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            leads.send_replace(false);
        };
        let (outcome, ()) = tokio::join!(request, lose);
        assert_eq!(outcome, Err(Failure::NotLeading));
    }

    #[test]
    fn chance_lies_between_0_and_1_and_varies() {
        let numbers: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.3) && numbers.iter().any(|number| *number > 0.7));
    }
}
