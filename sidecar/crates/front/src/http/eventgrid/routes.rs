//! Paths of the namespace API.

use std::borrow::Cow;

use crate::http::path::{name_and_action, percent_decode};
use crate::operation::Operation;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Route<'p> {
    /// `/topics/{topic}:publish`
    Publish { topic: Cow<'p, str> },
    /// `/topics/{topic}/eventsubscriptions/{subscription}:{action}`
    Subscription {
        topic: Cow<'p, str>,
        subscription: Cow<'p, str>,
        action: Action,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Action {
    Receive,
    Settle(Settle),
}

/// What may be done to a received event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Settle {
    Acknowledge,
    Release,
    Reject,
    RenewLock,
}

impl<'p> Route<'p> {
    /// None if the path is not one of this API. Fixed words are compared ignoring case: the data plane writes
    /// `eventsubscriptions`, the control plane `eventSubscriptions`, and people mix them up.
    pub(in crate::http) fn parse(path: &'p str) -> Option<Self> {
        // An endpoint given with a trailing slash makes some clients send two.
        let mut segments = path.trim_start_matches('/').split('/');
        if !segments.next()?.eq_ignore_ascii_case("topics") {
            return None;
        }
        let topic = segments.next()?;
        let Some(word) = segments.next() else {
            let (topic, action) = name_and_action(topic)?;
            return action
                .eq_ignore_ascii_case("publish")
                .then_some(Self::Publish { topic });
        };
        let (subscription, action) = name_and_action(segments.next()?)?;
        if !word.eq_ignore_ascii_case("eventsubscriptions") || segments.next().is_some() {
            return None;
        }
        Some(Self::Subscription {
            topic: percent_decode(topic)?,
            subscription,
            action: Action::parse(&action)?,
        })
    }

    pub(in crate::http) fn operation(&self) -> Operation {
        match self {
            Self::Publish { .. } => Operation::Publish,
            Self::Subscription { action, .. } => match action {
                Action::Receive => Operation::Receive,
                Action::Settle(Settle::Acknowledge) => Operation::Acknowledge,
                Action::Settle(Settle::Release) => Operation::Release,
                Action::Settle(Settle::Reject) => Operation::Reject,
                Action::Settle(Settle::RenewLock) => Operation::RenewLock,
            },
        }
    }
}

impl Action {
    fn parse(word: &str) -> Option<Self> {
        const ACTIONS: [(&str, Action); 5] = [
            ("receive", Action::Receive),
            ("acknowledge", Action::Settle(Settle::Acknowledge)),
            ("release", Action::Settle(Settle::Release)),
            ("reject", Action::Settle(Settle::Reject)),
            ("renewLock", Action::Settle(Settle::RenewLock)),
        ];
        ACTIONS
            .into_iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, action)| action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription<'p>(topic: &'p str, subscription: &'p str, action: Action) -> Option<Route<'p>> {
        Some(Route::Subscription {
            topic: topic.into(),
            subscription: subscription.into(),
            action,
        })
    }

    #[test]
    fn every_operation_has_its_path() {
        assert_eq!(
            Route::parse("/topics/t:publish"),
            Some(Route::Publish { topic: "t".into() })
        );
        for (word, action) in [
            ("receive", Action::Receive),
            ("acknowledge", Action::Settle(Settle::Acknowledge)),
            ("release", Action::Settle(Settle::Release)),
            ("reject", Action::Settle(Settle::Reject)),
            ("renewLock", Action::Settle(Settle::RenewLock)),
        ] {
            let path = format!("/topics/t/eventsubscriptions/s:{word}");
            assert_eq!(Route::parse(&path), subscription("t", "s", action));
        }
    }

    #[test]
    fn case_encoding_and_a_doubled_slash_do_not_matter() {
        let expected = subscription("Café", "a/b", Action::Settle(Settle::RenewLock));
        assert_eq!(
            Route::parse("//Topics/Caf%C3%A9/eventSubscriptions/a%2Fb:renewlock"),
            expected
        );
        assert_eq!(
            Route::parse("/topics/Caf%c3%a9/eventsubscriptions/a%2fb%3ArenewLock"),
            expected
        );
    }

    #[test]
    fn anything_else_is_no_path_of_this_api() {
        for path in [
            "/",
            "*",
            "/topics",
            "/topics/t",
            "/topics/t:receive",
            "/topics/t:publish/",
            "/topics/t:publish/x",
            "/topics/t/eventsubscriptions/s",
            "/topics/t/eventsubscriptions/s:publish",
            "/topics/t/eventsubscriptions/s:receive/",
            "/topics/t/subscriptions/s:receive",
            "/topics/%ff:publish",
            "/api/topics/t:publish",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
