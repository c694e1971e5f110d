//! How much a peer lets us send on a session with one link.

use amqp::performative::{Begin, Flow};

/// The number of the first transfer, and of the first delivery: large enough for the longer form on the wire.
pub(super) const FIRST: u32 = 1 << 20;

/// What is left of the session's window and of the link's credit (AMQP 1.0, part 2, 2.5.6 and 2.6.7).
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    next_transfer: u32,
    transfers_end: u32,
    delivery_count: u32,
    deliveries_end: u32,
}

impl Window {
    pub(super) fn new(begin: &Begin) -> Self {
        Self {
            next_transfer: FIRST,
            transfers_end: FIRST.wrapping_add(begin.incoming_window),
            delivery_count: 0,
            deliveries_end: 0,
        }
    }

    pub(super) fn on_flow(&mut self, flow: &Flow) {
        let next = flow.next_incoming_id.unwrap_or(FIRST);
        self.transfers_end = next.wrapping_add(flow.incoming_window);
        if flow.handle.is_some() {
            let count = flow.delivery_count.unwrap_or_default();
            self.deliveries_end = count.wrapping_add(flow.link_credit.unwrap_or_default());
        }
    }

    /// Deliveries of so many frames that may be sent now.
    pub(super) fn deliveries(&self, frames: u32) -> usize {
        let credit = left(self.delivery_count, self.deliveries_end);
        let window = left(self.next_transfer, self.transfers_end) / frames;
        credit.min(window) as usize
    }

    pub(super) fn sent(&mut self, deliveries: usize, frames: u32) {
        let deliveries = deliveries as u32;
        self.delivery_count = self.delivery_count.wrapping_add(deliveries);
        self.next_transfer = self.next_transfer.wrapping_add(deliveries * frames);
    }
}

/// Serial numbers (RFC 1982): a window that was closed behind us is none.
fn left(from: u32, end: u32) -> u32 {
    let left = end.wrapping_sub(from);
    if left > u32::MAX / 2 { 0 } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(incoming_window: u32) -> Begin {
        Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window,
            outgoing_window: 0,
            handle_max: 0,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Vec::new(),
        }
    }

    #[test]
    fn credit_and_window_both_bound_what_is_sent() {
        let mut window = Window::new(&begin(10));
        assert_eq!(window.deliveries(1), 0);
        window.on_flow(&Flow {
            next_incoming_id: Some(FIRST),
            incoming_window: 10,
            handle: Some(0),
            link_credit: Some(4),
            ..Flow::default()
        });
        assert_eq!((window.deliveries(1), window.deliveries(5)), (4, 2));
        window.sent(2, 5);
        assert_eq!(window.deliveries(1), 0);
        window.on_flow(&Flow {
            next_incoming_id: Some(FIRST + 10),
            incoming_window: 10,
            ..Flow::default()
        });
        assert_eq!(window.deliveries(1), 2);
    }

    #[test]
    fn a_window_that_was_closed_behind_us_lets_nothing_through() {
        let mut window = Window::new(&begin(10));
        window.deliveries_end = 10;
        window.sent(5, 1);
        window.on_flow(&Flow {
            next_incoming_id: Some(FIRST),
            incoming_window: 3,
            ..Flow::default()
        });
        assert_eq!(window.deliveries(1), 0);
    }
}
