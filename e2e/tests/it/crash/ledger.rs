//! What the clients know, and what must therefore be so.

use std::collections::BTreeMap;

use e2e::eventgrid::Delivery;

/// What a client knows about its acknowledgement of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
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
pub(super) struct Ledger {
    seen: BTreeMap<u64, Seen>,
    acknowledged_batches: Vec<Vec<u64>>,
    unknown_batches: Vec<Vec<u64>>,
    violations: Vec<String>,
}

impl Ledger {
    pub(super) fn published(&mut self, ids: Vec<u64>, acknowledged: bool) {
        let batches = if acknowledged {
            &mut self.acknowledged_batches
        } else {
            &mut self.unknown_batches
        };
        batches.push(ids);
    }

    pub(super) fn received(&mut self, deliveries: &[Delivery]) {
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

    pub(super) fn settled(&mut self, delivery: &Delivery, outcome: Outcome) {
        let id: u64 = delivery.id().parse().expect("the ids of this test are numbers");
        let seen = self.seen.entry(id).or_default();
        seen.acknowledged |= outcome == Outcome::Acknowledged;
    }

    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Whether enough happened for the test to mean something.
    pub(super) fn is_substantial(&self) -> bool {
        let again = self.seen.values().filter(|seen| seen.deliveries > 1).count();
        self.acknowledged_batches.len() > 500 && !self.unknown_batches.is_empty() && again > 100
    }

    pub(super) fn summary(&self) -> String {
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
    pub(super) fn check_complete(&self) {
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
