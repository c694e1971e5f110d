//! Where the events of a partition lie in the log.

use model::Uid;
use storage::{RecordKind, StreamId};

/// The events of one append to a partition, together; retained. Numbered without gaps: see [`super::record`].
pub(crate) const EVENTS: RecordKind = RecordKind(1);

/// A step of a hub or of a partition: see [`super::journal`]. Not the kind of the topics' journal, so that neither owner
/// is shown what the other one wrote.
pub(crate) const JOURNAL: RecordKind = RecordKind(9);

/// Partitions of one hub: as many as Azure's largest tier allows.
pub const PARTITIONS_MAX: u32 = 1024;

/// Bits 76 to 79 of a uid say which version of RFC 9562 it is.
const VERSION: u128 = 0xf << 76;
const VERSION_8: u128 = 0x8 << 76;

/// The stream of one partition.
///
/// The log knows streams by a uid, and every partition needs one that survives restarts without being stored anywhere. It
/// is the hub's uid with the partition's index in its lowest bits, made a uid of version 8 ("custom"): resources have
/// random ones, of version 4, so no resource can ever have this one.
pub(crate) fn of_partition(hub: Uid, index: u32) -> StreamId {
    let custom = hub.to_u128() & !VERSION | VERSION_8;
    StreamId(Uid::from_u128(custom ^ u128::from(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_partition_is_no_uid_of_a_resource_and_no_other_partition_has_it() {
        let hub: Uid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        let stream = |index| of_partition(hub, index).to_string();
        assert_eq!(stream(0), "67e55044-10b1-826f-9247-bb680e5fe0c8");
        assert_eq!(stream(1), "67e55044-10b1-826f-9247-bb680e5fe0c9");
        assert_eq!(stream(1023), "67e55044-10b1-826f-9247-bb680e5fe337");
    }
}
