//! Pieces that several kinds use.

mod authorization;
mod filter;
mod reason;
mod reference;
mod status;

pub use authorization::{AuthorizationRule, Right};
pub use filter::{Filter, FiltersConfiguration};
pub use reason::{
    CheckpointsCopiedReason, DataLostReason, IssuersReachedReason, ProgrammedReason, ReadyReason, Reason,
    UnknownReason, UpgradeReason,
};
pub use reference::Reference;
pub use status::{Status, condition};
