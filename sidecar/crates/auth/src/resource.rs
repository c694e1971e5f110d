//! What a caller wants to touch.

/// What a caller wants to touch: a subscription, a topic, or (neither given) the whole Namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    pub topic: Option<&'a str>,
    /// Meaningful only with a topic.
    pub subscription: Option<&'a str>,
}

impl<'a> Resource<'a> {
    /// The whole Namespace.
    pub const NAMESPACE: Self = Self {
        topic: None,
        subscription: None,
    };

    /// A topic.
    pub const fn topic(topic: &'a str) -> Self {
        Self {
            topic: Some(topic),
            subscription: None,
        }
    }

    /// A subscription of a topic.
    pub const fn subscription(topic: &'a str, subscription: &'a str) -> Self {
        Self {
            topic: Some(topic),
            subscription: Some(subscription),
        }
    }

    /// The path of its URL.
    pub(crate) fn segments(self) -> impl Iterator<Item = &'a str> {
        let topic = self.topic.map(|topic| ["topics", topic]);
        let subscription = self
            .topic
            .and(self.subscription)
            .map(|name| ["eventsubscriptions", name]);
        topic.into_iter().chain(subscription).flatten()
    }
}
