//! What the stores for dead letters are opened with. In a cluster a Secret says it; here, the environment of `weft dev`.

use std::collections::BTreeMap;

use config::Document;

/// The options of every store, by the uid of its subscription.
pub(super) fn options(
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
