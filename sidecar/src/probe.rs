//! Ready means that an event went through, not that a port is open.
//!
//! At start, before the doors open, one event is published to a topic that only this module knows, received and
//! acknowledged. The topic is gone with its data before anybody can ask for it; its name is none that a document can
//! declare.

use std::time::Duration;

use auth::Permit;
use broker::{Broker, Error, FilterConfig, SubscriptionConfig, TopicConfig, TraceContext};
use bytes::Bytes;
use model::Uid;
use model::cloud_event;

const TOPIC: &str = "$probe";
const SUBSCRIPTION: &str = "$probe";
const TOPIC_UID: u128 = 0x7765_6674_0000_4000_8000_7072_6f62_6500;
const SUBSCRIPTION_UID: u128 = TOPIC_UID + 1;

const EVENT: &[u8] = br#"{"specversion":"1.0","id":"1","source":"/weft/probe","type":"dev.weft.probe"}"#;
/// The event is there already; this only bounds the wait for a fault of ours.
const PATIENCE: Duration = Duration::from_secs(5);

/// The topic to configure before [`run`], and to leave out after it.
pub(crate) fn topic() -> TopicConfig {
    TopicConfig {
        uid: Uid::from_u128(TOPIC_UID),
        name: TOPIC.to_owned(),
        retention: Duration::from_hours(24),
        subscriptions: vec![SubscriptionConfig {
            uid: Uid::from_u128(SUBSCRIPTION_UID),
            name: SUBSCRIPTION.to_owned(),
            lock_duration: Duration::from_secs(60),
            max_delivery_count: 10,
            time_to_live: None,
            filter: FilterConfig::default(),
            dead_letter: None,
        }],
    }
}

/// One event through the whole broker and log.
///
/// # Errors
/// What the broker says. `Full` means that publishing is refused, as it should be on a full disk, while events can
/// still be received and settled.
pub(crate) async fn run(broker: &Broker) -> Result<(), Error> {
    let topic = broker.topic(TOPIC).ok_or(Error::NotFound)?;
    let subscription = topic.subscription(SUBSCRIPTION).ok_or(Error::NotFound)?;
    let events =
        cloud_event::structured_or_batch(&Bytes::from_static(EVENT), &cloud_event::Limits::default())
            .map_err(|_| Error::Internal)?;
    topic
        .publish(&Permit::internal(), &events, TraceContext::default())
        .await?;
    let listen = Permit::internal();
    // A crash may have left one behind; all of them are settled.
    loop {
        let deliveries = subscription.receive(&listen, 100, PATIENCE).await?;
        let count = deliveries.len();
        let tokens = deliveries
            .into_iter()
            .map(|delivery| Ok(delivery.lock_token))
            .collect();
        let settled = subscription.acknowledge(&listen, tokens).await?;
        if count == 0 || settled.iter().any(Result::is_err) {
            return Err(Error::Internal);
        }
        if count < 100 {
            return Ok(());
        }
    }
}

/// Deletes what the probe left in the log, once its topic is no longer configured.
///
/// # Errors
/// What the broker says; the data then goes with its retention.
pub(crate) async fn clean(broker: &Broker) -> Result<(), Error> {
    broker.purge(&Permit::internal(), Uid::from_u128(TOPIC_UID)).await
}
