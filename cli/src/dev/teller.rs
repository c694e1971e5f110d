//! What local mode says to people and programs.

use std::collections::BTreeSet;

use serde_json::json;

use crate::args::LogFormat;
use crate::manifest::{Mistake, Place};
use crate::output::{self, Output};

/// An object that is written correctly and cannot run as things are.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) mistake: Mistake,
    /// The reason of its condition `Accepted` in a cluster, such as `NameConflict`.
    pub(crate) reason: String,
}

/// Says each thing once, until it changes.
#[derive(Debug)]
pub(crate) struct Teller {
    output: Output,
    log_format: LogFormat,
    told: BTreeSet<String>,
    noticed: BTreeSet<String>,
}

impl Teller {
    pub(crate) fn new(output: Output, log_format: LogFormat) -> Self {
        Self {
            output,
            log_format,
            told: BTreeSet::new(),
            noticed: BTreeSet::new(),
        }
    }

    /// Mistakes and refusals of the present set; those that were told before are still true and not repeated.
    pub(crate) fn tell(&mut self, mistakes: &[Mistake], refusals: &[Refusal]) {
        let mut told = BTreeSet::new();
        for mistake in mistakes {
            let text = format!("error: {}", mistake.text());
            if !self.told.contains(&text) {
                self.say(&text, mistake, None);
            }
            told.insert(text);
        }
        for refusal in refusals {
            let text = format!("not accepted ({}): {}", refusal.reason, refusal.mistake.text());
            if !self.told.contains(&text) {
                self.say(&text, &refusal.mistake, Some(&refusal.reason));
            }
            told.insert(text);
        }
        self.told = told;
    }

    fn say(&self, text: &str, mistake: &Mistake, reason: Option<&str>) {
        match self.log_format {
            LogFormat::Text => eprintln!("{text}"),
            LogFormat::Json => Self::say_as_event(mistake, reason),
        }
    }

    fn say_as_event(mistake: &Mistake, reason: Option<&str>) {
        let Mistake {
            place: Place { source, at },
            object,
            field,
            rule,
            fix,
        } = mistake;
        let (line, column) = at.map_or((0, 0), |at| (at.line, at.column));
        let file = source.path.display().to_string();
        let (object, field) = (
            object.as_deref().unwrap_or_default(),
            field.as_deref().unwrap_or_default(),
        );
        match reason {
            None => tracing::error!(
                file,
                line,
                column,
                object,
                field,
                rule,
                fix,
                "mistake in a manifest"
            ),
            Some(reason) => tracing::warn!(
                file,
                line,
                column,
                object,
                field,
                rule,
                fix,
                reason,
                "object not accepted"
            ),
        }
    }

    /// Files and objects that were left out; each is worth a line once, for whoever looks for them.
    pub(crate) fn notices(&mut self, notices: Vec<String>) {
        for notice in notices {
            if !self.noticed.contains(&notice) {
                tracing::debug!("{notice}");
                self.noticed.insert(notice);
            }
        }
    }

    /// What was asked for and does not happen here; each is worth a line once.
    pub(crate) fn note(&mut self, namespace: &str, note: &str) {
        if self.noticed.insert(format!("{namespace}: {note}")) {
            tracing::info!(namespace, "{note}");
        }
    }

    /// `ready NAMESPACE URL`
    pub(crate) fn ready(output: Output, namespace: &str, url: &str) {
        let said = match output {
            Output::Text => output::line(&format!("ready {namespace} {url}")),
            Output::Json => output::json(&json!({"event": "ready", "namespace": namespace, "url": url})),
        };
        // Nobody reads our output any more; the Namespace serves all the same.
        if let Err(failure) = said {
            tracing::debug!("{failure}");
        }
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }
}
