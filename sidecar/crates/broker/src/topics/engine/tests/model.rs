//! The machine against a plain reading of the promise: random commands, equal behaviour.

use std::time::Duration;

use model::{Timestamp, Uid};
use proptest::prelude::*;

use super::harness::*;
use crate::configuration::SubscriptionConfig;
use crate::topics::effects::Delivered;
use crate::topics::engine::Settlement;

const AUDIT: Uid = Uid::from_u128(12);
const TIME_TO_LIVE: Duration = Duration::from_secs(300);
const TYPES: [&str; 2] = ["placed", "paid"];

/// The reference: a subscription is a list of events, each with a count and a time until which it is hidden.
#[derive(Default)]
struct Model {
    subscriptions: Vec<Queue>,
    letters: Vec<(u64, &'static str)>,
}

struct Queue {
    config: SubscriptionConfig,
    declared: bool,
    events: Vec<Held>,
}

struct Held {
    id: u64,
    enqueued: Timestamp,
    count: u16,
    hidden_until: Option<Timestamp>,
    locked: bool,
}

impl Model {
    fn publish(&mut self, id: u64, type_: &str, now: Timestamp) {
        let wants = |queue: &&mut Queue| {
            let types = &queue.config.filter.included_types;
            queue.declared && (types.is_empty() || types.iter().any(|each| each == type_))
        };
        for queue in self.subscriptions.iter_mut().filter(wants) {
            queue.events.push(Held {
                id,
                enqueued: now,
                count: 0,
                hidden_until: None,
                locked: false,
            });
        }
    }

    fn time_passes(&mut self, now: Timestamp) {
        for queue in self.subscriptions.iter_mut().filter(|queue| queue.declared) {
            let (max, dead_letter) = (queue.config.max_delivery_count, queue.config.dead_letter);
            let letters = &mut self.letters;
            queue.events.retain_mut(|held| {
                if held.hidden_until.is_some_and(|until| until > now) {
                    return true;
                }
                (held.hidden_until, held.locked) = (None, false);
                let reason = match () {
                    () if held.enqueued + TIME_TO_LIVE <= now => "TimeToLiveExceeded",
                    () if held.count >= u16::from(max) => "MaxDeliveryAttemptsExceeded",
                    () => return true,
                };
                letters.extend(dead_letter.map(|_| (held.id, reason)));
                false
            });
        }
    }

    fn receive(&mut self, subscription: usize, max: usize, now: Timestamp) -> Vec<(u64, u16)> {
        let queue = &mut self.subscriptions[subscription];
        let lock = queue.config.lock_duration;
        let visible = queue
            .events
            .iter_mut()
            .filter(|held| held.hidden_until.is_none())
            .take(max);
        let lock = |held: &mut Held| {
            held.count += 1;
            (held.hidden_until, held.locked) = (Some(now + lock), true);
            (held.id, held.count)
        };
        visible.map(lock).collect()
    }

