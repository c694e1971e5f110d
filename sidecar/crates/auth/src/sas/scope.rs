//! What a SAS token is good for: every resource that its URL prefixes.

use crate::keys::Right;
use crate::url::{Plus, decode as url_decode};
use crate::{Error, Resource};

/// The path of a token's resource, as decoded segments. Scheme, host and port do not count: the same broker is reached
/// as `localhost`, by a Service's name and by an address, and a key is good for one Namespace only. The query, where the
/// SDKs put an API version, does not count either.
#[derive(Clone, Debug)]
pub(crate) struct Scope(Vec<String>);

/// A longer scope below `topics` names a subscription (or all of a topic's), where a token can only receive.
const TOPIC_SEGMENTS: usize = 2;

impl Scope {
    /// Everything.
    pub(crate) const NAMESPACE: Self = Self(Vec::new());

    /// The hub that `resource` is a part of with all below it; else `resource` with all below it.
    pub(crate) fn of(resource: &Resource<'_>) -> Self {
        let segments_max = match resource {
            Resource::Hub(_) => 1,
            _ => usize::MAX,
        };
        Self(
            resource
                .segments()
                .take(segments_max)
                .map(str::to_owned)
                .collect(),
        )
    }

    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let malformed = Error::Malformed("`r` is no URL such as https://HOST/topics/TOPIC");
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (host, path) = after_scheme.split_once('/').unwrap_or((after_scheme, ""));
        if host.is_empty() {
            return Err(malformed);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').filter(|_| !path.is_empty());
        segments
            .map(|segment| url_decode(segment, Plus::Itself))
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(malformed)
    }

    pub(crate) fn must_cover(&self, resource: &Resource<'_>, right: Right) -> Result<(), Error> {
        let mut asked = resource.segments();
        let prefixes = self
            .0
            .iter()
            .all(|segment| asked.next().is_some_and(|name| same_name(name, segment)));
        if prefixes && (right == Right::Listen || !self.is_subscription()) {
            Ok(())
        } else {
            Err(self.out_of())
        }
    }

    /// The refusal of what it does not cover.
    pub(crate) fn out_of(&self) -> Error {
        Error::OutOfScope(self.shown())
    }

    fn is_subscription(&self) -> bool {
        let below_topics = self.0.first().is_some_and(|segment| same_name(segment, "topics"));
        below_topics && self.0.len() > TOPIC_SEGMENTS
    }

    /// The path, short enough for a message.
    fn shown(&self) -> String {
        const CHARACTERS_MAX: usize = 200;
        let path: String = self.0.iter().flat_map(|segment| ["/", segment]).collect();
        path.chars().take(CHARACTERS_MAX).collect()
    }
}

/// Names of topics and subscriptions are compared ignoring case, as in Azure.
fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(url: &str, resource: Resource<'_>, right: Right) -> bool {
        Scope::parse(url).unwrap().must_cover(&resource, right).is_ok()
    }

    #[test]
    fn a_scope_covers_what_lies_below_it_at_segment_boundaries() {
        let subscription = Resource::subscription("orders", "billing");
        for url in [
            "https://ns.eventgrid.azure.net",
            "http://localhost:8080/",
            "ns.eventgrid.azure.net",
            "https://ns?api-version=2024-06-01",
            "HTTPS://NS/TOPICS/Orders",
            "https://ns/topics/orders/",
            "https://ns/topics/order%73?apiVersion=2018-01-01",
            "https://ns/topics/orders/eventSubscriptions/BILLING",
            "https://ns/topics",
        ] {
            assert!(covers(url, subscription, Right::Listen), "{url}");
        }
        for url in [
            "https://ns/topics/order",
            "https://ns/topics/orders2",
            "https://ns/topics/orders//",
            "https://ns/topics/orders/eventsubscriptions/bill",
            "https://ns/topics/orders/eventsubscriptions/billing/x",
            "https://ns/topics/orders:publish",
            "https://ns/api/events",
            "https://ns//topics/orders",
            "https://ns/topics/x/../orders",
        ] {
            assert!(!covers(url, subscription, Right::Listen), "{url}");
        }
    }

    #[test]
    fn a_subscription_s_scope_only_receives() {
        let url = "https://ns/topics/orders/eventsubscriptions/billing";
        let subscription = Resource::subscription("orders", "billing");
        assert!(covers(url, subscription, Right::Listen));
        assert!(!covers(url, subscription, Right::Send));
        assert!(!covers(url, subscription, Right::Manage));
        assert!(!covers(url, Resource::topic("orders"), Right::Send));
        assert!(!covers(url, Resource::topic("orders"), Right::Listen));
    }

    #[test]
    fn the_whole_namespace_needs_a_token_for_the_whole_namespace() {
        assert!(covers("https://ns", Resource::NAMESPACE, Right::Manage));
        assert!(!covers(
            "https://ns/topics/orders",
            Resource::NAMESPACE,
            Right::Manage
        ));
        assert!(covers(
            "https://ns/topics/orders",
            Resource::topic("orders"),
            Right::Send
        ));
        assert!(!covers(
            "https://ns/topics/orders",
            Resource::topic("payments"),
            Right::Send
        ));
    }

    #[test]
    fn a_part_of_a_hub_is_covered_by_its_hub_and_by_itself() {
        let partition = Resource::Hub("Telemetry/ConsumerGroups/$Default/Partitions/0");
        for url in [
            "sb://ns/",
            "sb://ns:5672/telemetry",
            "amqps://ns/telemetry/consumergroups/$default",
            "sb://ns/telemetry/consumergroups/%24Default/partitions/0",
        ] {
            assert!(covers(url, partition, Right::Listen), "{url}");
        }
        assert!(covers(
            "sb://ns/telemetry/partitions/0",
            Resource::Hub("telemetry/Partitions/0"),
            Right::Send
        ));
        for url in [
            "sb://ns/telemetry/consumergroups/other",
            "sb://ns/telem",
            "sb://ns/telemetry/partitions/0",
        ] {
            assert!(!covers(url, partition, Right::Listen), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_malformed() {
        for url in [
            "",
            "/topics/orders",
            "https://",
            "https:///topics/orders",
            "https://ns/topics/%zz",
            "?x",
        ] {
            assert!(matches!(Scope::parse(url), Err(Error::Malformed(_))), "{url}");
        }
    }

    #[test]
    fn the_message_stays_short() {
        let url = format!("https://ns/{}", "x".repeat(10_000));
        let Err(Error::OutOfScope(shown)) = Scope::parse(&url)
            .unwrap()
            .must_cover(&Resource::NAMESPACE, Right::Send)
        else {
            panic!("it covers nothing");
        };
        assert_eq!(shown.len(), 200);
    }
}
