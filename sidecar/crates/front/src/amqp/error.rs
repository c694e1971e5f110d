//! What went wrong, in the words of Event Hubs. The only place that chooses them.
//!
//! Descriptions end like Azure's, with a tracking id that finds the refusal in the log:
//! `…. TrackingId:<guid>_G0, SystemTracker:<address>, Timestamp:<time>`. SDKs cut that tail off.

use std::fmt::Display;
use std::time::Duration;

use amqp::{Condition, Error, Symbol};
use auth::{ErrorKind, Right};
use broker::{AppendError, Partition, ReceiveError, ReceiverError};
use model::{ByteCount, Timestamp};

use super::selector::Unreadable;
use super::stored::PARTITION_KEY_CHARACTERS_MAX;
use crate::http::TrackingId;

/// Conditions of Azure's own.
pub(super) const SERVER_BUSY: Condition = azure("com.microsoft:server-busy");
const ARGUMENT_ERROR: Condition = azure("com.microsoft:argument-error");
const ARGUMENT_OUT_OF_RANGE: Condition = azure("com.microsoft:argument-out-of-range");
const OUT_OF_ORDER_SEQUENCE: Condition = azure("com.microsoft:out-of-order-sequence");
const PRODUCER_EPOCH_STOLEN: Condition = azure("com.microsoft:producer-epoch-stolen");

const fn azure(name: &'static str) -> Condition {
    Condition(Symbol::from_static(name))
}

/// Why something is refused: a condition and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(super) condition: Condition,
    pub(crate) reason: String,
}

/// What every answer of one connection has in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail<'a> {
    pub(super) tracking_id: TrackingId,
    /// The address that was asked for.
    pub(super) address: &'a str,
    pub(super) now: Timestamp,
}

impl Refusal {
    fn new(condition: Condition, reason: impl Into<String>) -> Self {
        Self {
            condition,
            reason: reason.into(),
        }
    }

    /// As it travels.
    pub(super) fn into_error(self, tail: Tail<'_>) -> Error {
        Error::new(self.condition.clone(), self.description(tail))
    }

    /// The sentence with its tail.
    pub(super) fn description(&self, tail: Tail<'_>) -> String {
        let Tail {
            tracking_id,
            address,
            now,
        } = tail;
        let reason = &self.reason;
        format!("{reason} TrackingId:{tracking_id}_G0, SystemTracker:{address}, Timestamp:{now}")
    }

    /// JavaScript recognises the sentence.
    pub(super) fn hub_not_found(host: &str, hub: &str) -> Self {
        Self::new(
            Condition::NOT_FOUND,
            format!("The messaging entity 'sb://{host}/{hub}' could not be found."),
        )
    }

    pub(super) fn consumer_group_not_found(host: &str, hub: &str, group: &str) -> Self {
        Self::new(
            Condition::NOT_FOUND,
            format!(
                "The messaging entity 'sb://{host}/{hub}/ConsumerGroups/{group}' could not be found: the hub has no \
                 consumer group of that name."
            ),
        )
    }

    pub(super) fn partition_unknown(hub: &str, partition: &str, count: u32) -> Self {
        let last = count.saturating_sub(1);
        Self::new(
            ARGUMENT_OUT_OF_RANGE,
            format!(
                "The specified partition is invalid for an EventHub partition sender or receiver. It should be between \
                 0 and {last}; '{hub}' has no partition '{partition}'."
            ),
        )
    }

    pub(super) fn address_unknown(address: &str) -> Self {
        Self::new(
            Condition::NOT_FOUND,
            format!(
                "The address '{address}' names nothing. Use HUB, HUB/Partitions/ID, HUB/publishers/NAME, \
                 HUB/ConsumerGroups/NAME/Partitions/ID, $cbs or $management."
            ),
        )
    }

    /// The address is there, but for the other direction.
    pub(super) fn wrong_direction(address: &str, is_sender: bool) -> Self {
        let direction = if is_sender { "sent to" } else { "received from" };
        Self::new(
            Condition::NOT_ALLOWED,
            format!("The address '{address}' cannot be {direction}."),
        )
    }

    pub(super) fn start_unreadable(unreadable: Unreadable, partition: &Partition) -> Self {
        let properties = partition.properties();
        match unreadable {
            Unreadable::Selector(reason) => Self::argument(reason),
            Unreadable::Offset(offset) => Self::offset_invalid(&offset, properties.last_offset),
            Unreadable::SequenceNumber(sequence) => {
                Self::sequence_number_invalid(&sequence, properties.last_sequence)
            }
        }
    }

    fn offset_invalid(offset: &impl Display, last: Option<u64>) -> Self {
        let last = last.map_or("-1".to_owned(), |last| last.to_string());
        Self::argument(format!(
            "The supplied offset '{offset}' is invalid. The last offset in the system is '{last}'."
        ))
    }

