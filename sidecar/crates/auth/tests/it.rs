//! What clients can and cannot do with a credential.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

#[path = "../fuzz/checks/bearer.rs"]
mod bearer_check;
#[path = "../fuzz/checks/sas.rs"]
mod sas_check;

#[path = "it/access_keys.rs"]
mod access_keys;
#[path = "it/awaited_issuers.rs"]
mod awaited_issuers;
#[path = "it/bearer_tokens.rs"]
mod bearer_tokens;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/fixture.rs"]
mod fixture;
#[path = "it/hub_tokens.rs"]
mod hub_tokens;
#[path = "it/issuer.rs"]
mod issuer;
#[path = "it/local_auth.rs"]
mod local_auth;
#[path = "it/outside_issuers.rs"]
mod outside_issuers;
#[path = "it/reviews.rs"]
mod reviews;
#[path = "it/sdk_tokens.rs"]
mod sdk_tokens;
#[path = "it/storage_sas.rs"]
mod storage_sas;
#[path = "it/storage_shared_key.rs"]
mod storage_shared_key;
#[path = "it/tampering.rs"]
mod tampering;
