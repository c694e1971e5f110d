//! Paths of the administrative API.

use std::borrow::Cow;

use model::{SequenceNumber, Uid};

use crate::http::path::{name_and_action, percent_decode};
use crate::operation::Operation;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum Route<'p> {
    Tail {
        topic: Cow<'p, str>,
    },
    DeadLetters {
        topic: Cow<'p, str>,
    },
    DeadLetter {
        topic: Cow<'p, str>,
        sequence: SequenceNumber,
    },
    Redrive {
        topic: Cow<'p, str>,
    },
    Hubs,
    Hub {
        hub: Cow<'p, str>,
    },
    HubEvents {
        hub: Cow<'p, str>,
        partition: Cow<'p, str>,
    },
    HubTail {
        hub: Cow<'p, str>,
    },
    Streams,
    Purge {
        uid: Uid,
    },
}

impl<'p> Route<'p> {
    /// None if the path is not one of this API.
    pub(in crate::http) fn parse(path: &'p str) -> Option<Self> {
        let mut segments = path.trim_start_matches('/').split('/');
        if percent_decode(segments.next()?)? != "$weft" || segments.next()? != "v1" {
            return None;
        }
        let route = match segments.next()? {
            "topics" => Self::parse_topic(percent_decode(segments.next()?)?, &mut segments)?,
            "hubs" => match segments.next() {
                None => Self::Hubs,
                Some(hub) => Self::parse_hub(percent_decode(hub)?, &mut segments)?,
            },
            "streams" => match segments.next() {
                None => Self::Streams,
                Some(segment) => {
                    let (uid, action) = name_and_action(segment)?;
                    let uid = uid.parse().ok().filter(|_| action == "purge")?;
                    Self::Purge { uid }
                }
            },
            _ => return None,
        };
        segments.next().is_none().then_some(route)
    }

    fn parse_topic(topic: Cow<'p, str>, segments: &mut impl Iterator<Item = &'p str>) -> Option<Self> {
        let word = percent_decode(segments.next()?)?;
        match &*word {
            "tail" => Some(Self::Tail { topic }),
            "dead-letters:redrive" => Some(Self::Redrive { topic }),
            "dead-letters" => match segments.next() {
                None => Some(Self::DeadLetters { topic }),
                Some(sequence) => {
                    let sequence = SequenceNumber::new(sequence.parse().ok()?);
                    Some(Self::DeadLetter { topic, sequence })
                }
            },
            _ => None,
        }
    }

    fn parse_hub(hub: Cow<'p, str>, segments: &mut impl Iterator<Item = &'p str>) -> Option<Self> {
        match segments.next() {
            None => Some(Self::Hub { hub }),
            Some("tail") => Some(Self::HubTail { hub }),
            Some("partitions") => {
                let partition = percent_decode(segments.next()?)?;
                (segments.next()? == "events").then_some(Self::HubEvents { hub, partition })
            }
            Some(_) => None,
        }
    }

    pub(in crate::http) fn operation(&self) -> Operation {
        match self {
            Self::Tail { .. } | Self::HubTail { .. } => Operation::Tail,
            Self::Hubs | Self::Hub { .. } => Operation::Hubs,
            Self::HubEvents { .. } => Operation::Peek,
            Self::DeadLetters { .. } | Self::DeadLetter { .. } => Operation::DeadLetters,
            Self::Redrive { .. } => Operation::Redrive,
            Self::Streams => Operation::Streams,
            Self::Purge { .. } => Operation::Purge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_its_path() {
        let uid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let topic = || "t".into();
        let sequence = SequenceNumber::new(7);
        for (path, route) in [
            ("topics/t/tail", Route::Tail { topic: topic() }),
            ("topics/t/dead-letters", Route::DeadLetters { topic: topic() }),
            (
                "topics/t/dead-letters/7",
                Route::DeadLetter {
                    topic: topic(),
                    sequence,
                },
            ),
            ("topics/t/dead-letters:redrive", Route::Redrive { topic: topic() }),
            (
                "topics/t/dead-letters%3Aredrive",
                Route::Redrive { topic: topic() },
            ),
            ("hubs", Route::Hubs),
            ("hubs/h", Route::Hub { hub: "h".into() }),
            ("hubs/h/tail", Route::HubTail { hub: "h".into() }),
            (
                "hubs/h/partitions/3/events",
                Route::HubEvents {
                    hub: "h".into(),
                    partition: "3".into(),
                },
            ),
            ("streams", Route::Streams),
            (
                &format!("streams/{uid}:purge"),
                Route::Purge {
                    uid: uid.parse().unwrap(),
                },
            ),
        ] {
            assert_eq!(Route::parse(&format!("/$weft/v1/{path}")), Some(route), "{path}");
            assert!(Route::parse(&format!("/%24weft/v1/{path}")).is_some(), "{path}");
            assert_eq!(
                Route::parse(&format!("/$weft/v1/{path}/more/and/more")),
                None,
                "{path}"
            );
            assert_eq!(Route::parse(&format!("/$weft/v2/{path}")), None, "{path}");
        }
    }
}