    fn sequence_number_invalid(sequence: &impl Display, last: i64) -> Self {
        Self::argument(format!(
            "The supplied sequence number '{sequence}' is invalid. The last sequence number in the system is '{last}'."
        ))
    }

    pub(super) fn argument(reason: impl Into<String>) -> Self {
        Self::new(ARGUMENT_ERROR, reason)
    }

    /// No token that covers it was put to `$cbs`, or it does not allow it, or nobody can say so now.
    pub(super) fn unauthorized(right: Right, host: &str, path: &str, cause: &auth::Error) -> Self {
        if cause.kind() == ErrorKind::Unavailable {
            return Self::undecided(cause);
        }
        Self::new(
            Condition::UNAUTHORIZED_ACCESS,
            format!(
                "Unauthorized access. '{right}' claim(s) are required to perform this operation. Resource: \
                 'sb://{host}/{path}'. {cause}."
            ),
        )
    }

    /// What a bearer token is good for cannot be found out now.
    pub(super) fn undecided(cause: &auth::Error) -> Self {
        Self::new(SERVER_BUSY, format!("The service is busy: {cause}."))
    }

    /// Azure's condition; its sentence has the container's name in place of the advice.
    pub(super) fn linkless(allowed: Duration) -> Self {
        Self::new(
            Condition::CONNECTION_FORCED,
            format!(
                "The connection is closed because it did not have any active links in the past {} milliseconds. Connect \
                 again when there is something to do; links to $cbs and $management count once a token was put.",
                allowed.as_millis()
            ),
        )
    }

    pub(super) fn expired(host: &str, path: &str) -> Self {
        Self::new(
            Condition::UNAUTHORIZED_ACCESS,
            format!(
                "The token of the link has expired. Put a new one to $cbs before that. Resource: 'sb://{host}/{path}'."
            ),
        )
    }

    pub(super) fn message_too_large(size: u64, limit: ByteCount) -> Self {
        let limit = limit.get();
        Self::new(
            Condition::MESSAGE_SIZE_EXCEEDED,
            format!(
                "The received message (size:{size} bytes) exceeds the limit ({limit} bytes) currently allowed on the \
                 link. Send smaller batches, or split the event."
            ),
        )
    }

    pub(super) fn undecodable(cause: &impl Display) -> Self {
        Self::new(
            Condition::DECODE_ERROR,
            format!("The message is not a message of AMQP 1.0: {cause}."),
        )
    }

