//! Where the numbers of deleted hubs ended, in case one of their uids comes back.

use std::collections::{HashMap, VecDeque};

use model::Uid;

use super::partition::End;

/// Deleted hubs whose end is remembered, some 70 bytes each; then the one that was deleted first is forgotten.
const ENDED_MAX: usize = 10_000;

/// Numbers of a deleted hub are never given again: the log would take its records for dead, and consumers that come back
/// with their old position would miss new events.
#[derive(Debug, Default)]
pub(super) struct Ended {
    ends: HashMap<Uid, End>,
    /// All of them, in the order in which they were deleted.
    order: VecDeque<Uid>,
}

impl Ended {
    pub(super) fn end(&self, uid: Uid) -> Option<End> {
        self.ends.get(&uid).copied()
    }

    pub(super) fn remember(&mut self, uid: Uid, end: End) {
        if self.ends.insert(uid, end).is_some() {
            // It came back and was deleted again. Rare enough to look for it.
            self.order.retain(|known| *known != uid);
        }
        self.order.push_back(uid);
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ends.remove(&oldest);
        }
    }

    /// In the order in which they were deleted.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (Uid, End)> {
        self.order
            .iter()
            .map(|uid| (*uid, self.end(*uid).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(record: u64) -> End {
        End {
            record,
            ..End::default()
        }
    }

    #[test]
    fn the_hub_that_was_deleted_first_is_forgotten_first() {
        let mut ended = Ended::default();
        // Later ones have smaller uids.
        let uid = |n: u64| Uid::from_u128(u128::from(u64::MAX - n));
        for n in 0..ENDED_MAX as u64 {
            ended.remember(uid(n), end(n));
        }
        // It came back meanwhile.
        ended.remember(uid(0), end(77));
        ended.remember(uid(ENDED_MAX as u64), end(1));
        assert_eq!(ended.end(uid(0)), Some(end(77)));
        assert_eq!(ended.end(uid(1)), None);
        assert_eq!(ended.end(uid(2)), Some(end(2)));
        let order: Vec<Uid> = ended.iter().map(|(uid, _)| uid).collect();
        assert_eq!(order.len(), ENDED_MAX);
        assert_eq!(order[..1], [uid(2)]);
        assert_eq!(order[ENDED_MAX - 2..], [uid(0), uid(ENDED_MAX as u64)]);
    }
}
