//! `docs/compatibility.md`: what every SDK was seen to do, written by the tests that see it.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context, bail};

use super::Sdk;

/// Tests run at the same time, and each writes its own cells.
static WRITING: Mutex<()> = Mutex::new(());

const HEADING: &str = "\
# Compatibility

What programs on Azure's own Event Hubs SDKs do against Weft, unmodified. The end-to-end tests (`e2e/tests/it/eventhubs.rs`)
write this page and compare it with what they see: `UPDATE_GOLDEN=1` writes it anew. `yes`: the scenario does what it
does on Azure. A word in code: the scenario is refused, as it must be, and this is the class or code of the SDK's error.
`—`: the SDK has no call for it, and why.

";

const FOOTING: &str = "
Packages: Python `azure-eventhub` (the older release on the oldest Python of the machine that it supports, the newest on
the newest), JavaScript `@azure/event-hubs`, Go `azeventhubs/v2`, Java `azure-messaging-eventhubs`, Rust
`azure_messaging_eventhubs`. Each program goes through `weft exec`, by connection string; Rust's SDK does not know
`UseDevelopmentEmulator` and comes over TLS. The programs are in `e2e/clients/`.
";

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Works,
    /// It was refused as it should, with an error of this class.
    Refused(String),
    /// The SDK cannot be asked for it; why.
    Unsupported(String),
}

/// What one test has seen: cells of the table.
#[derive(Debug, Default)]
pub struct Report(BTreeMap<(usize, Sdk), Outcome>);

/// The rows of the table, in their order.
const SCENARIOS: [&str; 31] = [
    "hub and partition properties",
    "send one event",
    "send a batch",
    "send a list",
    "send with a partition key",
    "buffered producer",
    "properties, ids and content type survive",
    "an event of 1 MiB",
    "an event that is too large",
    "receive from the earliest event",
    "receive from the latest event",
    "receive after an offset",
    "receive from an offset on",
    "receive after a sequence number",
    "receive from a sequence number on",
    "receive after a time",
    "last enqueued event of the partition",
    "owner levels",
    "processor goes on from its checkpoints",
    "AMQP over TLS",
    "AMQP over a WebSocket",
    "goes on after the broker was killed",
    "wrong key",
    "expired token",
    "token of another hub",
    "no right to send",
    "no right to listen",
    "unknown hub",
    "unknown consumer group",
    "unknown partition",
    "offset that is none",
];

impl Report {
    /// Notes the outcome of a scenario, which is one of the table's rows.
    ///
    /// # Panics
    /// When it is not.
    pub fn note(&mut self, scenario: &str, sdk: Sdk, outcome: Outcome) {
        let row = SCENARIOS.iter().position(|row| *row == scenario);
        let row = row.unwrap_or_else(|| panic!("the table has no row {scenario:?}"));
        self.0.insert((row, sdk), outcome);
    }

    /// Adds what another part of the test has seen.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Compares this with the page, or writes it there when `UPDATE_GOLDEN` is set.
    ///
    /// # Errors
    /// When they differ; the message names the cells.
    pub fn check(&self) -> anyhow::Result<()> {
        let _turn = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let path = page();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let titles = titles()?;
        let old = cells(&text, &titles);
        let mut new = old.clone();
        for (&(row, sdk), outcome) in &self.0 {
            new.insert((row, sdk), outcome.to_string());
        }
        let rendered = render(&new, &titles);
        if rendered == text {
            return Ok(());
        }
        if env::var_os("UPDATE_GOLDEN").is_some() {
            return fs::write(&path, rendered).with_context(|| format!("write {}", path.display()));
        }
        bail!(
            "{} is not what was seen; run this test with UPDATE_GOLDEN=1 and read the diff:\n{}",
            path.display(),
            differences(&old, &new)
        )
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Works => f.write_str("yes"),
            Self::Refused(class) => write!(f, "`{class}`"),
            Self::Unsupported(why) => write!(f, "— {why}"),
        }
    }
}

type Cells = BTreeMap<(usize, Sdk), String>;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md")
}

fn titles() -> anyhow::Result<Vec<(Sdk, String)>> {
    Sdk::ALL.into_iter().map(|sdk| Ok((sdk, sdk.title()?))).collect()
}

/// The cells of a page. What is not a row or a column of today is left out.
fn cells(text: &str, titles: &[(Sdk, String)]) -> Cells {
    let mut rows = text.lines().filter(|line| line.starts_with('|')).map(split);
    let header = rows.next().unwrap_or_default();
    let mut cells = Cells::new();
    for row in rows {
        let Some(scenario) = row
            .first()
            .and_then(|name| SCENARIOS.iter().position(|row| row == name))
        else {
            continue;
        };
        for (title, cell) in header.iter().zip(&row).skip(1) {
            if let Some((sdk, _)) = titles.iter().find(|(_, other)| other == title) {
                cells.insert((scenario, *sdk), (*cell).to_owned());
            }
        }
    }
    cells.retain(|_, cell| !cell.is_empty());
    cells
}

fn split(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn render(cells: &Cells, titles: &[(Sdk, String)]) -> String {
    let mut text = HEADING.to_owned();
    text.push_str("| |");
    for (_, title) in titles {
        let _ = write!(text, " {title} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(titles.len()));
    for (row, scenario) in SCENARIOS.iter().enumerate() {
        let _ = write!(text, "\n| {scenario} |");
        for (sdk, _) in titles {
            let _ = write!(text, " {} |", cells.get(&(row, *sdk)).map_or("", String::as_str));
        }
    }
    text.push('\n');
    text.push_str(FOOTING);
    text
}

fn differences(old: &Cells, new: &Cells) -> String {
    let mut text = String::new();
    for (&(row, sdk), seen) in new {
        let written = old.get(&(row, sdk)).map_or("", String::as_str);
        if written != seen {
            let _ = writeln!(
                text,
                "  {:?}, {}: written {written:?}, seen {seen:?}",
                sdk, SCENARIOS[row]
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let titles = titles().unwrap();
        let mut written = Cells::new();
        written.insert((0, Sdk::Go), "yes".to_owned());
        written.insert((30, Sdk::Java), "`AmqpException`".to_owned());
        let page = render(&written, &titles);
        assert_eq!(cells(&page, &titles), written);
        assert!(page.contains("| hub and partition properties |"), "{page}");
    }

    #[test]
    fn no_scenario_is_there_twice() {
        let mut names = SCENARIOS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
    }
}
