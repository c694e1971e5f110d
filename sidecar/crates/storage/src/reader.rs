//! Finding payloads again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{ByteCount, SequenceNumber};

use crate::disk::File;
use crate::index::{Lookup, Place, Slot};
use crate::log::Fitting;
use crate::segment::frame::{self, Step};
use crate::segment::record::{self, RECORD_HEADER_BYTES};
use crate::shared::Shared;
use crate::{Payload, ReadError, StreamId};

/// Places of one segment that lie at most this far apart are fetched together,
const GAP_MAX: u32 = 16 << 10;
/// up to this much in all.
const FETCH_MAX: u32 = 1 << 20;

/// A record may move while it is being read; then the index knows its new place. More often than this it cannot happen
/// within one read, unless its bytes are damaged.
const ATTEMPTS: usize = 4;

/// What is looked for at once, where it matters that nothing is read in vain.
const PART_MIN: u64 = 256 << 10;

/// What a record is taken for that may still be on its way to the disk.
const PENDING_BYTES: u64 = 64 << 10;

/// Payloads in the order of `sequences`, as many as fit.
pub(crate) async fn read(
    shared: Arc<Shared>,
    stream: StreamId,
    sequences: Vec<SequenceNumber>,
    bytes_max: ByteCount,
) -> Result<Vec<Payload>, ReadError> {
    let mut fitting = Fitting::new(bytes_max);
    loop {
        let rest = &sequences[fitting.payloads.len()..];
        if rest.is_empty() || fitting.left == 0 && !fitting.payloads.is_empty() {
            return Ok(fitting.payloads);
        }
        for payload in read_part(&shared, stream, rest, fitting.left.max(PART_MIN)).await? {
            if !fitting.push(payload) {
                return Ok(fitting.payloads);
            }
        }
    }
}

/// The payloads of the first of these, one at least, for which not much more than `bytes` has to be read.
async fn read_part(
    shared: &Shared,
    stream: StreamId,
    sequences: &[SequenceNumber],
    bytes: u64,
) -> Result<Vec<Payload>, ReadError> {
    let mut request = Request::new(stream, sequences);
    for attempt in 0..ATTEMPTS {
        let limit = if attempt == 0 { bytes } else { u64::MAX };
        let (places, later) = request.look_up(shared, limit)?;
        request.ask_pending(shared, later);
        for fetch in fetches(places) {
            let Some(file) = shared.space.file(fetch.slot) else {
                continue;
            };
            let buffer = fetch.bytes(file).await;
            let buffer = buffer.map_err(|error| ReadError::Io {
                stream,
                reason: error.to_string(),
            })?;
            fetch.answer(&mut request, &buffer);
        }
        if request.is_answered() {
            return Ok(request.answers.into_iter().map(Answer::payload).collect());
        }
    }
    Err(request.damage(shared))
}

struct Request {
    stream: StreamId,
    sequences: Vec<u64>,
    answers: Vec<Answer>,
}

#[derive(Clone, Debug)]
enum Answer {
    Open,
    /// Not in the index and waiting nowhere, when it was looked for the first time. A commit may have ended between the
    /// two looks; if the index still does not know it the next time, it was never written.
    Missed,
    Known(Payload),
}

impl Answer {
    fn payload(self) -> Payload {
        match self {
            Self::Known(payload) => payload,
            Self::Open | Self::Missed => None,
        }
    }
}

/// Where records are wanted from: the place of a run, and which answers lie in it.
type Places = BTreeMap<(Slot, u32), (Place, Vec<usize>)>;

impl Request {
    fn new(stream: StreamId, sequences: &[SequenceNumber]) -> Self {
        let sequences: Vec<u64> = sequences.iter().map(|sequence| sequence.get()).collect();
        Self {
            stream,
            answers: vec![Answer::Open; sequences.len()],
            sequences,
        }
    }

    fn is_answered(&self) -> bool {
        self.answers
            .iter()
            .all(|answer| matches!(answer, Answer::Known(_)))
    }

