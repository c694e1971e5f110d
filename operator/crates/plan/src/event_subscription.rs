//! An EventSubscription's spec, with its defaults.

use config::{DeadLetterStore, Subscription};
use crds::rules::{DURATION_IN_MINUTES, ONE_DEAD_LETTER};
use crds::shared::{Reason, Reference};
use crds::v1alpha1::{DeadLetter, EventSubscription, ObjectStoreDeadLetter};

use crate::decision::Refusal;
use crate::duration::IsoDuration;
use crate::filter::filter;
use crate::name::ClientName;
use crate::namespace::broken;

/// Azure's default, in seconds.
const LOCK_DURATION: i32 = 60;
/// Azure's default.
const MAX_DELIVERY_COUNT: i32 = 10;

/// The topic that a subscription belongs to, as far as the subscription depends on it.
pub(crate) struct Parent<'a> {
    pub(crate) resource_name: &'a str,
    pub(crate) retention: IsoDuration,
}

/// What the document says of a subscription that [`manifest::check`](crate::manifest::check) has passed.
pub(crate) fn subscription(
    object: &EventSubscription,
    uid: &str,
    name: &ClientName,
    parent: &Parent<'_>,
    dead_letter_topic: Option<String>,
) -> Result<Subscription, Refusal> {
    let queue = &object.spec.queue;
    let lock = queue.receive_lock_duration_in_seconds.unwrap_or(LOCK_DURATION);
    let deliveries = queue.max_delivery_count.unwrap_or(MAX_DELIVERY_COUNT);
    Ok(Subscription {
        uid: uid.to_owned(),
        name: name.as_str().to_owned(),
        resource_name: object.metadata.name.clone().unwrap_or_default(),
        lock_duration_seconds: u64::try_from(lock.clamp(60, 300)).unwrap_or(60),
        max_delivery_count: u8::try_from(deliveries.clamp(1, 10)).unwrap_or(10),
        time_to_live_seconds: time_to_live(queue.event_time_to_live.as_deref(), parent)?.as_seconds(),
        filter: filter(object.spec.filters_configuration.as_ref())?,
        dead_letter_topic,
        dead_letter_store: match destination(object)? {
            Some(Destination::ObjectStore(store)) => Some(DeadLetterStore {
                url: store.url.clone(),
            }),
            Some(Destination::Topic(_)) | None => None,
        },
    })
}

/// Where the dead letters of a subscription go.
pub(crate) enum Destination<'a> {
    Topic(&'a Reference),
    ObjectStore(&'a ObjectStoreDeadLetter),
}

/// None if they are dropped.
pub(crate) fn destination(object: &EventSubscription) -> Result<Option<Destination<'_>>, Refusal> {
    match &object.spec.dead_letter {
        None => Ok(None),
        Some(DeadLetter {
            topic_ref: Some(topic),
            object_store: None,
        }) => Ok(Some(Destination::Topic(topic))),
        Some(DeadLetter {
            topic_ref: None,
            object_store: Some(store),
        }) => Ok(Some(Destination::ObjectStore(store))),
        Some(_) => Err(broken("spec.deadLetter", &ONE_DEAD_LETTER)),
    }
}

/// An event cannot be delivered longer than it is kept.
pub(crate) fn time_to_live(text: Option<&str>, parent: &Parent<'_>) -> Result<IsoDuration, Refusal> {
    const PATH: &str = "spec.queue.eventTimeToLive";
    let Some(text) = text else {
        return Ok(parent.retention);
    };
    let time_to_live = IsoDuration::parse_minutes(text).ok_or_else(|| broken(PATH, &DURATION_IN_MINUTES))?;
    if time_to_live <= parent.retention {
        return Ok(time_to_live);
    }
    let (topic, retention) = (parent.resource_name, parent.retention);
    let rule = format!("{time_to_live} is longer than Topic {topic:?} keeps events, which is {retention}");
    let fix = format!("write at most {retention}, or raise eventRetentionInDays of the Topic (at most 7)");
    Err(Refusal::new(Reason::Invalid, PATH, rule, fix))
}
