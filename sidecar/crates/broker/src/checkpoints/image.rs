//! All containers and blobs at a start: what the snapshot says, and what the log adds to it.

use std::sync::Arc;

use storage::RecordView;

use super::journal::{decode_content, decode_stamp, encode_content, encode_stamp};
use super::shared::Shared;
use super::store::{Entry, Stamp, Step, Store};
use crate::topics::engine::Replayed;
use crate::topics::varint::{Malformed, Reader, Writer};

/// Begins with the version, so that another one is refused and not misread.
const VERSION: u8 = 1;

/// Before each container and each blob, and where there are no more.
const ANOTHER: u8 = 1;
const END: u8 = 0;

/// Blobs that are looked at in one go. Whoever wants to write waits for no longer than that.
const TURN: usize = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(super) store: Store,
    /// The store was taken from a copy and is in no log yet.
    pub(super) is_restored: bool,
}

impl Image {
    /// The image and the position in the log that it stands for.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, u64), Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let position = reader.number()?;
        let mut store = Store::default();
        store.advance_to(decode_stamp(&mut reader)?);
        while reader.byte()? == ANOTHER {
            decode_container(&mut reader, &mut store)?;
        }
        if !reader.is_empty() {
            return Err(Malformed);
        }
        let image = Self {
            store,
            is_restored: false,
        };
        Ok((image, position))
    }

    /// Applies one record of the log. Records must come in their order; those that the snapshot contains change nothing in
    /// the end, because a step says how things are after it.
    pub(crate) fn replay(&mut self, record: RecordView<'_>, seen: &mut Replayed) {
        seen.records += 1;
        match Step::decode(record) {
            Ok(step) => self.store.apply(step),
            Err(Malformed) => seen.malformed += 1,
        }
    }
}

fn decode_container(reader: &mut Reader<'_>, store: &mut Store) -> Result<(), Malformed> {
    let name: Arc<str> = Arc::from(reader.text()?);
    let stamp = decode_stamp(reader)?;
    store.apply(Step::used(name.clone(), stamp));
    while reader.byte()? == ANOTHER {
        let blob = Arc::from(reader.text()?);
        let entry = Entry {
            stamp: decode_stamp(reader)?,
            created: reader.time()?,
            content: Arc::new(decode_content(reader)?),
        };
        store.advance_to(entry.stamp);
        store.insert(name.clone(), stamp, blob, entry);
    }
    Ok(())
}

/// The state as it is now, as bytes. Writes go on meanwhile; replaying what comes after `position` on top of it gives the
/// same as if it had been taken in one moment: see [`super::store`].
pub(super) fn encode(shared: &Shared, position: u64) -> Vec<u8> {
    let mut writer = Writer::with_capacity(1024);
    let (newest, containers) = {
        let state = shared.state.lock();
        (state.store.newest(), state.store.used_containers())
    };
    writer.byte(VERSION);
    writer.number(position);
    encode_stamp(&mut writer, newest);
    for (name, stamp) in containers {
        encode_container(&mut writer, shared, &name, stamp);
    }
    writer.byte(END);
    writer.finish()
}

fn encode_container(writer: &mut Writer, shared: &Shared, name: &str, stamp: Stamp) {
    writer.byte(ANOTHER);
    writer.text(name);
    encode_stamp(writer, stamp);
    each_blob(shared, name, |blob, entry| {
        writer.byte(ANOTHER);
        writer.text(blob);
        encode_stamp(writer, entry.stamp);
        writer.time(entry.created);
        encode_content(writer, &entry.content);
    });
    writer.byte(END);
}

/// Shows the blobs of a container in the order of their names, without holding up writers for long: a blob that is
/// written or deleted meanwhile is shown or not.
pub(super) fn each_blob(shared: &Shared, container: &str, mut show: impl FnMut(&Arc<str>, &Entry)) {
    let mut after: Option<Arc<str>> = None;
    loop {
        let blobs = shared
            .state
            .lock()
            .store
            .some_blobs(container, after.as_deref(), TURN);
        blobs.iter().for_each(|(name, entry)| show(name, entry));
        match blobs.into_iter().last() {
            Some((name, _)) => after = Some(name),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests;
