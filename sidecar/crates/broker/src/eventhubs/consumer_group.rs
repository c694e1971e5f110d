//! Who may read a partition together with whom: consumer groups, places and epochs.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::error::{ReceiveError, ReceiverError};
use super::receiver::ReceiverOptions;

/// The consumer group that every hub has.
pub(crate) const DEFAULT: &str = "$Default";

/// Receivers without an epoch that may read one partition in one consumer group.
pub const RECEIVERS_MAX: usize = 5;

/// The place of a connected receiver.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) options: ReceiverOptions,
    /// The number of the event that it wants next.
    position: AtomicU64,
    ended: OnceLock<ReceiverError>,
}

impl Seat {
    pub(super) fn new(options: ReceiverOptions, position: u64) -> Self {
        Self {
            options,
            position: AtomicU64::new(position),
            ended: OnceLock::new(),
        }
    }

    pub(super) fn moved(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Why its receiver has to stop, if it has to.
    pub(super) fn ended(&self) -> Option<&ReceiverError> {
        self.ended.get()
    }

    /// The first reason stays.
    fn end(&self, reason: ReceiverError) {
        let _ = self.ended.set(reason);
    }

    fn stolen_by(&self, newcomer: &ReceiverOptions, new_epoch: i64) {
        self.end(ReceiverError::Stolen {
            new_receiver: newcomer.name.clone(),
            new_epoch,
            receiver: self.options.name.clone(),
            epoch: self.options.epoch,
        });
    }
}

/// The places at one partition in one consumer group: one with an epoch, or several without.
#[derive(Debug, Default)]
struct Seats(Vec<Arc<Seat>>);

impl Seats {
    /// Decides as Azure does, takes places away and gives one.
    fn admit(&mut self, seat: &Arc<Seat>) -> Result<(), ReceiveError> {
        let holder = self
            .0
            .iter()
            .find_map(|other| Some((other, other.options.epoch?)));
        match (holder, seat.options.epoch) {
            (Some((holder, epoch)), None) => {
                return Err(ReceiveError::EpochRequired {
                    receiver: holder.options.name.clone(),
                    epoch,
                });
            }
            (Some((holder, epoch)), Some(new)) if new < epoch => {
                return Err(ReceiveError::HigherEpoch {
                    receiver: holder.options.name.clone(),
                    epoch,
                });
            }
            // The same epoch wins as well: that is how processors take a partition over from each other.
            (_, Some(new)) => {
                for other in self.0.drain(..) {
                    other.stolen_by(&seat.options, new);
                }
            }
            (None, None) if self.0.len() >= RECEIVERS_MAX => {
                let receivers = self.0.iter().map(|other| other.options.name.clone());
                return Err(ReceiveError::TooManyReceivers {
                    receivers: receivers.collect(),
                });
            }
            (None, None) => (),
        }
        self.0.push(seat.clone());
        Ok(())
    }
}

/// One consumer group.
#[derive(Debug)]
struct Group {
    name: Arc<str>,
    /// By partition; only those at which somebody sits.
    seats: HashMap<u32, Seats>,
}

impl Group {
    fn taken(&self) -> TakenIn {
        let taken = |(partition, seats): (&u32, &Seats)| {
            let positions = seats.0.iter().map(|seat| seat.position());
            Some(Taken {
                partition: *partition,
                receivers: seats.0.len(),
                position: positions.max()?,
            })
        };
        TakenIn {
            group: self.name.clone(),
            places: self.seats.iter().filter_map(taken).collect(),
        }
    }

    fn end(&self) {
        let seats = self.seats.values().flat_map(|seats| &seats.0);
        seats.for_each(|seat| seat.end(ReceiverError::Gone));
    }
}

/// The consumer groups of one hub.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By lower-case name. None while the hub is not declared.
    declared: Option<BTreeMap<String, Group>>,
}

/// Places in one consumer group, for whoever counts.
#[derive(Debug)]
pub(super) struct TakenIn {
    pub(super) group: Arc<str>,
    /// Where somebody sits.
    pub(super) places: Vec<Taken>,
}

/// Places at one partition.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) partition: u32,
    /// Number of receivers.
    pub(super) receivers: usize,
    /// Of the one that is furthest.
    pub(super) position: u64,
}

