//! What the codec promises to both sides of the wire.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

#[path = "../fuzz/checks/frame.rs"]
mod frame_check;
#[path = "../fuzz/checks/message.rs"]
mod message_check;

#[path = "it/any.rs"]
mod any;
#[path = "it/batches.rs"]
mod batches;
#[path = "it/bounds.rs"]
mod bounds;
#[path = "it/clients.rs"]
mod clients;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/differential.rs"]
mod differential;
#[path = "it/frames.rs"]
mod frames;
#[path = "it/hex.rs"]
mod hex;
#[path = "it/messages.rs"]
mod messages;
#[path = "it/performatives.rs"]
mod performatives;
#[path = "it/theirs.rs"]
mod theirs;
#[path = "it/values.rs"]
mod values;
#[path = "it/written.rs"]
mod written;
