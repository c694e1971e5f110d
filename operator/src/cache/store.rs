//! Objects of one kind, as far as they are known.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;

/// What a cached object says about itself.
pub trait Versioned {
    /// `metadata.uid`.
    fn uid(&self) -> &str;
    /// `metadata.resourceVersion` as a number, which is how Kubernetes compares them.
    fn version(&self) -> u64;
    /// Whether somebody has to look at this object although an `earlier` version of it was known. What differs may be
    /// none of our business.
    fn is_news_after(&self, _earlier: &Self) -> bool {
        true
    }
}

/// How many deletions are remembered, so that the answer to an older write does not bring an object back to life.
const REMEMBERED_DELETIONS: usize = 1024;

/// Name of an object: its Kubernetes namespace and its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// `metadata.namespace`.
    pub namespace: Box<str>,
    /// `metadata.name`.
    pub name: Box<str>,
}

impl Key {
    /// The key of `name` in `namespace`.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something that was not known before.
    News,
    /// Nothing: it was known already, for example from the answer to our own write.
    Nothing,
}

/// A cache that watches and answers to writes keep up to date; versions never go back.
#[derive(Debug)]
pub struct Store<T>(RwLock<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    objects: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<T>>>,
    count: usize,
    /// Uids, each with the version at which it left.
    deleted: VecDeque<(Box<str>, u64)>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self(RwLock::new(Inner {
            objects: BTreeMap::new(),
            count: 0,
            deleted: VecDeque::new(),
        }))
    }
}

impl<T: Versioned> Store<T> {
    /// The object of that name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.0.read().objects.get(namespace)?.get(name).cloned()
    }

    /// Every object of a Kubernetes namespace, in the order of names.
    pub fn of(&self, namespace: &str) -> Vec<Arc<T>> {
        let inner = self.0.read();
        let objects = inner.objects.get(namespace);
        objects.into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// What `pick` makes of the objects of a Kubernetes namespace, in the order of names. The cache waits meanwhile.
    pub fn pick<R>(&self, namespace: &str, mut pick: impl FnMut(&str, &Arc<T>) -> Option<R>) -> Vec<R> {
        let inner = self.0.read();
        let objects = inner.objects.get(namespace);
        let objects = objects.into_iter().flat_map(BTreeMap::iter);
        objects.filter_map(|(name, object)| pick(name, object)).collect()
    }

    /// Every Kubernetes namespace that has an object.
    pub fn namespaces(&self) -> Vec<Box<str>> {
        self.0.read().objects.keys().cloned().collect()
    }

    /// Whether a Kubernetes namespace has an object.
    pub fn has_any(&self, namespace: &str) -> bool {
        self.0.read().objects.contains_key(namespace)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.read().count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every key in a Kubernetes namespace, or in all.
    pub fn keys(&self, namespace: Option<&str>) -> Vec<Key> {
        let inner = self.0.read();
        let of = |space: &str, objects: &BTreeMap<Box<str>, Arc<T>>| -> Vec<Key> {
            objects.keys().map(|name| Key::new(space, name)).collect()
        };
        match namespace {
            Some(namespace) => inner
                .objects
                .get(namespace)
                .map(|objects| of(namespace, objects))
                .unwrap_or_default(),
            None => inner
                .objects
                .iter()
                .flat_map(|(space, objects)| of(space, objects))
                .collect(),
        }
    }

    /// Takes an object that a watch or the answer to a write told of, unless something as new is known.
    pub fn put(&self, key: Key, object: T) -> Change {
        let mut inner = self.0.write();
        let known = inner
            .objects
            .get(&key.namespace)
            .and_then(|objects| objects.get(&key.name));
        if known.is_some_and(|known| known.uid() == object.uid() && known.version() >= object.version()) {
            return Change::Nothing;
        }
        let is_news = known.is_none_or(|known| known.uid() != object.uid() || object.is_news_after(known));
        let has_left =
            |(uid, version): &(Box<str>, u64)| **uid == *object.uid() && *version >= object.version();
        if inner.deleted.iter().any(has_left) {
            return Change::Nothing;
        }
        let objects = inner.objects.entry(key.namespace).or_default();
        if objects.insert(key.name, Arc::new(object)).is_none() {
            inner.count += 1;
        }
        if is_news { Change::News } else { Change::Nothing }
    }

    /// Forgets an object that is deleted, or no longer selected, as of a version. One that is selected again later
    /// comes back with a newer version.
    pub fn delete(&self, key: &Key, uid: &str, version: u64) -> Change {
        let mut inner = self.0.write();
        inner.deleted.push_back((uid.into(), version));
        if inner.deleted.len() > REMEMBERED_DELETIONS {
            inner.deleted.pop_front();
        }
        inner.remove(key, |object| object.uid() == uid)
    }

    /// Forgets an object without knowing that it is deleted: it may come back.
    pub fn forget(&self, key: &Key) -> Change {
        self.0.write().remove(key, |_| true)
    }
}

impl<T> Inner<T> {
    fn remove(&mut self, key: &Key, matches: impl FnOnce(&T) -> bool) -> Change {
        let Some(objects) = self.objects.get_mut::<str>(key.namespace.borrow()) else {
            return Change::Nothing;
        };
        if !objects
            .get::<str>(key.name.borrow())
            .is_some_and(|object| matches(object))
        {
            return Change::Nothing;
        }
        objects.remove::<str>(key.name.borrow());
        if objects.is_empty() {
            self.objects.remove::<str>(key.namespace.borrow());
        }
        self.count -= 1;
        Change::News
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Object(&'static str, u64);

    impl Versioned for Object {
        fn uid(&self) -> &str {
            self.0
        }
        fn version(&self) -> u64 {
            self.1
        }
    }

    fn key() -> Key {
        Key::new("shop", "orders")
    }

    #[test]
    fn versions_never_go_back() {
        let store = Store::default();
        assert_eq!(store.put(key(), Object("a", 7)), Change::News);
        assert_eq!(store.put(key(), Object("a", 6)), Change::Nothing);
        assert_eq!(
            store.put(key(), Object("a", 7)),
            Change::Nothing,
            "our own write, seen by the watch"
        );
        assert_eq!(store.get("shop", "orders").unwrap().version(), 7);
        assert_eq!(
            store.put(key(), Object("b", 8)),
            Change::News,
            "deleted and created again"
        );
    }

    #[test]
    fn the_answer_to_a_write_does_not_bring_a_deleted_object_back() {
        let store = Store::default();
        store.put(key(), Object("a", 7));
        assert_eq!(store.delete(&key(), "a", 9), Change::News);
        assert_eq!(store.put(key(), Object("a", 8)), Change::Nothing);
        assert!(store.is_empty() && !store.has_any("shop"));
    }

    #[test]
    fn an_object_that_gets_its_label_back_comes_back() {
        let store = Store::default();
        store.put(key(), Object("a", 7));
        store.delete(&key(), "a", 8);
        assert_eq!(store.put(key(), Object("a", 9)), Change::News);
    }

    #[test]
    fn a_late_deletion_of_the_predecessor_leaves_the_successor() {
        let store = Store::default();
        store.put(key(), Object("b", 9));
        assert_eq!(store.delete(&key(), "a", 8), Change::Nothing);
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn namespaces_are_apart() {
        let store = Store::default();
        store.put(key(), Object("a", 1));
        store.put(Key::new("store", "orders"), Object("b", 2));
        assert_eq!(store.of("shop").len(), 1);
        assert_eq!(store.keys(None).len(), 2);
        assert_eq!(store.namespaces().len(), 2);
        store.forget(&key());
        assert_eq!(store.keys(Some("shop")), []);
    }
}
