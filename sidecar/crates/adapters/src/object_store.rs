//! An object store of the user: S3 and what speaks like it, Azure Blob Storage, Google Cloud Storage, a folder.

mod checkpoints;
mod environment;
mod letters;
mod location;
mod names;

pub use checkpoints::ObjectCheckpoints;
pub use environment::complete;
pub use letters::{Letters, ObjectLetters, PutError};
pub use location::LocationError;
