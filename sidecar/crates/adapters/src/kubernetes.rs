//! The API server, as a pod sees it.
//!
//! [`ConfigMapStore`] is a copy of checkpoints, [`Reviews`] asks what a subject may do, [`ClusterKeys`]
//! follows the keys of the issuer of ServiceAccount tokens; they share an [`ApiServer`]. The rest is the
//! configuration of a pod: where it comes from, and where the pod says what became of it.
//!
//! [`Source::open`] reads what lies in the pod (mounted files and what was kept on the volume) and follows
//! the API server in the background. The pure parts are apart from the IO: `pieces` puts a document together,
//! `mirror` decides which of those that are known is the newest, `backoff` and `reach` say how long to wait
//! and what to tell about it.
//!
//! What the pod needs to be allowed, each by name: `get`, `list`, `watch` on the ConfigMap with the head and
//! on the Secret, `get` on the ConfigMaps with the shards, `patch` on the ConfigMap of its report, `get` and
//! `patch` on those with checkpoints; and `create` on `localsubjectaccessreviews`.

mod access;
mod api_server;
mod backoff;
mod cluster_keys;
mod config_map_store;
#[cfg(test)]
mod fake;
mod follower;
mod keeper;
mod kept;
mod local;
mod mirror;
mod mounted;
mod pieces;
mod reach;
mod reporter;
mod reviews;
mod source;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watch;

pub use access::{Access, LOG_FILTER};
pub use api_server::ApiServer;
pub use cluster_keys::ClusterKeys;
pub use config_map_store::ConfigMapStore;
pub use reviews::Reviews;
pub use source::{Pod, Source};
