//! The resources of `weft.dev`: what a user writes, and what the API server checks.
//!
//! One file per kind under [`v1alpha1`]; pieces that several kinds use are in [`shared`]. The documentation of a
//! field is the user's documentation: it becomes the description in the CRD, which `kubectl explain` shows.
//!
//! Rules of this crate, each held by a test:
//! - no defaults in the schema (`plan` applies them), no `nullable`, no unsigned formats;
//! - every list, string and map has a bound, so that the cost of every CEL rule has one;
//! - every CEL rule is a constant in [`rules`], with the rule and the fix in its message; `plan` implements
//!   each of them in Rust, for local mode, and a property test compares the two;
//! - the YAML in `crds/yaml` is what [`yaml`] returns (`UPDATE_GOLDEN=1 cargo test -p crds` renews it).
//!
//! This crate does not validate and does not talk to a cluster.

pub mod annotation;
mod kind;
pub mod label;
pub mod rules;
mod schema;
pub mod shared;
pub mod v1alpha1;
mod yaml;

pub use kind::Kind;
pub use schema::{crd, schema_for};
pub use yaml::yaml;

/// API group of every kind.
pub const GROUP: &str = "weft.dev";
/// The one version that is served.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of every kind.
pub const API_VERSION: &str = "weft.dev/v1alpha1";
