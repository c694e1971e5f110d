//! Makes sure that the caches of our own kinds are not behind, before the first write of a new leader.
//!
//! A follower's watch may be minutes behind without knowing it. A new leader that plans from it could undo what the
//! leader before it did. So it lists the metadata of every object once, by a read that is as new as the question, and
//! waits until its caches have each object as new as that. What a cache has beyond the list was deleted, which its watch
//! has yet to tell: until then the entity stays in a configuration a moment longer.

use std::collections::HashMap;
use std::time::Duration;

use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::{Caches, Extent, Key, PATIENCE, Resource, Store, Versioned, WeftKind, version_of};

/// Objects per page.
const PAGE: u32 = 500;
/// How often the caches are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// After this many looks, what is still missing may have been deleted: everything is listed again.
const LOOKS: u32 = 250;
/// Pause after a list that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Resolves when the caches have every object of our kinds at least as new as it was when this was called.
///
/// # Cancel safety
/// Cancel safe.
pub async fn catch_up(client: &Client, extent: &Extent, caches: &Caches) {
    tokio::join!(
        one::<Namespace>(client, extent, &caches.namespaces),
        one::<Topic>(client, extent, &caches.topics),
        one::<EventSubscription>(client, extent, &caches.event_subscriptions),
        one::<Hub>(client, extent, &caches.hubs),
    );
}

/// Uid and version of every object.
type Listed = HashMap<Key, (Box<str>, u64)>;

async fn one<K>(client: &Client, extent: &Extent, store: &Store<Resource<K>>)
where
    K: WeftKind + kube::Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    loop {
        let mut behind = match list::<K>(client, extent).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(kind = %K::KIND, %error, "cannot list, and do not act before that");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        for _ in 0..LOOKS {
            behind.retain(|key, (uid, version)| is_behind(store, key, uid, *version));
            if behind.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tracing::info!(kind = %K::KIND, objects = behind.len(), "the cache is behind: looking again");
    }
}

fn is_behind<K: kube::Resource>(store: &Store<Resource<K>>, key: &Key, uid: &str, version: u64) -> bool {
    let known = store.get(&key.namespace, &key.name);
    !known
        .is_some_and(|known| known.version() >= version || (known.uid() != uid && known.version() > version))
}

async fn list<K>(client: &Client, extent: &Extent) -> Result<Listed, kube::Error>
where
    K: WeftKind + kube::Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut listed = Listed::new();
    for (_, api) in extent.apis::<K>(client) {
        list_all(&api, &mut listed).await?;
    }
    Ok(listed)
}

async fn list_all<K>(api: &Api<K>, listed: &mut Listed) -> Result<(), kube::Error>
where
    K: WeftKind + Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let asked = tokio::time::timeout(PATIENCE, api.list_metadata(&parameters)).await;
        let page = asked.map_err(|elapsed| kube::Error::Service(elapsed.into()))??;
        for object in page.items {
            let metadata = object.metadata;
            let version = version_of(&metadata);
            let key = Key::new(
                metadata.namespace.as_deref().unwrap_or_default(),
                metadata.name.as_deref().unwrap_or_default(),
            );
            listed.insert(key, (metadata.uid.unwrap_or_default().into(), version));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(()),
        }
    }
}
