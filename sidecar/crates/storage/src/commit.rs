//! The promise that an append is durable, shared by everything that one group commit wrote.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::Position;

/// An append on its way to the disk. Cheap to clone; waiting costs nothing until somebody polls.
#[derive(Clone, Debug)]
pub struct Commit {
    /// `None` when it was durable from the start.
    group: Option<Arc<Group>>,
    position: Position,
}

impl Commit {
    pub(crate) fn done(position: Position) -> Self {
        Self {
            group: None,
            position,
        }
    }

    pub(crate) fn pending(group: Arc<Group>, position: Position) -> Self {
        Self {
            group: Some(group),
            position,
        }
    }

    /// The position of the first record of the append.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a power cut can no longer take the append back.
    pub fn is_durable(&self) -> bool {
        self.group.as_ref().is_none_or(|group| group.is_done())
    }

    /// Resolves once a power cut can no longer take the append back. Never resolves when the disk failed: that ends
    /// the process.
    ///
    /// # Cancel safety
    /// Cancel safe; the append itself goes on.
    pub fn durable(&self) -> Durable {
        Durable {
            group: self.group.clone(),
            slot: None,
        }
    }
}

/// Future of [`Commit::durable`].
#[derive(Debug)]
pub struct Durable {
    group: Option<Arc<Group>>,
    slot: Option<usize>,
}

impl Future for Durable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match &this.group {
            Some(group) => group.poll(&mut this.slot, context.waker()),
            None => Poll::Ready(()),
        }
    }
}

/// Everybody who waits for one group commit.
#[derive(Debug, Default)]
pub(crate) struct Group {
    done: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Group {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn poll(&self, slot: &mut Option<usize>, waker: &Waker) -> Poll<()> {
        if self.is_done() {
            return Poll::Ready(());
        }
        let mut wakers = self.wakers.lock();
        // Again under the lock: `complete` sets the flag before it takes the list.
        if self.is_done() {
            return Poll::Ready(());
        }
        match *slot {
            Some(index) => wakers[index].clone_from(waker),
            None => {
                *slot = Some(wakers.len());
                wakers.push(waker.clone());
            }
        }
        Poll::Pending
    }

    /// Wakes everybody; each waiter once.
    pub(crate) fn complete(&self) {
        self.done.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_completion_wakes_every_waiter() {
        let group = Arc::new(Group::default());
        let waiters: Vec<_> = (0..3)
            .map(|n| Commit::pending(group.clone(), Position::new(n)).durable())
            .collect();
        let joined = futures_util::future::join_all(waiters);
        let completer = std::thread::spawn(move || group.complete());
        joined.await;
        completer.join().unwrap();
    }

    #[tokio::test]
    async fn a_waiter_that_comes_late_does_not_wait() {
        let group = Arc::new(Group::default());
        group.complete();
        let commit = Commit::pending(group, Position::START);
        assert!(commit.is_durable());
        commit.durable().await;
    }
}
