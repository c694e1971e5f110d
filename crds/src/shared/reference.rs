use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names another Weft resource in the same Kubernetes namespace. It may be applied later than this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// `metadata.name` of that resource (not its `azureName`).
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl Reference {
    /// A reference to `name`.
    pub fn to(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}
