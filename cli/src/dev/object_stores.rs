//! What object stores are opened with. In a cluster a Secret says it; here, the environment of `weft dev`.

use config::{Document, Secrets};
use sidecar::Surroundings;

use crate::environment;

/// `secrets` with the options of every store that the document names: that for the copy of positions, unless it is a folder
/// beside the data, and those for dead letters.
pub(crate) fn completed(document: &Document, secrets: Secrets) -> Secrets {
    Surroundings::new(environment::variables()).complete(document, secrets)
}
