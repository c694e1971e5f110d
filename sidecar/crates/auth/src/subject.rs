//! Who shows a bearer token.

/// Who shows a bearer token, in Kubernetes' words: what a review is asked about.
///
/// Of what Kubernetes calls `extra` (the pod, the node and the id of the token) there is nothing. RBAC does not look at it,
/// and each token would be a subject of its own, with reviews of its own: whoever can get tokens could then ask the API
/// server, and fill what is remembered of its answers, as fast as they come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// `system:serviceaccount:NAMESPACE:NAME`, or the prefix of its issuer and what the issuer calls it.
    pub username: String,
    /// The uid of the ServiceAccount, where the token has it.
    pub uid: Option<String>,
    /// The groups that it belongs to.
    pub groups: Vec<String>,
}
