//! What the address of a link names.
//!
//! Clients write it relative (`hub/Partitions/0`) or as a URI (`amqps://host:5671/hub/Partitions/0`, whatever the
//! connection is), in any case.

use std::borrow::Cow;

use auth::Resource;

/// What a client attaches to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Where tokens are put.
    Cbs,
    /// Where properties are asked for. The hub's name does not matter: requests name it.
    Management,
    /// An event hub: the broker chooses the partition.
    Hub { hub: String },
    /// One partition of it, to send to.
    Partition { hub: String, partition: String },
    /// It, under the name of a publisher.
    Publisher { hub: String, publisher: String },
    /// One partition as a consumer group reads it.
    ConsumerGroup {
        hub: String,
        group: String,
        partition: String,
    },
    /// None of these.
    Unknown,
}

impl Address {
    pub(super) fn parse(text: &str) -> Self {
        let path = path(text);
        let segments: Vec<Cow<'_, str>> = path.split('/').map(decode).collect();
        // What is compared with a token's scope is made of these: a slash in one of them would pass for two.
        if segments.iter().any(|segment| segment.contains('/')) {
            return Self::Unknown;
        }
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        match *segments {
            ["$cbs"] => Self::Cbs,
            [.., last] if is(last, "$management") => Self::Management,
            [hub] if !hub.is_empty() => Self::Hub { hub: hub.into() },
            [hub, kind, partition] if is(kind, "Partitions") => Self::Partition {
                hub: hub.into(),
                partition: partition.into(),
            },
            [hub, kind, publisher] if is(kind, "publishers") && !publisher.is_empty() => Self::Publisher {
                hub: hub.into(),
                publisher: publisher.into(),
            },
            [hub, groups, group, kind, partition]
                if is(groups, "ConsumerGroups") && is(kind, "Partitions") =>
            {
                Self::ConsumerGroup {
                    hub: hub.into(),
                    group: group.into(),
                    partition: partition.into(),
                }
            }
            _ => Self::Unknown,
        }
    }
}

/// The part that authorization is about: decoded, without scheme, host and slashes around it.
pub(super) fn path_of(text: &str) -> String {
    path(text).split('/').map(decode).collect::<Vec<_>>().join("/")
}

/// What a token that was put for this path is for. The audience of a token for all of the Namespace is empty.
pub(super) fn resource(path: &str) -> Resource<'_> {
    match path.is_empty() {
        true => Resource::Namespace,
        false => Resource::Hub(path),
    }
}

fn path(text: &str) -> &str {
    let without_host = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => text,
    };
    without_host.trim_matches('/')
}

/// A broken escape stands for itself: the name will not be found.
fn decode(segment: &str) -> Cow<'_, str> {
    match segment.contains('%') {
        true => crate::http::percent_decode(segment).unwrap_or(Cow::Borrowed(segment)),
        false => Cow::Borrowed(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_relative_and_as_uris_in_any_case() {
        let group = Address::ConsumerGroup {
            hub: "telemetry".into(),
            group: "$Default".into(),
            partition: "0".into(),
        };
        for (text, address) in [
            ("$cbs", Address::Cbs),
            ("amqps://localhost/$cbs", Address::Cbs),
            ("$management", Address::Management),
            ("telemetry/$management", Address::Management),
            ("amqps://ns:5671/telemetry/$Management", Address::Management),
            (
                "telemetry",
                Address::Hub {
                    hub: "telemetry".into(),
                },
            ),
            (
                "/telemetry/",
                Address::Hub {
                    hub: "telemetry".into(),
                },
            ),
            (
                "amqps://localhost:5672/telemetry",
                Address::Hub {
                    hub: "telemetry".into(),
                },
            ),
            (
                "telemetry/partitions/3",
                Address::Partition {
                    hub: "telemetry".into(),
                    partition: "3".into(),
                },
            ),
            (
                "sb://ns/telemetry/Publishers/device%201",
                Address::Publisher {
                    hub: "telemetry".into(),
                    publisher: "device 1".into(),
                },
            ),
            ("telemetry/ConsumerGroups/$Default/Partitions/0", group.clone()),
            (
                "amqps://ns/telemetry/consumergroups/%24Default/partitions/0",
                group,
            ),
        ] {
            assert_eq!(Address::parse(text), address, "{text}");
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in [
            "",
            "/",
            "amqps://localhost",
            "telemetry/Partitions",
            "telemetry/publishers/",
            "telemetry/ConsumerGroups/$Default",
            "telemetry/ConsumerGroups/$Default/Partitions/0/more",
            "telemetry/nothing/0",
            "telemetry/publishers/a%2Fb",
        ] {
            assert_eq!(Address::parse(text), Address::Unknown, "{text}");
        }
    }

    #[test]
    fn the_path_is_what_a_token_s_scope_is_compared_with() {
        assert_eq!(
            path_of("amqps://ns:5671/Telemetry/ConsumerGroups/%24Default/"),
            "Telemetry/ConsumerGroups/$Default"
        );
        assert_eq!(path_of("telemetry"), "telemetry");
    }
}
