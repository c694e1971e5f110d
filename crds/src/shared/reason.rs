use std::fmt;
use std::str::FromStr;

/// Every reason of the condition `Accepted`. Scripts may rely on the words; the condition's message tells the rule
/// and the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// All is well. The only reason with which `Accepted` is `True`.
    Accepted,
    /// The object itself breaks a rule. Change it.
    Invalid,
    /// Another resource, an older one, has the same name for clients (ignoring case) in the same parent.
    /// Give one of them another `azureName`.
    NameConflict,
    /// The Namespace or Topic that it refers to does not exist in this Kubernetes namespace. Apply it; order
    /// does not matter.
    ParentNotFound,
    /// The Namespace or Topic that it refers to is not accepted. Look at the parent's conditions.
    ParentNotAccepted,
    /// The topic for dead letters does not exist in this Kubernetes namespace, is not accepted or belongs to another
    /// Namespace.
    DeadLetterTopicNotFound,
    /// Dead letters would come back to a topic that they have passed.
    DeadLetterCycle,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Invalid,
        Self::NameConflict,
        Self::ParentNotFound,
        Self::ParentNotAccepted,
        Self::DeadLetterTopicNotFound,
        Self::DeadLetterCycle,
    ];

    /// The word in the condition's `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Invalid => "Invalid",
            Self::NameConflict => "NameConflict",
            Self::ParentNotFound => "ParentNotFound",
            Self::ParentNotAccepted => "ParentNotAccepted",
            Self::DeadLetterTopicNotFound => "DeadLetterTopicNotFound",
            Self::DeadLetterCycle => "DeadLetterCycle",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is no reason of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a reason that Weft writes")
    }
}

impl std::error::Error for UnknownReason {}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownReason)
    }
}