    fn settle(
        &mut self,
        subscription: usize,
        id: u64,
        count: u16,
        settlement: Settlement,
        now: Timestamp,
    ) -> bool {
        let queue = &mut self.subscriptions[subscription];
        let held = queue
            .events
            .iter()
            .position(|held| held.id == id && held.locked && held.count == count);
        let Some(position) = held.filter(|_| queue.declared) else {
            return false;
        };
        let held = &mut queue.events[position];
        match settlement {
            Settlement::RenewLock => held.hidden_until = Some(now + queue.config.lock_duration),
            Settlement::Release { delay } => {
                let exhausted = held.count >= u16::from(queue.config.max_delivery_count);
                held.hidden_until = (!delay.is_zero() && !exhausted).then_some(now + delay);
                held.locked = false;
            }
            Settlement::Acknowledge => drop(queue.events.remove(position)),
            Settlement::Reject => {
                queue.events.remove(position);
                self.letters
                    .extend(queue.config.dead_letter.map(|_| (id, "Rejected")));
            }
        }
        true
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Receive {
        subscription: usize,
        max: usize,
    },
    /// The nth delivery that was ever made.
    Settle {
        nth: prop::sample::Index,
        settlement: Settlement,
    },
    /// The last deliveries did not arrive.
    Undelivered,
    TimePasses(u64),
    Snapshot,
    Restart,
    /// It leaves, or returns.
    Toggle(usize),
    Redrive(prop::sample::Index),
    /// Of two dead letters, and of one that is not there.
    Remove([prop::sample::Index; 2]),
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![0..5_u64, 20..70_u64];
    let settlement = prop_oneof![
        4 => Just(Settlement::Acknowledge),
        4 => prop_oneof![Just(0), Just(10), Just(60)]
            .prop_map(|seconds| Settlement::Release { delay: Duration::from_secs(seconds) }),
        1 => Just(Settlement::Reject),
        1 => Just(Settlement::RenewLock),
    ];
    prop_oneof![
        6 => (0..TYPES.len()).prop_map(Step::Publish),
        6 => (0..2_usize, 1..5_usize).prop_map(|(subscription, max)| Step::Receive { subscription, max }),
        6 => (any::<prop::sample::Index>(), settlement)
            .prop_map(|(nth, settlement)| Step::Settle { nth, settlement }),
        1 => Just(Step::Undelivered),
        3 => seconds.prop_map(Step::TimePasses),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
        1 => (0..2_usize).prop_map(Step::Toggle),
        1 => any::<prop::sample::Index>().prop_map(Step::Redrive),
        1 => any::<[prop::sample::Index; 2]>().prop_map(Step::Remove),
    ]
}

/// Both at once, and what they must agree on.
struct Pair {
    real: Harness,
    model: Model,
    /// Everything that was ever delivered: subscription, real delivery, event.
    delivered: Vec<(usize, Delivered, u64)>,
    last: (usize, Vec<Delivered>),
}

const SUBSCRIPTIONS: [Uid; 2] = [BILLING, AUDIT];

impl Pair {
    fn new() -> Self {
        let mut billing = subscription(BILLING, "billing");
        billing.dead_letter = Some(DEAD);
        billing.time_to_live = Some(TIME_TO_LIVE);
        let mut audit = subscription(AUDIT, "audit");
        audit.filter = only_type("paid");
        audit.max_delivery_count = 2;
        audit.time_to_live = Some(TIME_TO_LIVE);
        let subscriptions = vec![billing, audit];
        let queue = |config: &SubscriptionConfig| Queue {
            config: config.clone(),
            declared: true,
            events: Vec::new(),
        };
        let model = Model {
            subscriptions: subscriptions.iter().map(queue).collect(),
            letters: Vec::new(),
        };
        let mut real = Harness::new(vec![
            topic(ORDERS, "orders", subscriptions),
            topic(DEAD, "dead", Vec::new()),
        ]);
        real.deletion.policy = crate::DeletionPolicy::Retain;
        real.configure();
        Self {
            real,
            model,
            delivered: Vec::new(),
            last: (0, Vec::new()),
        }
    }

    fn step(&mut self, step: &Step) {
        let now = self.real.now;
        match step {
            Step::Publish(type_) => {
                let id = self.real.publish(TYPES[*type_]);
                self.model.publish(id, TYPES[*type_], now);
            }
            Step::Receive { subscription, max } => self.receive(*subscription, *max),
            Step::Settle { nth, settlement } => self.settle(nth, *settlement),
            Step::Undelivered => self.undelivered(),
            Step::TimePasses(seconds) => {
                self.real.advance(Duration::from_secs(*seconds));
                self.model.time_passes(self.real.now);
            }
            Step::Snapshot => self.real.take_snapshot(),
            Step::Restart => self.real.restart(),
            Step::Toggle(subscription) => self.toggle(*subscription),
            Step::Redrive(nth) => self.redrive(nth),
            Step::Remove(which) => self.remove(which),
        }
        self.model.time_passes(self.real.now);
        self.compare();
    }

    fn receive(&mut self, subscription: usize, max: usize) {
        if !self.model.subscriptions[subscription].declared {
            return;
        }
        let real = self.real.receive(SUBSCRIPTIONS[subscription], max);
        let ids = self.real.ids(&real);
        let seen: Vec<(u64, u16)> = ids
            .iter()
            .copied()
            .zip(real.iter().map(|each| each.delivery_count))
            .collect();
        assert_eq!(seen, self.model.receive(subscription, max, self.real.now));
        self.delivered
            .extend(real.iter().zip(ids).map(|(each, id)| (subscription, *each, id)));
        self.last = (subscription, real);
    }