    /// Places of what is on disk, and what may still be on its way there. Forgets what lies beyond `limit` bytes.
    fn look_up(&mut self, shared: &Shared, limit: u64) -> Result<(Places, Vec<usize>), ReadError> {
        let (mut places, mut later) = (Places::new(), Vec::new());
        let (mut bytes, mut looked_at) = (0, 0);
        let index = shared.index.lock();
        for (at, answer) in self.answers.iter_mut().enumerate() {
            match (&answer, index.find(self.stream, self.sequences[at])) {
                (Answer::Known(_), _) => {}
                (_, Lookup::Dead) | (Answer::Missed, Lookup::Later) => *answer = Answer::Known(None),
                (Answer::Open, Lookup::Later) => {
                    bytes += PENDING_BYTES;
                    later.push(at);
                }
                (_, Lookup::At(place)) => {
                    let wanting = places.entry((place.slot, place.offset)).or_insert_with(|| {
                        bytes += u64::from(place.span);
                        (place, Vec::new())
                    });
                    wanting.1.push(at);
                }
                (_, Lookup::Lost) => {
                    return Err(ReadError::Damaged {
                        stream: self.stream,
                        sequence: self.sequences[at],
                    });
                }
            }
            looked_at = at + 1;
            if bytes >= limit {
                break;
            }
        }
        self.answers.truncate(looked_at);
        Ok((places, later))
    }

    fn ask_pending(&mut self, shared: &Shared, later: Vec<usize>) {
        if later.is_empty() {
            return;
        }
        let mut wanted: Vec<_> = later.iter().map(|at| (self.sequences[*at], None)).collect();
        shared.group_commit.find(self.stream, &mut wanted);
        for (at, (_, found)) in later.into_iter().zip(wanted) {
            self.answers[at] = found.map_or(Answer::Missed, |payload| Answer::Known(Some(payload)));
        }
    }

    fn damage(&self, shared: &Shared) -> ReadError {
        let open = self
            .answers
            .iter()
            .position(|answer| !matches!(answer, Answer::Known(_)));
        let sequence = open.map_or(0, |at| self.sequences[at]);
        shared.metrics.damage.inc();
        tracing::error!(stream = %self.stream, sequence, "a live record does not verify");
        ReadError::Damaged {
            stream: self.stream,
            sequence,
        }
    }
}

/// Bytes of one segment that are read at once.
struct Fetch {
    slot: Slot,
    offset: u32,
    end: u32,
    runs: Vec<(Place, Vec<usize>)>,
}

fn fetches(places: Places) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    for (place, wanting) in places.into_values() {
        let end = place.offset + place.span;
        if let Some(last) = fetches.last_mut()
            && last.slot == place.slot
            && place.offset <= last.end.saturating_add(GAP_MAX)
            && end - last.offset <= FETCH_MAX
        {
            last.end = last.end.max(end);
            last.runs.push((place, wanting));
        } else {
            let Place { slot, offset, .. } = place;
            fetches.push(Fetch {
                slot,
                offset,
                end,
                runs: vec![(place, wanting)],
            });
        }
    }
    fetches
}

impl Fetch {
    /// From the page cache if it is there, else on a thread that may wait for the device.
    async fn bytes(&self, file: Arc<dyn File>) -> std::io::Result<Bytes> {
        let mut buffer = vec![0; (self.end - self.offset) as usize];
        let offset = u64::from(self.offset);
        if file.read_at_once(&mut buffer, offset)? {
            return Ok(buffer.into());
        }
        let read = tokio::task::spawn_blocking(move || file.read_at(&mut buffer, offset).map(|()| buffer));
        read.await.map_err(std::io::Error::other)?.map(Bytes::from)
    }

    fn answer(&self, request: &mut Request, buffer: &Bytes) {
        for (place, wanting) in &self.runs {
            let from = (place.offset - self.offset) as usize;
            let run = buffer.slice(from..from + place.span as usize);
            request.take_from(&run, place.offset as usize, wanting);
        }
    }
}

impl Request {
    /// Walks over a run's bytes, which begin at `base` in their segment.
    fn take_from(&mut self, run: &Bytes, base: usize, wanting: &[usize]) {
        let (mut offset, mut met) = (0, Vec::new());
        while offset < run.len() {
            match frame::step(run, offset, base) {
                Step::Record(header) => {
                    let end = offset + header.total_bytes();
                    let wants = |at: &usize| {
                        header.stream == self.stream
                            && header.kind.is_retained()
                            && self.sequences[*at] == header.sequence.get()
                    };
                    for at in wanting.iter().copied().filter(wants) {
                        met.push((at, offset, end));
                    }
                    offset = end;
                }
                Step::Skip(to) => offset = to,
                Step::End => break,
            }
        }
        // A run whose structure is whole and does not hold a number never did.
        if offset == run.len() {
            for at in wanting {
                if !met.iter().any(|(found, ..)| found == at) {
                    self.answers[*at] = Answer::Known(None);
                }
            }
        }
        for (at, from, until) in met {
            let record = run.get(from..until).and_then(record::decode);
            if let Some(record) = record {
                let payload = run.slice(from + RECORD_HEADER_BYTES..until);
                self.answers[at] = Answer::Known(Some((record.header.time, payload)));
            }
        }
    }
}
