use std::fmt;

/// The kinds of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is documented in v1alpha1")]
pub enum Kind {
    Namespace,
    Topic,
    EventSubscription,
    Hub,
}

impl Kind {
    /// Every kind, parents first.
    pub const ALL: [Self; 4] = [Self::Namespace, Self::Topic, Self::EventSubscription, Self::Hub];

    /// The word in the manifest's `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Topic => "Topic",
            Self::EventSubscription => "EventSubscription",
            Self::Hub => "Hub",
        }
    }

    /// The kind with that name, spelled exactly so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
