//! What a caller wants to touch.

/// What a caller wants to touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The whole Namespace.
    Namespace,
    /// A topic.
    Topic(&'a str),
    /// A subscription of a topic.
    Subscription {
        /// The topic.
        topic: &'a str,
        /// The subscription.
        name: &'a str,
    },
    /// An event hub or a part of one, by its path without a leading slash: `HUB`, `HUB/Partitions/0`,
    /// `HUB/publishers/NAME`, `HUB/ConsumerGroups/NAME/Partitions/0`, `HUB/$management`.
    Hub(&'a str),
}

impl<'a> Resource<'a> {
    /// The whole Namespace.
    pub const NAMESPACE: Self = Self::Namespace;

    /// A topic.
    pub const fn topic(topic: &'a str) -> Self {
        Self::Topic(topic)
    }

    /// A subscription of a topic.
    pub const fn subscription(topic: &'a str, name: &'a str) -> Self {
        Self::Subscription { topic, name }
    }

    /// The path of its URL.
    pub(crate) fn segments(self) -> impl Iterator<Item = &'a str> {
        let (fixed, path) = match self {
            Self::Namespace => ([None; 4], None),
            Self::Topic(topic) => ([Some("topics"), Some(topic), None, None], None),
            Self::Subscription { topic, name } => (
                [
                    Some("topics"),
                    Some(topic),
                    Some("eventsubscriptions"),
                    Some(name),
                ],
                None,
            ),
            Self::Hub(path) => ([None; 4], Some(path.split('/'))),
        };
        fixed.into_iter().flatten().chain(path.into_iter().flatten())
    }
}
