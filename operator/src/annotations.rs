//! Annotations: those by which users ask for something, and those in which we remember something on our own objects.

pub use crds::annotation::{ADOPT_DATA, APPROVE_UPGRADE, ROTATE_CA, ROTATE_CERTIFICATE, ROTATE_KEYS};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// On the Secret with the keys: the last value of [`ROTATE_KEYS`] that was acted upon.
pub const KEYS_ROTATED: &str = "weft.dev/keys-rotated";
/// On the Secret with the keys: the last value of [`ROTATE_CERTIFICATE`] that was acted upon.
pub const CERTIFICATE_ROTATED: &str = "weft.dev/certificate-rotated";
/// On the Secret with the authorities: the last value of [`ROTATE_CA`] that was acted upon.
pub const CA_ROTATED: &str = "weft.dev/ca-rotated";
/// On the StatefulSet: the version of Weft whose pod template it has.
pub const TEMPLATE_VERSION: &str = "weft.dev/template-version";
/// On the StatefulSet: a digest of what the user says about the pod.
pub const SHAPE: &str = "weft.dev/shape";
/// On every object: a digest of the paths of the fields that we wrote.
pub const FIELDS: &str = "weft.dev/fields";
/// On shards: the digest of the JSON inside.
pub const DIGEST: &str = "weft.dev/digest";
/// On claims: the Namespace's `deletionPolicy`.
pub const DELETION_POLICY: &str = "weft.dev/deletion-policy";
/// On claims: the Namespace's `deletionGracePeriod`, in seconds.
pub const DELETION_GRACE: &str = "weft.dev/deletion-grace";
/// On claims that nobody uses: when they are deleted, in RFC 3339.
pub const DELETE_AFTER: &str = "weft.dev/delete-after";

/// The value of an annotation; `None` if it is empty, because an empty value asks for nothing.
pub fn get<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    let value = metadata.annotations.as_ref()?.get(key)?.as_str();
    (!value.is_empty()).then_some(value)
}
