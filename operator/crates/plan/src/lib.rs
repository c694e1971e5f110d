//! Resources in, decisions out.
//!
//! [`plan`] takes every Namespace, Topic, EventSubscription and Hub there is and answers with a [`Plan`]: for each
//! object a [`Decision`] (accepted, or why not and what to do), and for each accepted Namespace the
//! [`Configuration`] that its sidecar gets. Defaults are applied here and nowhere else. It is a pure
//! function: no client, no clock, no randomness, and the order of its inputs does not matter. [`plan_again`] is the
//! same for whoever plans often: a [`Memo`] spares it the objects that did not change.
//!
//! [`manifest::read`] turns one parsed manifest into a typed object, and refuses with field, rule and fix what the
//! API server would refuse. The operator does not need it (the API server has done that work); local mode does.
//!
//! ```
//! use plan::manifest::{self, Object};
//! use serde_json::json;
//!
//! let manifest = json!({
//!     "apiVersion": "weft.dev/v1alpha1", "kind": "Namespace",
//!     "metadata": {"name": "shop", "uid": "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11"},
//!     "spec": {},
//! });
//! let Ok(Object::Namespace(shop)) = manifest::read(&manifest) else { panic!("this is valid") };
//! let plan = plan::plan(&plan::Inputs { namespaces: vec![&shop], ..Default::default() });
//! assert!(plan.decisions[0].accepted());
//! assert_eq!(plan.configurations[0].settings.storage_capacity_bytes, 10 << 30);
//! ```

mod adoption;
mod configuration;
mod dead_letter;
mod decision;
mod duration;
mod event_subscription;
mod filter;
mod hub;
mod inputs;
pub mod manifest;
mod memo;
mod name;
mod namespace;
mod place;
mod planner;
mod pod_template;
mod refusals;
mod size;
mod topic;

pub use configuration::{Configuration, EncodeError, Pieces, shard_of};
pub use decision::{Decision, ObjectId, Place};
pub use duration::IsoDuration;
pub use inputs::{Finding, Inputs};
pub use memo::Memo;
pub use name::ClientName;
pub use planner::{Plan, plan, plan_again};
pub use size::{DEFAULT_SIZE, StorageSize};
