use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::{audiences, plain};

/// Whose bearer tokens are accepted beside those of the cluster's own ServiceAccounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Identity {
    /// OpenID Connect issuers outside of the cluster, each with a URL of its own; at most 16. A token of theirs allows
    /// what Kubernetes RBAC allows to its user and groups.
    #[schemars(length(min = 1, max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["url"]))]
    pub issuers: Vec<Issuer>,
}

/// An OpenID Connect issuer outside of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Issuer {
    /// The issuer as it stands in `iss` of its tokens, to the last character: an `https:` URL. Its keys are found through
    /// `/.well-known/openid-configuration` below it.
    #[schemars(length(min = 1, max = 512))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::ISSUER_URL])))]
    pub url: String,
    /// `aud` of a token has to hold one of them. At most 16.
    #[schemars(schema_with = "audiences")]
    pub audiences: Vec<String>,
    /// Stands before the names of users and groups that are read from its tokens, such as `corp:`; RBAC knows them with
    /// it. No prefix can make a name that begins with `system:`.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::ISSUER_PREFIX])))]
    pub prefix: String,
    /// The claim that names the user. `sub` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub username_claim: Option<String>,
    /// The claim that lists the user's groups. `groups` if absent; a token without it is in no group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub groups_claim: Option<String>,
    /// The certificates that vouch for the issuer's own endpoint, as PEM. Those that the public trusts if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16_384))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::CERTIFICATES])))]
    pub certificate_authority: Option<String>,
}
