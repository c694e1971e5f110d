use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::{dns_names, plain};

/// How the endpoint proves who it is, and whether it can be reached without TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::DNS_NAMES_WITHOUT_SECRET])))]
pub struct Tls {
    /// A Secret of type `kubernetes.io/tls` with the certificate to serve; a change of it is followed without a
    /// restart. Its `ca.crt`, if there is one, is what programs are told to trust. Without it Weft makes a
    /// certificate with an authority of its own. Has no meaning in local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Further names that clients use for the endpoint, beside those of its Service: DNS names, of which the first
    /// label may be `*`, and IPv4 addresses. They go into the certificate that Weft makes; at most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_names")]
    pub dns_names: Option<Vec<String>>,
    /// `true`: the ports without TLS are open as well. Access keys can then be read on the network. `false` if absent.
    /// Local mode always opens them, on the loopback address unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plaintext: Option<bool>,
}

/// Names a Secret in the same Kubernetes namespace. It must carry the label `weft.dev/usable: "true"`, by which its
/// owner offers it to Weft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// `metadata.name` of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
