//! What is said about one object.

use crds::Kind;
use crds::shared::Reason;
use kube::ResourceExt;

use crate::inputs::Finding;
use crate::manifest::Violation;

/// Which object a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its Kubernetes namespace; empty if it has none.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`, as it was given.
    pub uid: String,
    /// `metadata.generation`: what `observedGeneration` must say.
    pub generation: Option<i64>,
}

impl ObjectId {
    pub(crate) fn of(kind: Kind, object: &impl ResourceExt) -> Self {
        Self {
            kind,
            namespace: object.namespace().unwrap_or_default(),
            name: object.meta().name.clone().unwrap_or_default(),
            uid: object.uid().unwrap_or_default(),
            generation: object.meta().generation,
        }
    }
}

/// Where an accepted object is found in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `metadata.name` of the Namespace whose configuration it is; for a Namespace, its own.
    pub namespace: String,
    /// The uid under which the configuration, a pod's report and the data speak of it: the object's own, unless it has
    /// adopted the data of another one.
    pub uid: String,
    /// The shard that holds the Topic, the Topic of the EventSubscription, or the Hub; a Namespace is in none.
    pub shard: Option<usize>,
}

/// The condition `Accepted` of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whose.
    pub object: ObjectId,
    /// The condition's reason. The condition's status is [`Decision::accepted`].
    pub reason: Reason,
    /// Every rule that is broken, with field and fix; empty if and only if the object is accepted.
    pub violations: Vec<Violation>,
    /// Where it is found; present if and only if the object is accepted.
    pub place: Option<Place>,
}

/// How many violations a message spells out; a condition's message is limited, and people read three.
const SPELLED_OUT: usize = 3;

impl Decision {
    pub(crate) fn new(object: ObjectId, outcome: Result<Place, Refusal>) -> Self {
        match outcome {
            Ok(place) => Self {
                object,
                reason: Reason::Accepted,
                violations: Vec::new(),
                place: Some(place),
            },
            Err(refusal) => Self {
                object,
                reason: refusal.reason,
                violations: refusal.violations,
                place: None,
            },
        }
    }

    /// Whether the object is part of its Namespace's configuration.
    pub fn accepted(&self) -> bool {
        self.reason == Reason::Accepted
    }

    /// The condition's message: field, rule and fix of the first violations, on one line.
    pub fn message(&self) -> String {
        if self.violations.is_empty() {
            return "the spec is valid and its references resolve".to_owned();
        }
        let mut parts: Vec<String> = self
            .violations
            .iter()
            .take(SPELLED_OUT)
            .map(ToString::to_string)
            .collect();
        if let Some(more) = self
            .violations
            .len()
            .checked_sub(SPELLED_OUT)
            .filter(|more| *more > 0)
        {
            parts.push(format!("and {more} more"));
        }
        parts.join(". ")
    }
}

/// Why an object is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    reason: Reason,
    violations: Vec<Violation>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, path: &str, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            reason,
            violations: vec![Violation::new(path, rule, fix)],
        }
    }

    #[cfg(test)]
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        Self {
            reason: Reason::Invalid,
            violations,
        }
    }
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        Self {
            // A finding that says nothing is wrong would be an accepted object with a violation.
            reason: match finding.reason {
                Reason::Accepted => Reason::Invalid,
                reason => reason,
            },
            violations: vec![finding.violation],
        }
    }
}
