//! Whether the API server answers, said once when it changes.

use std::error::Error;

use kube::runtime::watcher;

/// What is known about the way to the API server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing was tried yet.
    #[default]
    Unknown,
    Answers,
    /// It does not answer.
    Away,
    /// It answers and refuses: a matter of permissions, which time alone does not mend.
    Refuses,
}

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    IsBack,
    WentAway,
    Refuses,
}

impl Reach {
    /// A request was answered.
    pub(crate) fn on_answer(&mut self) -> Option<News> {
        match std::mem::replace(self, Self::Answers) {
            Self::Away | Self::Refuses => Some(News::IsBack),
            Self::Unknown | Self::Answers => None,
        }
    }

    /// A request failed.
    pub(crate) fn on_failure(&mut self, refused: bool) -> Option<News> {
        let (next, news) = match refused {
            true => (Self::Refuses, News::Refuses),
            false => (Self::Away, News::WentAway),
        };
        let is_new = *self != next;
        *self = next;
        is_new.then_some(news)
    }

    /// Whether what is mounted may be newer than what we were told.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Away | Self::Refuses)
    }
}

/// Whether the API server itself said no. It says 429 and 5xx while it is busy, starts or stops, and 410 when it has
/// forgotten where a watch was: those are no refusals.
pub(crate) fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400..=409 | 422))
}

/// What a watch failed of.
pub(crate) fn why_not_watched(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => why(error),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

/// Whether the API server itself said no to a watch.
pub(crate) fn is_watch_refused(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => is_refusal(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => false,
    }
}

/// What the API server says, or what keeps us from asking it.
pub(crate) fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => chain(other),
    }
}

/// The error with everything beneath it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once() {
        let mut reach = Reach::default();
        assert_eq!(reach.on_answer(), None);
        assert_eq!(reach.on_failure(false), Some(News::WentAway));
        assert_eq!(reach.on_failure(false), None);
        assert!(reach.is_lost());
        assert_eq!(reach.on_failure(true), Some(News::Refuses));
        assert_eq!(reach.on_answer(), Some(News::IsBack));
        assert_eq!(reach.on_answer(), None);
        assert!(!reach.is_lost());
    }

    #[test]
    fn an_outage_at_the_start_is_said_too() {
        assert_eq!(Reach::default().on_failure(false), Some(News::WentAway));
    }
}
