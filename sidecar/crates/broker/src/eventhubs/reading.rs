//! Who reads what at the moment, for those who look.

use std::sync::Arc;

use super::consumer_group::{Taken, TakenIn};
use super::hub::HubState;

/// A consumer group as it stands at the moment. The broker does not know where consumers that are away will go on: that is
/// in their checkpoint store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// The name as it was declared.
    pub name: Arc<str>,
    /// The partitions that somebody reads, in their order.
    pub readings: Vec<Reading>,
}

/// One partition as the connected receivers of a consumer group read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The partition's place in the hub.
    pub partition: u32,
    /// How many are connected; at least 1.
    pub receivers: usize,
    /// Durable events that the one that is furthest has not got yet.
    pub lag: u64,
}

impl ConsumerGroup {
    /// That of all partitions that somebody reads.
    pub fn lag(&self) -> u64 {
        self.readings.iter().map(|reading| reading.lag).sum()
    }

    /// That of all partitions.
    pub fn receivers(&self) -> usize {
        self.readings.iter().map(|reading| reading.receivers).sum()
    }
}

/// All groups of the hub, by name ignoring case; none while it is not declared.
pub(super) fn consumer_groups(hub: &HubState) -> Vec<ConsumerGroup> {
    let cells = hub.cells.load();
    let reading = |taken: &Taken| {
        let state = cells.get(taken.partition as usize)?.state();
        let position = taken.position.max(state.begin().sequence);
        Some(Reading {
            partition: taken.partition,
            receivers: taken.receivers,
            lag: state.durable().sequence.saturating_sub(position),
        })
    };
    let group = |TakenIn { group, mut places }: TakenIn| {
        places.sort_unstable_by_key(|taken| taken.partition);
        ConsumerGroup {
            name: group,
            readings: places.iter().filter_map(reading).collect(),
        }
    };
    hub.taken().into_iter().map(group).collect()
}