    pub(super) fn partition_key_too_long(characters: usize) -> Self {
        Self::argument(format!(
            "The partition key has {characters} characters; at most {PARTITION_KEY_CHARACTERS_MAX} are allowed."
        ))
    }

    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new(Condition::NOT_IMPLEMENTED, format!("{what} is not supported."))
    }

    pub(super) fn too_much_in_flight() -> Self {
        Self::new(
            SERVER_BUSY,
            "The request was terminated because the entity is being throttled. Error code : 50002. Too many bytes are \
             on their way to the disk. Please wait 4 seconds and try again.",
        )
    }

    pub(super) fn too_many_parts() -> Self {
        Self::new(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            "Too many bytes of messages are held of which the rest has yet to come. Put a token to $cbs before large \
             messages, and send one after the other.",
        )
    }

    pub(super) fn too_many_answers() -> Self {
        Self::new(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            "Too many bytes of answers wait to be taken. Give credit on the link of the answers before asking more, and put \
             a token to $cbs first.",
        )
    }

    pub(super) fn from_broker(error: &broker::Error, host: &str, hub: &str) -> Self {
        match error {
            broker::Error::NotFound => Self::hub_not_found(host, hub),
            broker::Error::Full { reason } => Self::new(
                Condition::RESOURCE_LIMIT_EXCEEDED,
                format!(
                    "The quota of the storage is used up: {reason}. Shorten the hub's messageRetention or enlarge the \
                     Namespace's storage."
                ),
            ),
            broker::Error::Busy { .. } => Self::too_much_in_flight(),
            broker::Error::Closed => Self::stopping(),
            broker::Error::Invalid(reason) => Self::argument(reason.clone()),
            broker::Error::Unavailable => Self::unavailable(),
            broker::Error::Internal => Self::internal(),
        }
    }

    pub(super) fn from_append(error: &AppendError, host: &str, hub: &str) -> Self {
        match error {
            AppendError::Refused(error) => Self::from_broker(error, host, hub),
            AppendError::OutOfOrderSequence {
                producer,
                expected,
                found,
            } => Self::new(
                OUT_OF_ORDER_SEQUENCE,
                format!(
                    "The sequence number {found} of producer {producer} is out of order: {expected} was expected. Events \
                     are missing before it."
                ),
            ),
            AppendError::ProducerEpochStolen {
                producer,
                epoch,
                current,
            } => Self::new(
                PRODUCER_EPOCH_STOLEN,
                format!(
                    "Producer {producer} with epoch {epoch} was replaced by one with epoch {current}; open a new one."
                ),
            ),
        }
    }

    /// Azure's sentences; `nil` stands for a receiver without a name.
    pub(super) fn from_receive(
        error: &ReceiveError,
        host: &str,
        hub: &str,
        group: &str,
        epoch: Option<i64>,
    ) -> Self {
        let name = |name: &Option<String>| name.as_deref().unwrap_or("nil").to_owned();
        match error {
            ReceiveError::NotFound => Self::hub_not_found(host, hub),
            ReceiveError::ConsumerGroupNotFound => Self::consumer_group_not_found(host, hub, group),
            ReceiveError::TooManyReceivers { receivers } => Self::new(
                Condition::RESOURCE_LIMIT_EXCEEDED,
                format!(
                    "Exceeded the maximum number of allowed receivers per partition in a consumer group which is {}. \
                     List of connected receivers - {}.",
                    receivers.len(),
                    receivers.iter().map(name).collect::<Vec<_>>().join(", ")
                ),
            ),
            ReceiveError::HigherEpoch {
                receiver,
                epoch: higher,
            } => Self::new(
                Condition::STOLEN,
                format!(
                    "Receiver '{}' with a higher epoch '{higher}' already exists. Receiver 'nil' with epoch {} cannot be \
                     created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, or \
                     ensure all old epoch receivers are closed or disconnected.",
                    name(receiver),
                    epoch.unwrap_or_default()
                ),
            ),
            ReceiveError::EpochRequired { epoch, .. } => Self::new(
                Condition::STOLEN,
                format!(
                    "At least one receiver for the endpoint is created with epoch of '{epoch}', and so non-epoch receiver \
                     is not allowed. Please make sure you are creating receiver with increasing epoch value to ensure \
                     connectivity, or ensure all old epoch receivers are closed or disconnected."
                ),
            ),
            ReceiveError::OffsetBeyondEnd { offset, last } => Self::offset_invalid(offset, *last),
            ReceiveError::SequenceBeyondEnd { sequence, last } => {
                Self::sequence_number_invalid(sequence, *last)
            }
            ReceiveError::Unavailable => Self::unavailable(),
            ReceiveError::Closed => Self::stopping(),
        }
    }

    pub(super) fn from_receiver(error: &ReceiverError, host: &str, path: &str) -> Self {
        let name = |name: &Option<String>| name.as_deref().unwrap_or("nil").to_owned();
        match error {
            ReceiverError::Stolen {
                new_receiver,
                new_epoch,
                receiver,
                epoch,
            } => Self::new(
                Condition::STOLEN,
                format!(
                    "New receiver '{}' with higher epoch of '{new_epoch}' is created hence current receiver '{}' with \
                     epoch '{}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is \
                     used.",
                    name(new_receiver),
                    name(receiver),
                    epoch.unwrap_or_default()
                ),
            ),
            ReceiverError::Gone => Self::new(
                Condition::NOT_FOUND,
                format!(
                    "The messaging entity 'sb://{host}/{path}' could not be found: it is not declared any more."
                ),
            ),
            ReceiverError::Unavailable => Self::unavailable(),
            ReceiverError::Closed => Self::stopping(),
        }
    }

    fn unavailable() -> Self {
        Self::new(SERVER_BUSY, "The hub cannot be served now. Please try again.")
    }

    pub(super) fn idempotence_needs_a_partition() -> Self {
        Self::new(
            Condition::NOT_ALLOWED,
            "An idempotent producer sends to one partition: use the address HUB/Partitions/ID.",
        )
    }

    /// The process is about to end; another one will take its place.
    pub(super) fn stopping() -> Self {
        Self::new(
            Condition::CONNECTION_FORCED,
            "The broker is stopping. Please connect again.",
        )
    }

    pub(super) fn internal() -> Self {
        Self::new(
            Condition::INTERNAL_ERROR,
            "The service was unable to process the request; please try again.",
        )
    }

    /// Whether it says something about the link, and not about one delivery.
    pub(super) fn ends_link(&self) -> bool {
        let ends = [
            Condition::NOT_FOUND,
            Condition::UNAUTHORIZED_ACCESS,
            Condition::CONNECTION_FORCED,
            PRODUCER_EPOCH_STOLEN,
        ];
        ends.contains(&self.condition)
    }

    pub(super) fn is_internal(&self) -> bool {
        self.condition == Condition::INTERNAL_ERROR
    }
}
