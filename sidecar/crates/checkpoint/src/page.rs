//! A page: the gzip of `{"format":1,"incarnation":N,"data":UID,"entries":{KEY:VALUE,…}}`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{Entries, PAGES};

/// The version of the layout that is written. What is newer is not read.
const FORMAT: u32 = 1;

/// The most that a page may be when it is unpacked: far above what any store takes packed.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// Why a page cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("it is damaged: {0}")]
    Unpack(#[from] io::Error),
    #[error("it is not what this version writes: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its format {0} is newer than this version")]
    Format(u32),
}

/// A page that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Of the log that wrote it.
    pub(crate) incarnation: u64,
    /// See [`Claim::data`](crate::Claim::data).
    pub(crate) data: String,
    pub(crate) entries: Entries,
    /// Tells this content from every other.
    pub(crate) mark: Mark,
}

/// A page to be written.
#[derive(Debug)]
pub(crate) struct Sheet {
    json: Vec<u8>,
    pub(crate) is_empty: bool,
    pub(crate) mark: Mark,
}

/// Digest of a page's content, whatever gzip makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; 32]);

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    incarnation: u64,
    data: &'a str,
    entries: &'a BTreeMap<&'a str, &'a RawValue>,
}

#[derive(Deserialize)]
struct Stored {
    incarnation: u64,
    data: String,
    entries: BTreeMap<String, Box<RawValue>>,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The page of an entry, for ever. The partitions of one consumer group, whose keys differ only at their end,
/// spread over all pages.
fn index(key: &str) -> usize {
    crc32c::crc32c(key.as_bytes()) as usize % PAGES
}

/// All pages for these entries. A value that is not JSON cannot be copied; it is left out and logged.
pub(crate) fn sheets(incarnation: u64, data: &str, entries: &Entries) -> [Sheet; PAGES] {
    let mut parts: [BTreeMap<&str, &RawValue>; PAGES] = Default::default();
    for (key, value) in entries {
        match serde_json::from_slice(value) {
            Ok(value) => {
                parts[index(key)].insert(key, value);
            }
            Err(error) => tracing::error!(key, "an entry of the checkpoints is no JSON: {error}"),
        }
    }
    parts.map(|entries| Sheet::new(incarnation, data, &entries))
}

impl Sheet {
    fn new(incarnation: u64, data: &str, entries: &BTreeMap<&str, &RawValue>) -> Self {
        let page = Written {
            format: FORMAT,
            incarnation,
            data,
            entries,
        };
        let json = serde_json::to_vec(&page).expect("texts and numbers can be written");
        Self {
            is_empty: entries.is_empty(),
            mark: Mark::of(&json),
            json,
        }
    }

    /// As it is saved.
    pub(crate) fn pack(&self) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let packed = encoder.write_all(&self.json).and_then(|()| encoder.finish());
        packed.expect("writing to memory cannot fail").into()
    }
}

impl Mark {
    fn of(json: &[u8]) -> Self {
        Self(Sha256::digest(json).into())
    }
}

/// Reads a page as it was saved.
pub(crate) fn decode(packed: &[u8]) -> Result<Page, PageError> {
    let mut json = Vec::new();
    GzDecoder::new(packed)
        .take(JSON_BYTES_MAX)
        .read_to_end(&mut json)?;
    // Asked first, so that a later format is called by its name however it looks.
    let Version { format } = serde_json::from_slice(&json)?;
    if format > FORMAT {
        return Err(PageError::Format(format));
    }
    let page: Stored = serde_json::from_slice(&json)?;
    let entries = page.entries.into_iter();
    Ok(Page {
        incarnation: page.incarnation,
        data: page.data,
        entries: entries
            .map(|(key, value)| (key, Bytes::from(Box::<str>::from(value).into_string())))
            .collect(),
        mark: Mark::of(&json),
    })
}

#[cfg(test)]
mod tests;
