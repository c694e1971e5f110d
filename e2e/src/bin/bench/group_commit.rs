//! The least that a durable write of many can be: collect what arrived during the last commit, one pwrite, one
//! fdatasync, wake everybody. It has no log format, no checksum and no recovery.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    thread,
};

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::oneshot;

/// The file is written anew from its start at this size, as a log recycles its segments.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Default)]
struct Waiting {
    payloads: Vec<Bytes>,
    wakers: Vec<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

/// A handle to the committing thread.
#[derive(Debug, Clone)]
pub(crate) struct GroupCommit(Arc<Shared>);

impl GroupCommit {
    /// Writes the whole file once, so that later writes change no metadata, and starts the thread.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).context("create the file")?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset).context("pre-write the file")?;
        }
        file.sync_all().context("sync the file")?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || commit_for_ever(&file, &of_thread));
        Ok(Self(shared))
    }

    /// Returns when the payload is durable.
    pub(crate) async fn append(&self, payload: Bytes) {
        let (waker, durable) = oneshot::channel();
        {
            let mut waiting = self.0.waiting.lock().expect("nobody panics under this lock");
            waiting.payloads.push(payload);
            waiting.wakers.push(waker);
        }
        self.0.arrived.notify_one();
        let _ = durable.await;
    }
}

fn commit_for_ever(file: &File, shared: &Shared) {
    let (mut offset, mut buffer) = (0, Vec::new());
    loop {
        let batch = {
            let waiting = shared.waiting.lock().expect("nobody panics under this lock");
            let mut waiting = shared
                .arrived
                .wait_while(waiting, |waiting| waiting.payloads.is_empty())
                .expect("nobody panics under this lock");
            std::mem::take(&mut *waiting)
        };
        buffer.clear();
        batch
            .payloads
            .iter()
            .for_each(|payload| buffer.extend_from_slice(payload));
        if offset + buffer.len() as u64 > FILE_BYTES {
            offset = 0;
        }
        file.write_all_at(&buffer, offset)
            .expect("the benchmark's disk takes the write");
        file.sync_data().expect("the benchmark's disk syncs");
        offset += buffer.len() as u64;
        for waker in batch.wakers {
            let _ = waker.send(());
        }
    }
}
