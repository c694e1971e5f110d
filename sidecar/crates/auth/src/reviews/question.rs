//! What a Reviewer is asked.

use std::fmt;

use crate::Right;

/// What is done with an object, in the words of the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `send`
    Send,
    /// `receive`
    Receive,
    /// `manage`; unlike the right of an authorization rule it implies no other verb.
    Manage,
}

/// Something in Kubernetes that roles are bound to, of the API group `weft.dev`, in the namespace that the Namespace
/// lives in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// `topics`, `eventsubscriptions`, `hubs` or `eventnamespaces`.
    pub resource: &'static str,
    /// `checkpoints` or nothing.
    pub subresource: Option<&'static str>,
    /// Its name in Kubernetes.
    pub name: String,
}

/// What is asked about when somebody wants to do something with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What a right may be bound to that allows it: the resource itself, then what it lies in. Of what the Namespace does
    /// not have only the latter.
    pub objects: Vec<Object>,
    /// What the Namespace does not have, in words.
    pub unknown: Option<String>,
}

/// May a subject do `verb` on `object`?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub verb: Verb,
    pub object: Object,
}

impl Object {
    pub(crate) fn named(resource: &'static str, name: &str) -> Self {
        Self {
            resource,
            subresource: None,
            name: name.to_owned(),
        }
    }
}

impl Verb {
    /// As RBAC spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Manage => "manage",
        }
    }
}

impl From<Right> for Verb {
    fn from(right: Right) -> Self {
        match right {
            Right::Send => Self::Send,
            Right::Listen => Self::Receive,
            Right::Manage => Self::Manage,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.weft.dev/{}", self.resource, self.name)?;
        match self.subresource {
            Some(subresource) => write!(f, "/{subresource}"),
            None => Ok(()),
        }
    }
}
