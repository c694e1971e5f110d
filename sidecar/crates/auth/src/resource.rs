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
    /// Every container of checkpoint blobs of the Namespace.
    Checkpoints,
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

    /// The same, with names of its own.
    pub(crate) fn owned(self) -> Owned {
        match self {
            Self::Namespace => Owned::Namespace,
            Self::Topic(topic) => Owned::Topic(topic.to_owned()),
            Self::Subscription { topic, name } => Owned::Subscription {
                topic: topic.to_owned(),
                name: name.to_owned(),
            },
            Self::Hub(path) => Owned::Hub(path.to_owned()),
            Self::Checkpoints => Owned::Checkpoints,
        }
    }

    /// The path of its URL.
    pub(crate) fn segments(self) -> impl Iterator<Item = &'a str> {
        let (fixed, path) = match self {
            Self::Namespace | Self::Checkpoints => ([None; 4], None),
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

/// A [`Resource`] with names of its own.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    Namespace,
    Topic(String),
    Subscription { topic: String, name: String },
    Hub(String),
    Checkpoints,
}

impl Owned {
    pub(crate) fn as_resource(&self) -> Resource<'_> {
        match self {
            Self::Namespace => Resource::Namespace,
            Self::Topic(topic) => Resource::Topic(topic),
            Self::Subscription { topic, name } => Resource::Subscription { topic, name },
            Self::Hub(path) => Resource::Hub(path),
            Self::Checkpoints => Resource::Checkpoints,
        }
    }
}
