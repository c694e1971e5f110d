//! Waiting with a reason.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks until the condition gives a value. An error means "not yet, because".
///
/// # Errors
/// When the deadline has passed; the message says what was waited for, how long, and what was seen last.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(last) if start.elapsed() >= deadline => {
                return Err(last)
                    .with_context(|| format!("waited {deadline:?} for {what}; what was seen last"));
            }
            Err(_) => thread::sleep(INTERVAL.min(deadline)),
        }
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    let skipped = all.len().saturating_sub(lines);
    all[skipped..]
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_was_seen_last_is_told() {
        let mut looks = 0;
        let error = until::<()>("the moon", Duration::from_millis(60), || {
            looks += 1;
            bail!("cloud {looks}")
        });
        let message = format!("{:#}", error.expect_err("it never comes"));
        assert!(
            message.contains("the moon") && message.contains(&format!("cloud {looks}")),
            "{message}"
        );
    }
}
