//! What object stores are opened with. In a cluster a Secret says it; here, the environment of `weft dev`.

use std::collections::BTreeMap;

use config::{Checkpoint, Document, Settings};

/// The options of the store that the copy of positions lies in; none if it is a folder beside the data.
pub(super) fn of_checkpoints(
    settings: &Settings,
    variables: &[(String, String)],
) -> BTreeMap<String, String> {
    match &settings.checkpoint {
        Checkpoint::ConfigMap => BTreeMap::new(),
        Checkpoint::ObjectStore { url } => sidecar::options_from(url, variables.iter().cloned()),
    }
}

/// The options of every store for dead letters, by the uid of its subscription.
pub(super) fn of_dead_letters(
    document: &Document,
    variables: &[(String, String)],
) -> BTreeMap<String, BTreeMap<String, String>> {
    let subscriptions = document.topics.iter().flat_map(|topic| &topic.subscriptions);
    let options = subscriptions.filter_map(|subscription| {
        let store = subscription.dead_letter_store.as_ref()?;
        let options = sidecar::options_from(&store.url, variables.iter().cloned());
        (!options.is_empty()).then(|| (subscription.uid.clone(), options))
    });
    options.collect()
}
