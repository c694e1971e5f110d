//! A process that outlives the program that started it, known by a file.
//!
//! Ids are used again, so the file also holds when the process began: another one with the same id is not ours to kill.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long the kernel may take to end what was killed.
const END_DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    id: u32,
    /// Clock ticks since the machine's start, as `/proc/PID/stat` tells.
    began: u64,
}

impl Process {
    /// The process of this id, if it is there.
    pub(crate) fn of(id: u32) -> Option<Self> {
        Some(Self {
            id,
            began: began(id)?,
        })
    }

    /// Waits for the one child of a process that is about to fork.
    pub(crate) fn child_of(parent: u32) -> anyhow::Result<Self> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
                .context("read the children of a process: has it ended?")?;
            let first = children.split_whitespace().next();
            if let Some(process) = first.and_then(|id| Self::of(id.parse().ok()?)) {
                return Ok(process);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("process {parent} had no child within 10 s")
    }

    /// What was written to a file, unless that process has ended.
    pub(crate) fn from_file(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (id, began) = text.trim().split_once(' ')?;
        let process = Self {
            id: id.parse().ok()?,
            began: began.parse().ok()?,
        };
        process.is_running().then_some(process)
    }

    pub(crate) fn save(self, file: &Path) -> anyhow::Result<()> {
        fs::write(file, format!("{} {}\n", self.id, self.began))
            .with_context(|| format!("write {}", file.display()))
    }

    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// False for one that has ended and waits to be collected.
    pub(crate) fn is_running(self) -> bool {
        began(self.id) == Some(self.began)
    }

    pub(crate) fn program(self) -> Option<String> {
        Some(
            fs::read_to_string(format!("/proc/{}/comm", self.id))
                .ok()?
                .trim()
                .to_owned(),
        )
    }

    pub(crate) fn signal(self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.id).context("a process id fits")?;
        let pid = Pid::from_raw(id).context("a process id is not 0")?;
        if !self.is_running() {
            return Ok(());
        }
        match kill_process(pid, signal) {
            Err(error) if error != rustix::io::Errno::SRCH => {
                Err(error).with_context(|| format!("signal process {}", self.id))
            }
            _ => Ok(()),
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > END_DEADLINE {
                bail!(
                    "process {} is still there {END_DEADLINE:?} after kill -9",
                    self.id
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Field 22 of `/proc/PID/stat`; nothing for a process that has ended.
fn began(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{id}/stat"))).ok()?;
    // The program's name may hold spaces and parentheses; what follows the last one is regular.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_with_the_same_id_is_not_ours() {
        let own = Process::of(std::process::id()).expect("this process runs");
        assert!(own.is_running());
        let earlier = Process {
            began: own.began - 1,
            ..own
        };
        assert!(!earlier.is_running());
    }
}
