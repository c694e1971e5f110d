//! Text for people, JSON for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

/// What a command prints on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Readable lines, which may change between versions.
    #[default]
    Text,
    /// One JSON document per line, for programs.
    Json,
}

/// Prints one line. A reader that went away (`weft tail … | head`) ends the command quietly.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.write_all(b"\n"));
    written.and_then(|()| stdout.flush()).map_err(Failure::stdout)
}

/// Prints one JSON document on a line of its own.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Rows under a header, each column as wide as its widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&padded(header.iter().copied(), &widths))?;
    rows.iter()
        .try_for_each(|row| line(&padded(row.iter().map(String::as_str), &widths)))
}

fn padded<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.zip(widths) {
        text.push_str(&format!("{cell:width$}  "));
    }
    text.truncate(text.trim_end().len());
    text
}
