//! Which write is sent next.

use std::collections::{HashMap, VecDeque};

/// In which order jobs are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As soon as there is room.
    First,
    /// When nothing of [`Order::First`] waits.
    Later,
}

/// At most one waiting job for each id, and at most one under way.
pub(super) struct OutQueue<J> {
    first: VecDeque<Box<str>>,
    later: VecDeque<Box<str>>,
    waiting: HashMap<Box<str>, (Order, u64, J)>,
    /// What is under way, by id: how it was queued, and what it says.
    under_way: HashMap<Box<str>, (Order, u64)>,
}

impl<J> Default for OutQueue<J> {
    fn default() -> Self {
        Self {
            first: VecDeque::new(),
            later: VecDeque::new(),
            waiting: HashMap::new(),
            under_way: HashMap::new(),
        }
    }
}

impl<J> OutQueue<J> {
    /// Queues a job. Whether a worker can take it now.
    pub(super) fn put(&mut self, order: Order, id: Box<str>, fingerprint: u64, job: J) -> bool {
        if self
            .under_way
            .get(&id)
            .is_some_and(|(_, sent)| *sent == fingerprint)
        {
            self.waiting.remove(&id);
            return false;
        }
        let is_new = self
            .waiting
            .insert(id.clone(), (order, fingerprint, job))
            .is_none();
        if is_new && !self.under_way.contains_key(&id) {
            self.enqueue(order, id);
            return true;
        }
        false
    }

    /// What the newest job of this id says: the one that waits, or else the one that is under way.
    pub(super) fn newest(&self, id: &str) -> Option<u64> {
        let waiting = self.waiting.get(id).map(|(_, fingerprint, _)| *fingerprint);
        waiting.or_else(|| self.under_way.get(id).map(|(_, fingerprint)| *fingerprint))
    }

    /// Takes back the job of this id that waits. Whether one is under way, which is too late to be taken back.
    pub(super) fn withdraw(&mut self, id: &str) -> bool {
        self.waiting.remove(id);
        self.under_way.contains_key(id)
    }

    /// The next job. It is under way until [`OutQueue::done`].
    pub(super) fn take(&mut self) -> Option<(Box<str>, J)> {
        loop {
            let id = self.first.pop_front().or_else(|| self.later.pop_front())?;
            if self.under_way.contains_key(&id) {
                continue;
            }
            if let Some((order, fingerprint, job)) = self.waiting.remove(&id) {
                self.under_way.insert(id.clone(), (order, fingerprint));
                return Some((id, job));
            }
        }
    }

    /// A job is no longer under way; `again` is the job itself if it has to be sent again, which it is unless a newer one
    /// waits.
    pub(super) fn done(&mut self, id: &str, again: Option<J>) {
        let Some((id, (order, fingerprint))) = self.under_way.remove_entry(id) else {
            return;
        };
        if let Some((order, ..)) = self.waiting.get(&id) {
            return self.enqueue(*order, id);
        }
        if let Some(job) = again {
            self.waiting.insert(id.clone(), (order, fingerprint, job));
            self.enqueue(order, id);
        }
    }

    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.later.clear();
        self.waiting.clear();
    }

    /// What waits and what is under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enqueue(&mut self, order: Order, id: Box<str>) {
        match order {
            Order::First => self.first.push_back(id),
            Order::Later => self.later.push_back(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_an_object_replaces_an_older_one_that_was_not_sent() {
        let mut queue = OutQueue::default();
        assert!(queue.put(Order::First, "a".into(), 1, "old"));
        assert!(!queue.put(Order::First, "a".into(), 2, "new"));
        assert_eq!(queue.take(), Some(("a".into(), "new")));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn an_object_has_one_write_under_way() {
        let mut queue = OutQueue::default();
        queue.put(Order::First, "a".into(), 1, "first");
        queue.take().unwrap();
        queue.put(Order::First, "a".into(), 2, "second");
        assert_eq!(queue.take(), None);
        queue.done("a", Some("first"));
        assert_eq!(
            queue.take(),
            Some(("a".into(), "second")),
            "not the one that failed"
        );
        queue.done("a", None);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_says_the_same_as_the_one_under_way_is_not_sent_twice() {
        let mut queue = OutQueue::default();
        queue.put(Order::First, "a".into(), 1, "x");
        queue.take().unwrap();
        queue.put(Order::First, "a".into(), 1, "x");
        queue.done("a", None);
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn the_newest_is_the_one_that_waits_or_else_the_one_that_is_under_way() {
        let mut queue = OutQueue::default();
        assert_eq!(queue.newest("a"), None);
        queue.put(Order::First, "a".into(), 1, "first");
        assert_eq!(queue.newest("a"), Some(1));
        queue.take().unwrap();
        assert_eq!(queue.newest("a"), Some(1));
        queue.put(Order::First, "a".into(), 2, "second");
        assert_eq!(queue.newest("a"), Some(2));
        queue.put(Order::First, "a".into(), 1, "as before");
        assert_eq!(queue.newest("a"), Some(1), "the second is not sent");
        queue.done("a", None);
        assert_eq!(queue.newest("a"), None);
    }

    #[test]
    fn what_waits_can_be_taken_back_and_what_is_under_way_cannot() {
        let mut queue = OutQueue::default();
        queue.put(Order::First, "a".into(), 1, "first");
        assert!(!queue.withdraw("a"));
        assert_eq!(queue.take(), None);
        queue.put(Order::First, "a".into(), 2, "second");
        assert_eq!(queue.take(), Some(("a".into(), "second")), "it can be put again");
        queue.put(Order::First, "a".into(), 3, "third");
        assert!(queue.withdraw("a"));
        queue.done("a", None);
        assert_eq!(queue.take(), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_failed_is_sent_again() {
        let mut queue = OutQueue::default();
        queue.put(Order::Later, "a".into(), 1, "x");
        queue.take().unwrap();
        queue.done("a", Some("x"));
        assert_eq!(queue.take(), Some(("a".into(), "x")));
    }

    #[test]
    fn statuses_go_before_secrets() {
        let mut queue = OutQueue::default();
        queue.put(Order::Later, "secret".into(), 1, "secret");
        queue.put(Order::First, "status".into(), 1, "status");
        assert_eq!(queue.take().unwrap().1, "status");
        assert_eq!(queue.take().unwrap().1, "secret");
    }
}
