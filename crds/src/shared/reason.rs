//! The reasons of every condition, in one place. Scripts may rely on the words; the condition's message tells the rule
//! and the fix.

use std::fmt;
use std::str::FromStr;

/// An enum of words: each variant is written as its own name.
macro_rules! words {
    ($(#[$of_the_enum:meta])* pub enum $name:ident { $($(#[$of_the_word:meta])* $word:ident,)+ }) => {
        $(#[$of_the_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of_the_word])* $word,)+ }

        impl $name {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// The word in the condition's `reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownReason;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(UnknownReason)
            }
        }
    };
}

words! {
    /// Every reason of the condition `Accepted`.
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
        /// The topic for dead letters does not exist in this Kubernetes namespace, is not accepted or belongs to
        /// another Namespace.
        DeadLetterTopicNotFound,
        /// Dead letters would come back to a topic that they have passed.
        DeadLetterCycle,
        /// The data that `weft.dev/adopt-data` names belongs to an object that is still there.
        DataInUse,
        /// An object that is not Weft's has a name that the Namespace needs for an object of its own. Rename or remove
        /// it, or give the Namespace another name.
        NameTaken,
        /// A Secret that the spec refers to does not exist in this Kubernetes namespace.
        SecretNotFound,
        /// A Secret that the spec refers to lacks the label `weft.dev/usable: "true"`, or does not hold what it
        /// should.
        SecretNotUsable,
    }
}

words! {
    /// Every reason of the condition `Programmed`.
    pub enum ProgrammedReason {
        /// Every broker pod has applied it. The only reason with which `Programmed` is `True`.
        Programmed,
        /// It is on its way: a pod has not reported it yet, or does not run yet.
        Pending,
        /// A pod does not serve it as it stands, and says why.
        Refused,
        /// It is not accepted, so that there is nothing to apply. Look at `Accepted`.
        NotAccepted,
        /// The Namespace is paused, so that this change waits.
        Paused,
        /// Kubernetes did not take an object that the Namespace needs: a quota, a policy, a field of `podTemplate`.
        ObjectRefused,
        /// The volume does not have the size that the spec asks for: its StorageClass cannot grow volumes, or does not
        /// manage to.
        VolumeNotResized,
    }
}

/// Every reason of the condition `Ready`. It repeats what stands in the way, so that one column tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadyReason {
    /// The next publish or receive succeeds. The only reason with which `Ready` is `True`.
    Ready,
    /// Of a Namespace alone: no broker pod is ready at the moment.
    PodsNotReady,
    /// `Accepted` is not `True`, for this reason.
    NotAccepted(Reason),
    /// `Programmed` is not `True`, for this reason.
    NotProgrammed(ProgrammedReason),
}

impl ReadyReason {
    /// What follows from the other two conditions. For a Namespace, [`ReadyReason::Ready`] also takes a ready pod.
    pub fn of(accepted: Reason, programmed: ProgrammedReason) -> Self {
        match (accepted, programmed) {
            (Reason::Accepted, ProgrammedReason::Programmed) => Self::Ready,
            (Reason::Accepted, reason) => Self::NotProgrammed(reason),
            (reason, _) => Self::NotAccepted(reason),
        }
    }

    /// The word in the condition's `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::PodsNotReady => "PodsNotReady",
            Self::NotAccepted(reason) => reason.as_str(),
            Self::NotProgrammed(reason) => reason.as_str(),
        }
    }
}

impl fmt::Display for ReadyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

words! {
    /// Every reason of the condition `UpgradeAvailable`, which only a Namespace has.
    pub enum UpgradeReason {
        /// The pods have the operator's version. `UpgradeAvailable` is `False`.
        UpToDate,
        /// The pods are being given the operator's version. `UpgradeAvailable` is `False`.
        Upgrading,
        /// The pods have an older version and wait for the annotation `weft.dev/approve-upgrade`.
        ApprovalNeeded,
    }
}

words! {
    /// Every reason of the condition `DataLost`, which only a Namespace has.
    pub enum DataLostReason {
        /// The log has what it was given. `DataLost` is `False`.
        NothingLost,
        /// The pod found its disk empty although the Namespace had a log before. Events are gone; positions were restored
        /// from their copy.
        DiskWasEmpty,
    }
}

words! {
    /// Every reason of the condition `CheckpointsCopied`, which only a Namespace has.
    pub enum CheckpointsCopiedReason {
        /// What consumers save gets into the copy outside the disk. `CheckpointsCopied` is `True`.
        Copied,
        /// It did not in three tries, about half a minute, and is tried again; or it is too large for the copy; or another
        /// log has taken over the copy. The message says which.
        NotCopied,
    }
}

words! {
    /// Every reason of the condition `IssuersReached`, which only a Namespace with issuers has.
    pub enum IssuersReachedReason {
        /// Every issuer outside of the cluster says its keys. `IssuersReached` is `True`.
        Reached,
        /// One has not for half a minute, or cannot be asked. The message says which, why, and what that means for its tokens.
        NotReached,
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
