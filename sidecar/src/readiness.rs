//! Whether the next publish or receive succeeds.

use tokio::sync::watch;

use crate::error::Error;

/// Cheap to clone; clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    state: watch::Sender<State>,
    /// The same for the operations port, which knows no more than yes and no.
    is_ready: watch::Sender<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    Stopping,
}

impl Readiness {
    pub(crate) fn starting() -> Self {
        Self {
            state: watch::Sender::new(State::Starting),
            is_ready: watch::Sender::new(false),
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.is_ready.subscribe()
    }

    /// An event went through. Does nothing once a stop has begun.
    pub(crate) fn set_ready(&self) {
        self.state.send_if_modified(|state| {
            let starts = *state == State::Starting;
            if starts {
                *state = State::Ready;
                self.is_ready.send_replace(true);
            }
            starts
        });
    }

    pub(crate) fn stopping(&self) {
        self.state.send_replace(State::Stopping);
        self.is_ready.send_replace(false);
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| *state != State::Starting).await;
        match state.as_deref() {
            Ok(State::Ready) => Ok(()),
            Ok(State::Starting | State::Stopping) | Err(_) => Err(Error::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_ends_the_wait_and_is_final() {
        let readiness = Readiness::starting();
        assert!(!*readiness.watch().borrow());
        readiness.stopping();
        readiness.set_ready();
        assert!(!*readiness.watch().borrow());
        assert!(matches!(readiness.ready().await, Err(Error::Stopped)));
    }

    #[tokio::test]
    async fn readiness_is_told_to_everybody_who_waits() {
        let readiness = Readiness::starting();
        let (told, ()) = tokio::join!(readiness.ready(), async { readiness.set_ready() });
        assert!(told.is_ok() && *readiness.watch().borrow());
    }
}
