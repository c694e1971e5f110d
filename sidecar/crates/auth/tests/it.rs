//! What clients can and cannot do with a credential.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

#[path = "../fuzz/checks/sas.rs"]
mod sas_check;

#[path = "it/access_keys.rs"]
mod access_keys;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/fixture.rs"]
mod fixture;
#[path = "it/hub_tokens.rs"]
mod hub_tokens;
#[path = "it/sdk_tokens.rs"]
mod sdk_tokens;
#[path = "it/tampering.rs"]
mod tampering;
