//! The handle to everything.

use std::time::Duration;

use auth::{Listen, Manage, Permit, Send};
use model::{ByteCount, Event, Timestamp, Uid};

use crate::{
    DeadLetters, DeletionConfig, Delivery, Error, LockToken, SettleError, Tail, TopicConfig, Undecodable,
};

/// All topics of the Namespace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broker {}

/// One declared topic. Cheap to clone; its operations answer NotFound once the topic is no longer declared.
#[derive(Clone, Debug)]
pub struct Topic {}

/// One declared event subscription. Cheap to clone; its operations answer NotFound once it is no longer declared.
#[derive(Clone, Debug)]
pub struct Subscription {}

/// The trace context of the request that publishes; stamped on events that carry none.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext<'a> {
    /// The W3C header of that name.
    pub traceparent: Option<&'a str>,
    /// The W3C header of that name.
    pub tracestate: Option<&'a str>,
}

/// The data of one topic, declared or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// The topic's uid.
    pub uid: Uid,
    /// The topic's name when it was last declared.
    pub name: String,
    /// Whether it is declared.
    pub state: StreamState,
    /// Events that somebody still wants.
    pub events: u64,
    /// What they take in the log.
    pub bytes: ByteCount,
}

/// Whether the topic of a stream is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// It is.
    Open,
    /// It is not, since then.
    Closed {
        /// When it disappeared from the configuration.
        since: Timestamp,
    },
}

impl Broker {
    /// Makes the broker serve these topics. Returns when the change is durable and the next publish or receive
    /// sees it.
    ///
    /// # Errors
    /// Invalid names what breaks a limit; nothing was changed. Full when the log cannot take the change.
    pub async fn configure(&self, _topics: Vec<TopicConfig>, _deletion: DeletionConfig) -> Result<(), Error> {
        Err(Error::Unavailable)
    }

    /// The topic of that name, ignoring case.
    pub fn topic(&self, _name: &str) -> Option<Topic> {
        None
    }

    /// The dead letters of the topic of that name, ignoring case.
    pub fn dead_letters(&self, _topic: &str) -> Option<DeadLetters> {
        None
    }

    /// The data of all topics, ordered by name.
    ///
    /// # Errors
    /// Closed while the broker is stopping.
    pub async fn streams(&self) -> Result<Vec<StreamInfo>, Error> {
        Err(Error::Unavailable)
    }

    /// Deletes the data of a topic or subscription that is no longer declared, without waiting for its grace.
    ///
    /// # Errors
    /// NotFound when there is none; Invalid when it is still declared.
    pub async fn purge(&self, _permit: &Permit<Manage>, _uid: Uid) -> Result<(), Error> {
        Err(Error::Unavailable)
    }
}

impl Topic {
    /// The name as it was declared.
    pub fn name(&self) -> &str {
        ""
    }

    /// Publishes all events or none, in their order. Returns once they are durable.
    ///
    /// # Cancel safety
    /// If this does not resolve, the events may be published or not, but all or none of them.
    ///
    /// # Errors
    /// NotFound, Full, Busy, Closed.
    pub async fn publish(
        &self,
        _permit: &Permit<Send>,
        _events: &[Event],
        _trace: TraceContext<'_>,
    ) -> Result<(), Error> {
        Err(Error::Unavailable)
    }

    /// The subscription of that name, ignoring case.
    pub fn subscription(&self, _name: &str) -> Option<Subscription> {
        None
    }

    /// The events that are published from now on.
    pub fn tail(&self, _permit: &Permit<Listen>) -> Tail {
        Tail::new(tokio::sync::broadcast::channel(1).1)
    }
}

impl Subscription {
    /// The name as it was declared.
    pub fn name(&self) -> &str {
        ""
    }

    /// At most `max_events` events, as soon as there is one; none if there was none for `max_wait`.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were chosen for a call that is dropped are available again at once.
    ///
    /// # Errors
    /// NotFound, also while it waits; Busy when too many receivers wait; Closed.
    pub async fn receive(
        &self,
        _permit: &Permit<Listen>,
        _max_events: usize,
        _max_wait: Duration,
    ) -> Result<Vec<Delivery>, Error> {
        Err(Error::Unavailable)
    }

    /// Removes the events from the subscription. One result per token, in their order; durable when it returns.
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn acknowledge(
        &self,
        _permit: &Permit<Listen>,
        _tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        Err(Error::Unavailable)
    }

    /// Makes the events available again after `delay`. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn release(
        &self,
        _permit: &Permit<Listen>,
        _tokens: Vec<Result<LockToken, Undecodable>>,
        _delay: Duration,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        Err(Error::Unavailable)
    }

    /// Dead-letters or drops the events. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn reject(
        &self,
        _permit: &Permit<Listen>,
        _tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        Err(Error::Unavailable)
    }

    /// Lets the locks last another lock duration from now; the tokens stay valid. See [`Subscription::acknowledge`].
    ///
    /// # Errors
    /// NotFound, Full, Closed.
    pub async fn renew_lock(
        &self,
        _permit: &Permit<Listen>,
        _tokens: Vec<Result<LockToken, Undecodable>>,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        Err(Error::Unavailable)
    }
}
