//! Where the dead letters of a subscription go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use adapters::object_store::{Letters, ObjectLetters, PutError};
use broker::TopicConfig;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::Uid;

use super::RETENTION;

/// A place in an object store for one subscription's dead letters.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) subscription: Uid,
    /// Names of Namespace, topic and subscription, as clients know them.
    pub(super) sender: [String; 3],
    pub(super) store: Arc<dyn Letters>,
    trouble: Option<String>,
    /// What the store was opened with.
    url: String,
    options: BTreeMap<String, String>,
}

impl Destination {
    /// Opens the store, which does not connect yet. If URL or options cannot be used, nothing can be written there: letters
    /// wait until they are mended.
    pub(crate) fn open(
        subscription: Uid,
        sender: [String; 3],
        url: &str,
        options: &BTreeMap<String, String>,
    ) -> Self {
        let (store, trouble): (Arc<dyn Letters>, _) = match ObjectLetters::open(url, options) {
            Ok(store) => (Arc::new(store), None),
            Err(error) => {
                let trouble = error.to_string();
                let url = url.to_owned();
                (Arc::new(Unusable(url, trouble.clone())), Some(trouble))
            }
        };
        Self {
            subscription,
            sender,
            store,
            trouble,
            url: url.to_owned(),
            options: options.clone(),
        }
    }

    /// The name of the topic that the letters lie in: no document can declare one like it. Whoever is to find it by topic and
    /// subscription does.
    pub(super) fn topic_name(&self) -> String {
        let [_, topic, subscription] = &self.sender;
        format!("$dead-letters/{topic}/{subscription}/{}", self.subscription)
    }

    /// What is configured for that topic.
    pub(super) fn topic(&self) -> TopicConfig {
        TopicConfig {
            uid: topic_uid(self.subscription),
            name: self.topic_name(),
            retention: RETENTION,
            subscriptions: Vec::new(),
        }
    }

    /// Why nothing can be written there, in words for the user.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        Some(format!(
            "it is served, but its dead letters wait, because {} cannot be used: {trouble}",
            self.url
        ))
    }

    /// Whether it is the same subscription with the same place and credentials.
    pub(crate) fn is(
        &self,
        subscription: Uid,
        sender: &[String; 3],
        url: &str,
        options: &BTreeMap<String, String>,
    ) -> bool {
        self.subscription == subscription
            && self.sender == *sender
            && self.url == url
            && self.options == *options
    }

    #[cfg(test)]
    pub(super) fn fake(subscription: Uid, store: Arc<dyn Letters>) -> Self {
        let url = store.name().to_owned();
        Self::named(subscription, store, &url)
    }

    #[cfg(test)]
    pub(super) fn named(subscription: Uid, store: Arc<dyn Letters>, url: &str) -> Self {
        let sender = ["shop", "orders", "billing"].map(str::to_owned);
        Self {
            subscription,
            sender,
            url: url.to_owned(),
            store,
            trouble: None,
            options: BTreeMap::new(),
        }
    }
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.subscription, &other.sender, &other.url, &other.options)
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("subscription", &self.subscription)
            .field("sender", &self.sender)
            .field("url", &self.url)
            .field("options", &self.options.keys())
            .finish()
    }
}

/// A place whose URL or options cannot be used: the URL, and why.
#[derive(Debug)]
struct Unusable(String, String);

impl Letters for Unusable {
    fn name(&self) -> &str {
        &self.0
    }

    fn put<'a>(&'a self, _path: &'a [String], _content: Bytes) -> BoxFuture<'a, Result<(), PutError>> {
        Box::pin(async { Err(PutError(self.1.clone())) })
    }
}

/// Bits 76 to 79 of a uid say which version of RFC 9562 it is.
const VERSION: u128 = 0xf << 76;
const VERSION_8: u128 = 0x8 << 76;

/// The topic for the dead letters of a subscription: its uid, made one of version 8 ("custom"). Resources have random ones,
/// of version 4, so no resource can ever have this one.
pub(crate) fn topic_uid(subscription: Uid) -> Uid {
    Uid::from_u128(subscription.to_u128() & !VERSION | VERSION_8)
}