    fn settle(&mut self, nth: &prop::sample::Index, settlement: Settlement) {
        if self.delivered.is_empty() {
            return;
        }
        let (subscription, delivered, id) = self.delivered[nth.index(self.delivered.len())];
        if !self.model.subscriptions[subscription].declared {
            return;
        }
        let real = self
            .real
            .settle(SUBSCRIPTIONS[subscription], settlement, delivered);
        let now = self.real.now;
        let model = self
            .model
            .settle(subscription, id, delivered.delivery_count, settlement, now);
        assert_eq!(real.is_ok(), model, "{settlement:?} of {id} in {subscription}");
    }

    fn undelivered(&mut self) {
        let (subscription, events) = std::mem::take(&mut self.last);
        let queue = &mut self.model.subscriptions[subscription];
        if !queue.declared || events.is_empty() {
            return;
        }
        self.real.undelivered(SUBSCRIPTIONS[subscription], &events);
        for (id, delivered) in self.real.ids(&events).into_iter().zip(&events) {
            let same =
                |held: &&mut Held| held.id == id && held.locked && held.count == delivered.delivery_count;
            if let Some(held) = queue.events.iter_mut().find(same) {
                (held.count, held.hidden_until, held.locked) = (held.count - 1, None, false);
            }
        }
        // Their tokens never reached anybody.
        self.delivered
            .retain(|(_, delivered, _)| !events.contains(delivered));
    }

    fn toggle(&mut self, subscription: usize) {
        let queue = &mut self.model.subscriptions[subscription];
        queue.declared = !queue.declared;
        let declared = self.model.subscriptions.iter().filter(|queue| queue.declared);
        self.real.topics[0].subscriptions = declared.map(|queue| queue.config.clone()).collect();
        self.real.configure();
    }

    fn redrive(&mut self, nth: &prop::sample::Index) {
        let letters = self.real.letters();
        if letters.is_empty() {
            return;
        }
        let (sequence, id, reason) = letters[nth.index(letters.len())].clone();
        let queue = &mut self.model.subscriptions[0];
        assert_eq!(self.real.redrive(sequence).is_ok(), queue.declared);
        if queue.declared {
            let letter = self
                .model
                .letters
                .iter()
                .position(|(other, same)| *other == id && *same == reason);
            self.model.letters.remove(letter.unwrap());
            let enqueued = self.real.now;
            queue.events.push(Held {
                id,
                enqueued,
                count: 0,
                hidden_until: None,
                locked: false,
            });
            // The event has another number now, so that its old deliveries name nothing.
            self.delivered.retain(|(_, _, delivered)| *delivered != id);
        }
    }

    fn remove(&mut self, which: &[prop::sample::Index; 2]) {
        let letters = self.real.letters();
        if letters.is_empty() {
            return;
        }
        let mut gone = which.map(|nth| nth.index(letters.len())).to_vec();
        let sequences = gone.iter().map(|at| letters[*at].0);
        self.real
            .remove_letters(&sequences.chain([u64::MAX]).collect::<Vec<_>>());
        gone.sort_unstable();
        gone.dedup();
        for at in gone {
            let (_, id, reason) = &letters[at];
            let same = |(other, its): &(u64, &str)| other == id && its == reason;
            let letter = self.model.letters.iter().position(same);
            self.model.letters.remove(letter.unwrap());
        }
    }

    fn compare(&self) {
        let mut real: Vec<(u64, String)> = self
            .real
            .letters()
            .into_iter()
            .map(|(_, id, reason)| (id, reason))
            .collect();
        let mut model: Vec<(u64, String)> = self
            .model
            .letters
            .iter()
            .map(|(id, reason)| (*id, String::from(*reason)))
            .collect();
        real.sort_unstable();
        model.sort_unstable();
        assert_eq!(real, model, "dead letters");
        let stream = self.real.engine.stream(ORDERS).unwrap();
        for (uid, queue) in SUBSCRIPTIONS.iter().zip(&self.model.subscriptions) {
            let real = stream.existing().find(|each| each.uid == *uid).unwrap();
            assert_eq!(real.sequences().count(), queue.events.len(), "backlog");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_behaves_like_the_model(steps in prop::collection::vec(step(), 1..80)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
    }
}
