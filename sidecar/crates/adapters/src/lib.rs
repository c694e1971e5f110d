//! Everything of the data plane that talks to a system we do not own.
//!
//! - [`kubernetes`]: where a pod's configuration comes from and where it reports to; checkpoints in
//!   ConfigMaps, reviews of rights, the keys of the cluster's issuer.
//! - [`object_store`]: checkpoints and dead letters in an object store.
//! - [`oidc`]: issuers of bearer tokens outside of the cluster.

#[cfg(any(feature = "kubernetes", feature = "oidc"))]
mod files;
#[cfg(any(feature = "kubernetes", feature = "oidc"))]
mod issuer_keys;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "object-store")]
pub mod object_store;
#[cfg(feature = "oidc")]
pub mod oidc;
