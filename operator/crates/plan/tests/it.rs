//! What `plan` promises.

#[path = "it/agreement.rs"]
mod agreement;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/generate.rs"]
mod generate;
#[path = "it/manifests.rs"]
mod manifests;
#[path = "it/planning.rs"]
mod planning;
#[path = "it/totality.rs"]
mod totality;
