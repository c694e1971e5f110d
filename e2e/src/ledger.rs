//! What clients under load know, and what must therefore be so, whatever happened to the broker meanwhile.

use std::collections::BTreeMap;

use crate::eventgrid::Delivery;

/// What a client knows about its acknowledgement of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service said so.
    Acknowledged,
    /// The service said that the lock is lost.
    Refused,
    /// The connection was cut before an answer.
    Unknown,
}

#[derive(Debug, Default)]
struct Seen {
    deliveries: u64,
    delivery_count: u64,
    acknowledged: bool,
}

/// All that every client saw, over all crashes.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<u64, Seen>,
    acknowledged_batches: Vec<Vec<u64>>,
    unknown_batches: Vec<Vec<u64>>,
    violations: Vec<String>,
}

impl Ledger {
    /// A client published a batch; `acknowledged` if the service said so, else nobody knows.
    pub fn published(&mut self, ids: Vec<u64>, acknowledged: bool) {
        let batches = if acknowledged {
            &mut self.acknowledged_batches
        } else {
            &mut self.unknown_batches
        };
        batches.push(ids);
    }

    /// A client received these. The ids of events are numbers.
    pub fn received(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let id = delivery.id().parse().expect("the ids of this test are numbers");
            let seen = self.seen.entry(id).or_default();
            if seen.acknowledged {
                self.violations
                    .push(format!("event {id} came again after it was acknowledged"));
            }
            if delivery.delivery_count <= seen.delivery_count {
                let (now, before) = (delivery.delivery_count, seen.delivery_count);
                self.violations.push(format!(
                    "the delivery count of event {id} went from {before} to {now}"
                ));
            }
            seen.delivery_count = delivery.delivery_count;
            seen.deliveries += 1;
        }
    }

    /// A client settled one of them.
    pub fn settled(&mut self, delivery: &Delivery, outcome: Outcome) {
        let id: u64 = delivery.id().parse().expect("the ids of this test are numbers");
        let seen = self.seen.entry(id).or_default();
        seen.acknowledged |= outcome == Outcome::Acknowledged;
    }

    /// What must not have been seen.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Whether enough happened for the test to mean something: batches that were acknowledged, some that were cut, and
    /// events that came again.
    pub fn is_substantial(&self, batches: usize, events_again: usize) -> bool {
        let again = self.seen.values().filter(|seen| seen.deliveries > 1).count();
        self.acknowledged_batches.len() > batches && !self.unknown_batches.is_empty() && again > events_again
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let acknowledged: usize = self.acknowledged_batches.iter().map(Vec::len).sum();
        let deliveries: u64 = self.seen.values().map(|seen| seen.deliveries).sum();
        format!(
            "{acknowledged} events acknowledged in {} batches, {} batches cut, {deliveries} deliveries of {} events",
            self.acknowledged_batches.len(),
            self.unknown_batches.len(),
            self.seen.len()
        )
    }

    /// After everything was received: nothing is missing, and no batch is half there.
    pub fn check_complete(&self) {
        assert!(self.violations.is_empty(), "{}", self.violations.join("\n"));
        let lost: Vec<_> = self
            .acknowledged_batches
            .iter()
            .flatten()
            .filter(|id| !self.seen.contains_key(id))
            .collect();
        assert!(
            lost.is_empty(),
            "{} acknowledged events were lost: {lost:?}",
            lost.len()
        );
        for batch in &self.unknown_batches {
            let there = batch.iter().filter(|id| self.seen.contains_key(id)).count();
            assert!(
                there == 0 || there == batch.len(),
                "{there} of the {} events of a batch survived",
                batch.len()
            );
        }
    }
}