impl Groups {
    /// These exist, and [`DEFAULT`]. Receivers of others end; tell them to look.
    pub(super) fn declare<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut before = self.declared.take().unwrap_or_default();
        let mut groups = BTreeMap::new();
        for name in [DEFAULT].into_iter().chain(names) {
            let key = name.to_lowercase();
            let known = before.remove(&key);
            let fresh = || Group {
                name: Arc::from(name),
                seats: HashMap::new(),
            };
            groups.entry(key).or_insert_with(|| known.unwrap_or_else(fresh));
        }
        before.values().for_each(Group::end);
        self.declared = Some(groups);
    }

    /// The hub is not declared any more. All receivers end; tell them to look.
    pub(super) fn close(&mut self) {
        let before = self.declared.take().unwrap_or_default();
        before.values().for_each(Group::end);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.name(name).is_some()
    }

    /// As it was declared.
    pub(super) fn name(&self, name: &str) -> Option<Arc<str>> {
        let group = self.declared.as_ref()?.get(&name.to_lowercase())?;
        Some(group.name.clone())
    }

    /// Gives a place. Receivers at the partition may have lost theirs; tell them to look.
    pub(super) fn take(&mut self, name: &str, partition: u32, seat: &Arc<Seat>) -> Result<(), ReceiveError> {
        let declared = self.declared.as_mut().ok_or(ReceiveError::NotFound)?;
        let group = declared.get_mut(&name.to_lowercase());
        let group = group.ok_or(ReceiveError::ConsumerGroupNotFound)?;
        let mut seats = group.seats.remove(&partition).unwrap_or_default();
        let admitted = seats.admit(seat);
        if !seats.0.is_empty() {
            group.seats.insert(partition, seats);
        }
        admitted
    }

    /// Its receiver is gone.
    pub(super) fn leave(&mut self, name: &str, partition: u32, seat: &Arc<Seat>) {
        let group = self
            .declared
            .as_mut()
            .and_then(|groups| groups.get_mut(&name.to_lowercase()));
        let Some(group) = group else { return };
        let Some(seats) = group.seats.get_mut(&partition) else {
            return;
        };
        seats.0.retain(|other| !Arc::ptr_eq(other, seat));
        if seats.0.is_empty() {
            group.seats.remove(&partition);
        }
    }

    /// Of every group, by name ignoring case.
    pub(super) fn taken(&self) -> Vec<TakenIn> {
        let groups = self.declared.iter().flat_map(BTreeMap::values);
        groups.map(Group::taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        groups: Groups,
    }

    impl Fixture {
        fn new() -> Self {
            let mut groups = Groups::default();
            groups.declare(["Audit"].into_iter());
            Self { groups }
        }

        fn connect(&mut self, name: &str, epoch: Option<i64>) -> Result<Arc<Seat>, ReceiveError> {
            self.connect_to("$default", name, epoch)
        }

        fn connect_to(
            &mut self,
            group: &str,
            name: &str,
            epoch: Option<i64>,
        ) -> Result<Arc<Seat>, ReceiveError> {
            let name = (!name.is_empty()).then(|| String::from(name));
            let seat = Arc::new(Seat::new(ReceiverOptions { name, epoch }, 0));
            self.groups.take(group, 0, &seat).map(|()| seat)
        }
    }

    fn stolen(seat: &Seat) -> Option<(Option<&str>, i64, Option<i64>)> {
        match seat.ended()? {
            ReceiverError::Stolen {
                new_receiver,
                new_epoch,
                epoch,
                ..
            } => Some((new_receiver.as_deref(), *new_epoch, *epoch)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn five_receivers_without_an_epoch_may_read_and_the_sixth_is_told_who_they_are() {
        let mut fixture = Fixture::new();
        let seats: Vec<_> = ["a", "b", "", "d", "e"]
            .into_iter()
            .map(|name| fixture.connect(name, None).unwrap())
            .collect();
        let names = ["a", "b", "", "d", "e"].map(|name| (!name.is_empty()).then(|| String::from(name)));
        let refused = fixture.connect("f", None).unwrap_err();
        assert_eq!(
            refused,
            ReceiveError::TooManyReceivers {
                receivers: names.to_vec()
            }
        );
        fixture.connect_to("audit", "f", None).expect("another group");
        fixture.groups.leave("$Default", 0, &seats[1]);
        fixture.connect("f", None).expect("a place is free");
    }

    #[test]
    fn an_epoch_takes_the_place_of_all_without_one() {
        let mut fixture = Fixture::new();
        let without = ["a", "b"].map(|name| fixture.connect(name, None).unwrap());
        let with = fixture.connect("c", Some(0)).unwrap();
        for seat in &without {
            assert_eq!(stolen(seat), Some((Some("c"), 0, None)));
        }
        assert_eq!(stolen(&with), None);
    }

    #[test]
    fn the_same_or_a_higher_epoch_takes_the_place_of_a_lower_one() {
        let mut fixture = Fixture::new();
        let first = fixture.connect("first", Some(0)).unwrap();
        let second = fixture.connect("", Some(0)).unwrap();
        let third = fixture.connect("third", Some(3)).unwrap();
        assert_eq!(stolen(&first), Some((None, 0, Some(0))));
        assert_eq!(stolen(&second), Some((Some("third"), 3, Some(0))));
        assert_eq!(stolen(&third), None);
    }

    #[test]
    fn a_lower_epoch_or_none_is_refused_while_a_higher_one_is_there() {
        let mut fixture = Fixture::new();
        let holder = fixture.connect("holder", Some(2)).unwrap();
        let receiver = Some(String::from("holder"));
        assert_eq!(
            fixture.connect("late", Some(1)).unwrap_err(),
            ReceiveError::HigherEpoch {
                receiver: receiver.clone(),
                epoch: 2
            }
        );
        assert_eq!(
            fixture.connect("late", None).unwrap_err(),
            ReceiveError::EpochRequired { receiver, epoch: 2 }
        );
        assert_eq!(stolen(&holder), None);
        fixture.groups.leave("$Default", 0, &holder);
        fixture
            .connect("late", Some(1))
            .expect("an epoch is forgotten with its receiver");
    }

    #[test]
    fn a_group_that_goes_takes_its_receivers_with_it_and_no_others() {
        let mut fixture = Fixture::new();
        let gone = fixture.connect_to("AUDIT", "a", None).unwrap();
        let stays = fixture.connect("b", None).unwrap();
        fixture.groups.declare(["billing"].into_iter());
        assert_eq!(gone.ended(), Some(&ReceiverError::Gone));
        assert_eq!(stays.ended(), None);
        assert!(fixture.groups.has("Billing") && !fixture.groups.has("audit"));
        let refused = fixture.connect_to("audit", "a", None).unwrap_err();
        assert_eq!(refused, ReceiveError::ConsumerGroupNotFound);
        fixture.groups.close();
        assert_eq!(stays.ended(), Some(&ReceiverError::Gone));
        assert_eq!(fixture.connect("b", None).unwrap_err(), ReceiveError::NotFound);
    }
}
