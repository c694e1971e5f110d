//! The table that goes into `docs/benchmarks.md`.

use std::{fmt, time::Duration};

/// One line of the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) against: String,
    pub(crate) ratio: Option<f64>,
    /// Server CPU per event (or per append).
    pub(crate) cpu: Option<Duration>,
    /// p50 of an append of 1 KiB with fdatasync, just before.
    pub(crate) probe: Option<Duration>,
    pub(crate) failed: bool,
}

impl Row {
    pub(crate) fn failed(what: &str, error: &anyhow::Error) -> Self {
        Self {
            what: what.to_owned(),
            measured: format!("failed: {error:#}"),
            failed: true,
            ..Self::default()
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let cpu = self
            .cpu
            .map_or_else(String::new, |cpu| format!("{:.2} µs", cpu.as_secs_f64() * 1e6));
        let probe = self
            .probe
            .map_or_else(String::new, |probe| format!("{} µs", probe.as_micros()));
        write!(
            f,
            "| {} | {} | {} | {ratio} | {cpu} | {probe} |",
            self.what, self.measured, self.against
        )
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn extend(&mut self, rows: Vec<Row>) {
        self.0.extend(rows);
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.0.iter().any(|row| row.failed)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | measured | against | ratio | server CPU per event | fsync probe p50 |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// `1234567.8` as `1,234,567`.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
