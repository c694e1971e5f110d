//! Where the pieces lie in a cluster: names of the objects that operator and sidecar share, keys in them, the files
//! under which a pod sees them, and its ports.

/// Key of the head's JSON in the ConfigMap [`head`], and its file in the pod.
pub const HEAD_KEY: &str = "head.json";
/// Key (`binaryData`) of the gzip of a shard's JSON in the ConfigMap [`shard`]. The head's digest is of the JSON.
pub const SHARD_KEY: &str = "shard.json.gz";
/// Key of the JSON of [`Secrets`](crate::Secrets) in the Secret [`secrets`], and its file in the pod.
pub const SECRETS_KEY: &str = "secrets.json";
/// Key of the revision of the secrets, a decimal number that only grows, and its file in the pod.
pub const SECRETS_REVISION_KEY: &str = "revision";
/// Key of the JSON of a [`PodReport`](crate::PodReport) in the ConfigMap [`report`].
pub const REPORT_KEY: &str = "report.json";
/// Key (`binaryData`) of the gzip of a page's JSON in the ConfigMap [`checkpoints`].
pub const CHECKPOINT_PAGE_KEY: &str = "page.json.gz";
/// Key of the JSON of the claim in the ConfigMap [`checkpoints`] 0: which incarnation of the log writes the pages.
pub const CHECKPOINT_CLAIM_KEY: &str = "claim.json";
/// Number of the ConfigMaps [`checkpoints`].
pub const CHECKPOINT_PAGES: usize = 16;

/// The audience of tokens that are meant for Weft: of the cluster's ServiceAccounts, and of the developer locally.
pub const TOKEN_AUDIENCE: &str = "weft";

/// Label of every object that belongs to a Namespace: the uid of that Namespace. What carries another one was left
/// behind by a Namespace that had the same name before.
pub const NAMESPACE_UID_LABEL: &str = "weft.dev/namespace-uid";

/// HTTPS in the pod.
pub const HTTPS_PORT: u16 = 8443;
/// HTTP without TLS in the pod; open only if the Namespace says so.
pub const HTTP_PORT: u16 = 8080;
/// AMQP over TLS in the pod.
pub const AMQPS_PORT: u16 = 5671;
/// AMQP without TLS in the pod; open only if the Namespace says so.
pub const AMQP_PORT: u16 = 5672;
/// HTTPS in the pod for clients of checkpoints, whose containers lie at its root.
pub const BLOB_PORT: u16 = 10000;
/// Health, readiness, metrics in the pod; on no Service.
pub const OPERATIONS_PORT: u16 = 9464;

/// The ConfigMap with the head of the Namespace `namespace`.
pub fn head(namespace: &str) -> String {
    format!("{namespace}-config")
}

/// The ConfigMap with shard `index`.
pub fn shard(namespace: &str, index: usize) -> String {
    format!("{namespace}-config-{index:02}")
}

/// The file of shard `index` in the folder where a pod sees its configuration.
pub fn shard_file(index: usize) -> String {
    format!("{index:02}.json.gz")
}

/// The Secret with keys and serving certificate, for the sidecar alone.
pub fn secrets(namespace: &str) -> String {
    format!("{namespace}-secrets")
}

/// The ConfigMap in which the pod `pod` reports.
pub fn report(pod: &str) -> String {
    format!("{pod}-report")
}

/// The ConfigMap with page `index` of the copy of positions. The operator creates it empty; what is in it is the pod's.
pub fn checkpoints(namespace: &str, index: usize) -> String {
    format!("{namespace}-checkpoints-{index:02}")
}
