//! What `plan` promises.

#[path = "it/adoption.rs"]
mod adoption;
#[path = "it/agreement.rs"]
mod agreement;
#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/generate.rs"]
mod generate;
#[path = "it/hubs.rs"]
mod hubs;
#[path = "it/manifests.rs"]
mod manifests;
#[path = "it/memory.rs"]
mod memory;
#[path = "it/objects.rs"]
mod objects;
#[path = "it/planning.rs"]
mod planning;
#[path = "it/totality.rs"]
mod totality;
