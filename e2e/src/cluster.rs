//! A real Kubernetes cluster: one of this machine's own, or one that `KUBECONFIG` names; and what tests do with it.
//!
//! [`machine`] starts and stops the own one, [`images`] makes images without a registry, [`Cluster`] talks to either.
//! A test takes a [`Space`], a Kubernetes namespace of its own, which shows everything when the test fails.

pub mod apply;
pub mod binaries;
pub mod caretaker;
mod command;
pub mod condition;
mod connection;
mod failure;
pub mod images;
pub mod install;
mod logs;
pub mod machine;
mod port_forward;
mod program;
mod progress;
mod requirements;
pub mod run;
pub mod settings;
mod space;
pub mod wait;

pub use connection::{Cluster, FIELD_MANAGER, Kind, is_not_found, refusal};
pub use logs::ContainerLog;
pub use machine::{Machine, Node};
pub use port_forward::PortForward;
pub use program::{Program, Running};
pub use progress::Progress;
pub use settings::Settings;
pub use space::{Door, Space};
pub use wait::until;
