//! What clients under load know, and what must therefore be so, whatever happened to the broker meanwhile.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::EventGrid;
use crate::eventgrid::{Delivery, Settlement};

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

/// Settles, and tells the ledger what is known about it; false when the connection was cut.
pub fn settle(
    client: &mut EventGrid,
    ledger: &Mutex<Ledger>,
    settlement: Settlement,
    deliveries: &[&Delivery],
) -> bool {
    if deliveries.is_empty() {
        return true;
    }
    let tokens = deliveries.iter().map(|delivery| delivery.lock_token.as_str());
    let result = client.settle("orders", "billing", settlement, tokens);
    if settlement == Settlement::Acknowledge {
        let mut ledger = ledger.lock().expect("no test thread panics");
        for delivery in deliveries {
            let outcome = match &result {
                Ok(settled) if settled.succeeded.contains(&delivery.lock_token) => Outcome::Acknowledged,
                Ok(_) => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
            ledger.settled(delivery, outcome);
        }
    }
    result.is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivery(id: u64, delivery_count: u64) -> Delivery {
        Delivery {
            event: json!({"id": id.to_string()}),
            lock_token: String::new(),
            delivery_count,
        }
    }

    #[test]
    fn what_happens_to_a_broker_that_keeps_its_promises_is_in_order() {
        let mut ledger = Ledger::default();
        ledger.published(vec![1, 2], true);
        ledger.published(vec![3, 4], false);
        ledger.published(vec![5, 6], false);
        ledger.received(&[delivery(1, 1), delivery(2, 1)]);
        ledger.settled(&delivery(1, 1), Outcome::Acknowledged);
        ledger.settled(&delivery(2, 1), Outcome::Unknown);
        ledger.received(&[delivery(2, 2), delivery(5, 1), delivery(6, 1)]);
        ledger.check_complete();
    }

    #[test]
    #[should_panic(expected = "1 acknowledged events were lost: [2]")]
    fn a_lost_event_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.published(vec![1, 2], true);
        ledger.received(&[delivery(1, 1)]);
        ledger.check_complete();
    }

    #[test]
    #[should_panic(expected = "event 1 came again after it was acknowledged")]
    fn an_event_that_returns_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.received(&[delivery(1, 1)]);
        ledger.settled(&delivery(1, 1), Outcome::Acknowledged);
        ledger.received(&[delivery(1, 2)]);
        ledger.check_complete();
    }

    #[test]
    #[should_panic(expected = "the delivery count of event 1 went from 2 to 1")]
    fn a_forgotten_delivery_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.received(&[delivery(1, 2)]);
        ledger.received(&[delivery(1, 1)]);
        ledger.check_complete();
    }

    #[test]
    #[should_panic(expected = "1 of the 2 events of a batch survived")]
    fn half_a_batch_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.published(vec![1, 2], false);
        ledger.received(&[delivery(1, 1)]);
        ledger.check_complete();
    }
}
