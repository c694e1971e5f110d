//! Programs without a password, and checkpoints without a storage account: Azure's own SDKs with the settings of `weft exec`.
//!
//! Such a program is told a host and no port, so each Namespace here has the usual ports of an address of its own.

mod claims;
mod lost;
mod processing;
mod programs;
mod quickstart;
mod refusals;
mod rounds;
