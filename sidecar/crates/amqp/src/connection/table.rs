//! A map for the few: sorted pairs in one allocation, since most connections have one session and two links.

/// Finding costs a binary search; inserting and removing move what is behind.
#[derive(Debug)]
pub(super) struct Table<K, V>(Vec<(K, V)>);

/// What a channel or a handle stands for.
#[derive(Debug)]
pub(super) enum Slot<T> {
    Open(Box<T>),
    /// We have said goodbye. The number stays taken, and what comes for it is dropped, until the peer has said it, too.
    Leaving,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Table<K, V> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let index = self.find(key).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let index = self.find(key).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// What was there before is lost.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.find(key) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => self.0.insert(index, (key, value)),
        }
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let index = self.find(key).ok()?;
        let (_, value) = self.0.remove(index);
        if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(self.0.len() * 2);
        }
        Some(value)
    }

    /// In the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    fn find(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by_key(&key, |(key, _)| *key)
    }
}

impl<K, V> IntoIterator for Table<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
