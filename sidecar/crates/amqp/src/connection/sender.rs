//! The sending end of a link: the peer receives.

use crate::performative::Flow;

/// Deliveries are settled when they leave, so that nothing of them is kept.
#[derive(Debug, Default)]
pub(super) struct Sender {
    /// Begins at 0, as our attach says.
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    pub(super) drain: Drain,
}

/// Part 2, 2.6.7: a receiver that drains wants what is there now and its credit back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drain {
    #[default]
    Off,
    /// The application owes [`Sender::drained`].
    Asked,
    Done,
}

impl Sender {
    /// Whether something has changed that the application wants to know.
    pub(super) fn on_flow(&mut self, flow: &Flow) -> bool {
        let Some(link_credit) = flow.link_credit else {
            return false;
        };
        // A receiver that does not know our attach yet counts from its beginning.
        let seen = flow.delivery_count.unwrap_or(0);
        let credit = remaining(link_credit, self.delivery_count.wrapping_sub(seen));
        let drain = if flow.drain { Drain::Asked } else { Drain::Off };
        let changed = credit != self.credit || drain != self.drain || flow.drain;
        self.credit = credit;
        self.drain = drain;
        changed
    }

    pub(super) fn sent(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
    }

    /// Uses the credit up.
    pub(super) fn drained(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
        self.drain = Drain::Done;
    }
}

/// What is left of an allowance, counted from where the peer was when it gave it (part 2, 2.6.7 and 2.5.6).
///
/// The numbers are serial (RFC 1982): half of them are behind us. A peer that has seen more than there was counts in its own
/// way, as there are clients that do; it gets what it asks for.
pub(super) fn remaining(allowance: u32, in_flight: u32) -> u32 {
    if in_flight.cast_signed() < 0 {
        return allowance;
    }
    allowance.saturating_sub(in_flight)
}
