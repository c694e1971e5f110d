//! Annotations that users write on our resources to ask for something once.
//!
//! What was done is remembered elsewhere, on objects of ours: an annotation stays as its author left it.

/// On a Namespace, Topic, EventSubscription or Hub: take over the data of an object that is gone. The value is that
/// object's `metadata.uid`.
pub const ADOPT_DATA: &str = "weft.dev/adopt-data";
/// On a Namespace: any new value gives every authorization rule a new primary key; the old one becomes the secondary.
pub const ROTATE_KEYS: &str = "weft.dev/rotate-keys";
/// On a Namespace: any new value gives it a new serving certificate.
pub const ROTATE_CERTIFICATE: &str = "weft.dev/rotate-certificate";
/// On a Namespace: any new value begins the change to a new certificate authority.
pub const ROTATE_CA: &str = "weft.dev/rotate-ca";
/// On a Namespace: the version that its pods may be upgraded to.
pub const APPROVE_UPGRADE: &str = "weft.dev/approve-upgrade";

/// Labels and annotations below this prefix belong to Weft.
pub const PREFIX: &str = "weft.dev/";
