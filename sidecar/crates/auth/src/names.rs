//! What the things that clients name are called in Kubernetes.

use std::collections::HashMap;

use crate::reviews::{Asked, Object};
use crate::{Resource, shown};

/// The Kubernetes names of a Namespace and of what is in it. Roles are bound to those. What clients call a thing is
/// the key, in lower case; names are found ignoring case.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of the Namespace. While it is empty, nothing can be asked about anybody.
    pub namespace: String,
    /// By client name of the topic.
    pub topics: HashMap<String, String>,
    /// By client names of the topic and of its subscription.
    pub subscriptions: HashMap<(String, String), String>,
    /// By client name of the hub.
    pub hubs: HashMap<String, String>,
}

impl Names {
    /// What is asked about when somebody wants to do something with `resource`.
    pub(crate) fn asked(&self, resource: &Resource<'_>) -> Asked {
        let mut objects = Vec::with_capacity(3);
        match *resource {
            Resource::Namespace => {}
            Resource::Topic(topic) => objects.extend(self.topic(&topic.to_ascii_lowercase())),
            Resource::Subscription { topic, name } => {
                let key = (topic.to_ascii_lowercase(), name.to_ascii_lowercase());
                let subscription = self.subscriptions.get(&key);
                objects.extend(subscription.map(|name| Object::named("eventsubscriptions", name)));
                objects.extend(self.topic(&key.0));
            }
            Resource::Hub(path) => {
                let hub = self.hubs.get(&hub_of(path).to_ascii_lowercase());
                objects.extend(hub.map(|name| Object::named("hubs", name)));
            }
            Resource::Checkpoints => objects.push(Object {
                subresource: Some("checkpoints"),
                ..self.whole()
            }),
        }
        let unknown = unknown(resource, &objects);
        if !matches!(resource, Resource::Checkpoints) {
            objects.push(self.whole());
        }
        Asked { objects, unknown }
    }

    fn topic(&self, lower: &str) -> Option<Object> {
        self.topics.get(lower).map(|name| Object::named("topics", name))
    }

    fn whole(&self) -> Object {
        Object::named("eventnamespaces", &self.namespace)
    }
}

/// What is missing of a resource of which only these objects were found, in words.
fn unknown(resource: &Resource<'_>, found: &[Object]) -> Option<String> {
    let is_found = |kind: &str| found.iter().any(|object| object.resource == kind);
    match *resource {
        Resource::Topic(topic) | Resource::Subscription { topic, .. } if !is_found("topics") => {
            Some(format!("topic `{}`", shown(topic)))
        }
        Resource::Subscription { topic, name } if !is_found("eventsubscriptions") => Some(format!(
            "subscription `{}` of the topic `{}`",
            shown(name),
            shown(topic)
        )),
        Resource::Hub(path) if !is_found("hubs") && !hub_of(path).is_empty() => {
            Some(format!("hub `{}`", shown(hub_of(path))))
        }
        _ => None,
    }
}

fn hub_of(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            namespace: "shop".into(),
            topics: HashMap::from([("orders".into(), "orders-topic".into())]),
            subscriptions: HashMap::from([(("orders".into(), "billing".into()), "billing-7".into())]),
            hubs: HashMap::from([("telemetry".into(), "telemetry-hub".into())]),
        }
    }

    fn asked(resource: Resource<'_>) -> Vec<String> {
        let objects = names().asked(&resource).objects;
        objects.iter().map(Object::to_string).collect()
    }

    #[test]
    fn the_thing_itself_is_asked_for_first_and_then_what_it_lies_in() {
        let namespace = "eventnamespaces.weft.dev/shop";
        assert_eq!(asked(Resource::NAMESPACE), [namespace]);
        assert_eq!(
            asked(Resource::topic("ORDERS")),
            ["topics.weft.dev/orders-topic", namespace]
        );
        assert_eq!(
            asked(Resource::subscription("Orders", "Billing")),
            [
                "eventsubscriptions.weft.dev/billing-7",
                "topics.weft.dev/orders-topic",
                namespace
            ]
        );
        assert_eq!(
            asked(Resource::Hub("Telemetry/ConsumerGroups/$Default/Partitions/0")),
            ["hubs.weft.dev/telemetry-hub", namespace]
        );
        assert_eq!(
            asked(Resource::Checkpoints),
            ["eventnamespaces.weft.dev/shop/checkpoints"]
        );
    }

    #[test]
    fn of_what_is_unknown_only_the_wider_things_are_asked() {
        let namespace = "eventnamespaces.weft.dev/shop";
        for unknown in [
            Resource::topic("other"),
            Resource::Hub("other"),
            Resource::Hub(""),
        ] {
            assert_eq!(asked(unknown), [namespace], "{unknown:?}");
        }
        assert_eq!(
            asked(Resource::subscription("orders", "other")),
            ["topics.weft.dev/orders-topic", namespace]
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let unknown = |resource| names().asked(&resource).unknown;
        assert_eq!(
            unknown(Resource::topic("Other")).as_deref(),
            Some("topic `Other`")
        );
        assert_eq!(
            unknown(Resource::subscription("other", "billing")).as_deref(),
            Some("topic `other`")
        );
        assert_eq!(
            unknown(Resource::subscription("orders", "other")).as_deref(),
            Some("subscription `other` of the topic `orders`")
        );
        assert_eq!(
            unknown(Resource::Hub("telemetri/Partitions/0")).as_deref(),
            Some("hub `telemetri`")
        );
        for known in [
            Resource::NAMESPACE,
            Resource::Checkpoints,
            Resource::topic("ORDERS"),
            Resource::subscription("orders", "Billing"),
            Resource::Hub("Telemetry/$management"),
            Resource::Hub(""),
        ] {
            assert_eq!(unknown(known), None, "{known:?}");
        }
    }
}
