//! The tool as people use it: the built binary, its files, its ports, its messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "it/adoption.rs"]
mod adoption;
#[path = "it/checkpoints.rs"]
mod checkpoints;
#[path = "it/cluster_fields.rs"]
mod cluster_fields;
#[path = "it/commands.rs"]
mod commands;
#[path = "it/dead_letters.rs"]
mod dead_letters;
#[path = "it/doctor.rs"]
mod doctor;
#[path = "it/guard.rs"]
mod guard;
#[path = "it/home.rs"]
mod home;
#[path = "it/hub_commands.rs"]
mod hub_commands;
#[path = "it/hubs.rs"]
mod hubs;
#[path = "it/identity.rs"]
mod identity;
#[path = "it/live.rs"]
mod live;
#[path = "it/mistakes.rs"]
mod mistakes;
#[path = "it/passwordless.rs"]
mod passwordless;
#[path = "it/process.rs"]
mod process;
#[path = "it/tour.rs"]
mod tour;
