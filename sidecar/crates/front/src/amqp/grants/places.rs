//! Tokens by where they count.

use std::collections::{BTreeSet, HashMap};

use super::Slot;
use super::reach::{Need, Reach, with_those_above};

/// By path in lower case. What counts at a path counts at all below it.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<String, Place>);

/// Oldest first.
#[derive(Debug, Default)]
struct Place {
    senders: BTreeSet<Slot>,
    listeners: BTreeSet<Slot>,
    knowing: BTreeSet<Slot>,
    /// Those that meet no need.
    refused: BTreeSet<Slot>,
}

impl Places {
    pub(super) fn add(&mut self, path: &str, reach: &Reach, slot: Slot) {
        let place = self.0.entry(path.to_owned()).or_default();
        for slots in place.all_of(&reach.needs) {
            slots.insert(slot);
        }
    }

    pub(super) fn remove(&mut self, path: &str, reach: &Reach, slot: Slot) {
        let Some(place) = self.0.get_mut(path) else {
            return;
        };
        for slots in place.all_of(&reach.needs) {
            slots.remove(&slot);
        }
        if place.is_empty() {
            self.0.remove(path);
        }
    }

    /// Whose tokens meet `need` at `path`.
    pub(super) fn meeting(&self, need: Need, path: &str) -> impl Iterator<Item = Slot> {
        self.at_or_above(path)
            .flat_map(move |place| place.of(need))
            .copied()
    }

    /// Whose tokens have something to say about `path` to those whose need is not met: few, however many there are.
    pub(super) fn explaining(&self, path: &str) -> impl Iterator<Item = Slot> {
        let first = |slots: &BTreeSet<Slot>| slots.first().copied();
        self.at_or_above(path)
            .flat_map(move |place| [first(&place.knowing), first(&place.refused)])
            .flatten()
    }

    fn at_or_above(&self, path: &str) -> impl Iterator<Item = &Place> {
        with_those_above(path).filter_map(|path| self.0.get(path))
    }
}

impl Place {
    const fn of(&self, need: Need) -> &BTreeSet<Slot> {
        match need {
            Need::Send => &self.senders,
            Need::Listen => &self.listeners,
            Need::Know => &self.knowing,
        }
    }

    /// Where a token that meets these needs is found.
    fn all_of(&mut self, needs: &[Need]) -> impl Iterator<Item = &mut BTreeSet<Slot>> {
        let has = |need| needs.contains(&need);
        [
            (has(Need::Send), &mut self.senders),
            (has(Need::Listen), &mut self.listeners),
            (has(Need::Know), &mut self.knowing),
            (needs.is_empty(), &mut self.refused),
        ]
        .into_iter()
        .filter_map(|(is_found, slots)| is_found.then_some(slots))
    }

    fn is_empty(&self) -> bool {
        let all = [&self.senders, &self.listeners, &self.knowing, &self.refused];
        all.into_iter().all(BTreeSet::is_empty)
    }
}
