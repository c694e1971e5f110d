//! What is configured: topics, event subscriptions, filters, hubs, and what happens to data that nobody declares any more.

use std::time::Duration;

use model::{ByteCount, Uid};

/// One topic of the Namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// The resource's uid. The stream is keyed by it: another uid under the same name is an empty stream.
    pub uid: Uid,
    /// The name clients use, compared ignoring case. Unique within the Namespace; of two equal ones the first wins.
    pub name: String,
    /// How long an event may wait for its receivers at most.
    pub retention: Duration,
    /// At most [`SUBSCRIPTIONS_MAX`]; [`crate::Broker::configure`] refuses the rest.
    pub subscriptions: Vec<SubscriptionConfig>,
}

/// Event subscriptions of one topic. Memory: at most 1 KB each while idle.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;

/// One event subscription in queue delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionConfig {
    /// The resource's uid; another uid under the same name starts empty.
    pub uid: Uid,
    /// The name clients use, compared ignoring case. Unique within the topic.
    pub name: String,
    /// How long a received event stays invisible to others unless it is settled or renewed.
    pub lock_duration: Duration,
    /// An event is delivered exactly this often, then dead-lettered or dropped. 0 counts as 1.
    pub max_delivery_count: u8,
    /// From the enqueued time. None: the topic's retention, which is also the upper limit.
    pub time_to_live: Option<Duration>,
    /// Which events it wants.
    pub filter: FilterConfig,
    /// The topic that gets what could not be delivered. None: it is dropped.
    pub dead_letter: Option<Uid>,
}

/// One hub of the Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// The resource's uid. The streams of its partitions are derived from it: another uid under the same name is empty.
    pub uid: Uid,
    /// The name clients use, compared ignoring case. Unique within the Namespace; of two equal ones the first wins.
    pub name: String,
    /// 1 to [`PARTITIONS_MAX`](crate::PARTITIONS_MAX). It may grow; a smaller one than before changes nothing.
    pub partition_count: u32,
    /// How long an event is kept at least, unless the hub is too large. What is older goes in portions: of up to 1,024
    /// events, 256 KiB or a sixty-fourth of the retention.
    pub retention: Duration,
    /// What the hub may occupy in all, shared equally by its partitions; a partition that is larger than its share loses
    /// its oldest events. Azure has no such limit for a hub. None: the disk is the limit, and a hub that holds three
    /// quarters of the log refuses new events.
    pub size: Option<ByteCount>,
    /// The names of consumer groups, compared ignoring case. `$Default` exists without being named.
    pub consumer_groups: Vec<String>,
}

/// What happens to data whose topic, subscription or hub is no longer declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletionConfig {
    /// Whether it is ever deleted.
    pub policy: DeletionPolicy,
    /// Time between the disappearance and the deletion. Ignored by [`DeletionPolicy::Retain`].
    pub grace: Duration,
}

/// See [`DeletionConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Kept until somebody purges it.
    Retain,
    /// Deleted once the grace is over.
    Delete,
}

/// Which events a subscription wants: everything that satisfies all parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterConfig {
    /// Accepted values of `type`, ignoring case; empty accepts all.
    pub included_types: Vec<String>,
    /// Ignoring case. An event without a subject does not match.
    pub subject_begins_with: Option<String>,
    /// Ignoring case. An event without a subject does not match.
    pub subject_ends_with: Option<String>,
    /// All of them must hold.
    pub filters: Vec<Predicate>,
}

/// One filter: a key and what must hold for its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// `id` or `eventid`, `source`, `type` or `eventtype`, `eventtypeversion`, `subject`, `time`, `dataschema`,
    /// `datacontenttype` or the name of an extension attribute, each ignoring case; or `data.PATH` with dots
    /// between the member names, which are compared exactly.
    pub key: String,
    /// The operator with its values.
    pub operator: Operator,
}

/// The operators of Azure Event Grid. Strings are compared ignoring case, numbers as 64-bit floats.
///
/// Values inside one operator are alternatives; for the `Not` forms any hit fails the filter. Elements of an array
/// are tested one by one. A value whose type does not fit the operator counts as missing, and so do null, objects
/// and arrays within arrays. Each variant says what a missing key means.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// Equals any. Missing: no match.
    NumberIn(Vec<f64>),
    /// Equals none. Missing: match.
    NumberNotIn(Vec<f64>),
    /// Missing: no match.
    NumberLessThan(f64),
    /// Missing: no match.
    NumberLessThanOrEquals(f64),
    /// Missing: no match.
    NumberGreaterThan(f64),
    /// Missing: no match.
    NumberGreaterThanOrEquals(f64),
    /// Within any of the inclusive ranges. Missing: no match.
    NumberInRange(Vec<(f64, f64)>),
    /// Within none of the inclusive ranges. Missing: match, as with `NumberNotIn` (Azure does not say).
    NumberNotInRange(Vec<(f64, f64)>),
    /// Missing: no match.
    BoolEquals(bool),
    /// Equals any. Missing: no match.
    StringIn(Vec<String>),
    /// Equals none. Missing: match.
    StringNotIn(Vec<String>),
    /// Missing: no match.
    StringBeginsWith(Vec<String>),
    /// Begins with none. Missing: no match; the asymmetry with `StringNotIn` is Azure's.
    StringNotBeginsWith(Vec<String>),
    /// Missing: no match.
    StringEndsWith(Vec<String>),
    /// Ends with none. Missing: no match.
    StringNotEndsWith(Vec<String>),
    /// Missing: no match.
    StringContains(Vec<String>),
    /// Contains none. Missing: no match.
    StringNotContains(Vec<String>),
    /// The key is absent or null.
    IsNullOrUndefined,
    /// The key is present and not null; a value of any type will do.
    IsNotNull,
}
