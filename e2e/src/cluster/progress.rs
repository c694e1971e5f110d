//! What takes time says so, with the seconds since the beginning.

use std::time::Instant;

#[derive(Debug, Clone, Copy)]
pub struct Progress(Instant);

impl Progress {
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// One line on standard error.
    pub fn say(&self, what: impl std::fmt::Display) {
        eprintln!("{:7.1}s  {what}", self.0.elapsed().as_secs_f64());
    }
}
