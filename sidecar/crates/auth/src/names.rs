//! What the things that clients name are called in Kubernetes.

use std::collections::HashMap;

use crate::Resource;
use crate::reviews::Object;

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
    /// What a right may be bound to that allows something on `resource`: itself, then what it lies in. Of what is unknown
    /// only the latter.
    pub(crate) fn objects(&self, resource: &Resource<'_>) -> Vec<Object> {
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
                let hub = path.split('/').next().unwrap_or_default();
                let hub = self.hubs.get(&hub.to_ascii_lowercase());
                objects.extend(hub.map(|name| Object::named("hubs", name)));
            }
            Resource::Checkpoints => {
                return vec![Object {
                    subresource: Some("checkpoints"),
                    ..self.whole()
                }];
            }
        }
        objects.push(self.whole());
        objects
    }

    fn topic(&self, lower: &str) -> Option<Object> {
        self.topics.get(lower).map(|name| Object::named("topics", name))
    }

    fn whole(&self) -> Object {
        Object::named("eventnamespaces", &self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(resource: Resource<'_>) -> Vec<String> {
        let names = Names {
            namespace: "shop".into(),
            topics: HashMap::from([("orders".into(), "orders-topic".into())]),
            subscriptions: HashMap::from([(("orders".into(), "billing".into()), "billing-7".into())]),
            hubs: HashMap::from([("telemetry".into(), "telemetry-hub".into())]),
        };
        let objects = names.objects(&resource);
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
}
