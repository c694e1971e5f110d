use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};

/// Two access keys, always both valid, and what they allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationRule {
    /// Name of the rule, unique in the Namespace ignoring case: at most 50 of `A-Z a-z 0-9 . _ -`.
    /// `RootManageSharedAccessKey` is not listed: it always exists.
    #[schemars(length(max = 50))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[
        rules::AUTHORIZATION_RULE_NAME, rules::AUTHORIZATION_RULE_RESERVED])))]
    pub name: String,
    /// What the rule's keys allow: `Send` to publish, `Listen` to receive and settle, `Manage` for both and
    /// administration.
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub rights: Vec<Right>,
}

/// A right that an access key gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "a documented variant would split the schema's enum; AuthorizationRule::rights says it"
)]
pub enum Right {
    Send,
    Listen,
    Manage,
}
