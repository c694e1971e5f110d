//! One condition.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::cache::{SeenStatus, fingerprint};

/// Messages are for people; the API server's own can be much longer than anybody reads.
const LONGEST_MESSAGE: usize = 1_024;

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its type.
    pub kind: &'static str,
    /// Its status.
    pub is_true: bool,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: Cow<'static, str>,
}

impl Said {
    /// A condition of that type.
    pub fn new(
        kind: &'static str,
        is_true: bool,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            let end = (0..=LONGEST_MESSAGE)
                .rev()
                .find(|end| message.is_char_boundary(*end))
                .unwrap_or(0);
            message = format!("{}…", &message[..end]).into();
        }
        Self {
            kind,
            is_true,
            reason,
            message,
        }
    }

    fn status(&self) -> &'static str {
        if self.is_true { "True" } else { "False" }
    }

    /// As in [`crate::cache::SeenCondition::content`].
    pub(crate) fn content(&self) -> u64 {
        fingerprint(&[self.status(), self.reason, &self.message])
    }

    /// The condition with its times: its transition is now, unless its status was the same before.
    pub(super) fn condition(&self, generation: Option<i64>, seen: &SeenStatus, now: Timestamp) -> Condition {
        let before = seen
            .condition(self.kind)
            .filter(|before| before.status == Some(self.is_true));
        Condition {
            type_: self.kind.to_owned(),
            status: self.status().to_owned(),
            reason: self.reason.to_owned(),
            message: self.message.clone().into_owned(),
            observed_generation: generation,
            last_transition_time: Time(before.map_or_else(|| whole_seconds(now), |before| before.since)),
        }
    }
}

/// Whether `seen` says exactly this.
pub(super) fn is_said(
    said: &[Said],
    endpoint: Option<&str>,
    generation: Option<i64>,
    seen: &SeenStatus,
) -> bool {
    seen.observed_generation == generation
        && seen.endpoint == endpoint.map(|text| fingerprint(&[text]))
        && seen.conditions.len() == said.len()
        && said.iter().zip(&seen.conditions).all(|(said, seen)| {
            seen.observed_generation == generation
                && seen.content == said.content()
                && seen.kind == fingerprint(&[said.kind])
        })
}

/// Kubernetes writes times in whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::SeenCondition;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(said: &Said, generation: i64, second: i64) -> SeenStatus {
        let condition = said.condition(Some(generation), &SeenStatus::default(), at(second));
        SeenStatus {
            observed_generation: Some(generation),
            endpoint: None,
            lags: None,
            conditions: [SeenCondition::of(&condition)].into(),
        }
    }

    #[test]
    fn a_transition_is_a_change_of_status_and_of_nothing_else() {
        let pending = Said::new("Ready", false, "Pending", "wait");
        let seen = seen(&pending, 1, 10);
        let refused = Said::new("Ready", false, "Refused", "no");
        assert_eq!(
            refused.condition(Some(2), &seen, at(20)).last_transition_time.0,
            at(10)
        );
        let ready = Said::new("Ready", true, "Ready", "go");
        assert_eq!(
            ready.condition(Some(1), &seen, at(20)).last_transition_time.0,
            at(20)
        );
    }

    #[test]
    fn the_same_words_about_another_generation_are_news() {
        let ready = Said::new("Ready", true, "Ready", "go");
        let seen = seen(&ready, 1, 10);
        assert!(is_said(std::slice::from_ref(&ready), None, Some(1), &seen));
        assert!(!is_said(std::slice::from_ref(&ready), None, Some(2), &seen));
        assert!(!is_said(
            std::slice::from_ref(&ready),
            Some("https://shop"),
            Some(1),
            &seen
        ));
        assert!(!is_said(&[], None, Some(1), &seen));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let said = Said::new("Ready", false, "Refused", "ü".repeat(4_000));
        assert!(said.message.len() < 1_100 && said.message.ends_with('…'));
    }
}
