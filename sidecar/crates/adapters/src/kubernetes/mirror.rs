//! What is known about the configuration, from whichever side it came.
//!
//! It decides and does no IO: it is told of heads, shards and secrets in any order, says which shards are
//! [`missing`](Mirror::missing), and hands out a [`Configuration`] whenever a newer one is whole.

use std::sync::Arc;

use config::{Configuration, Head, Problem, SHARD_COUNT, Secrets};

use super::pieces::{Lengths, PieceError, Pieces, Unknown, read, read_head, verify_shard};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    newest: Option<Newest>,
    coming: Option<Coming>,
    secrets: Option<Keys>,
    document_problem: Option<Problem>,
    secrets_problem: Option<String>,
    /// Met so far.
    pub(crate) unknown: Unknown,
}

/// The newest document that is whole.
#[derive(Debug)]
struct Newest {
    pieces: Arc<Pieces>,
    lengths: Lengths,
    /// Without secrets as long as there are none.
    configuration: Arc<Configuration>,
}

/// A document of which shards are missing.
#[derive(Debug)]
struct Coming {
    head: Head,
    head_json: Arc<[u8]>,
    shards: [Option<Arc<[u8]>>; SHARD_COUNT],
}

/// The secrets and their revision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keys {
    pub(crate) revision: u64,
    pub(crate) secrets: Secrets,
}

/// What a head meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is what we have.
    Known,
    /// It is what shards are being fetched for.
    Awaited,
    /// It is newer.
    Newer,
    /// It cannot be used; [`Mirror::problem`] says why.
    Unusable,
}

impl Mirror {
    /// The newest that is whole, secrets included.
    pub(crate) fn configuration(&self) -> Option<Arc<Configuration>> {
        self.secrets.as_ref()?;
        self.newest.as_ref().map(|newest| newest.configuration.clone())
    }

    /// The pieces of the newest document.
    pub(crate) fn pieces(&self) -> Option<Arc<Pieces>> {
        self.newest.as_ref().map(|newest| newest.pieces.clone())
    }

    /// Why something newer is not in [`Mirror::configuration`].
    pub(crate) fn problem(&self) -> Option<Problem> {
        let of_secrets = |reason: &String| Problem {
            revision: self.revision(),
            reason: reason.clone(),
        };
        self.document_problem
            .clone()
            .or_else(|| self.secrets_problem.as_ref().map(of_secrets))
    }

    /// Shards to be fetched.
    pub(crate) fn missing(&self) -> Vec<usize> {
        let shards = self
            .coming
            .iter()
            .flat_map(|coming| coming.shards.iter().enumerate());
        shards
            .filter(|(_, shard)| shard.is_none())
            .map(|(index, _)| index)
            .collect()
    }

    fn revision(&self) -> u64 {
        self.newest.as_ref().map_or(0, |newest| newest.pieces.revision())
    }

    /// A whole document that was stored somewhere. What is not newer than the newest is passed over.
    ///
    /// # Errors
    /// It is newer, but cannot be used.
    pub(crate) fn offer(&mut self, pieces: Pieces) -> Result<(), PieceError> {
        if self.newest.is_some() && pieces.revision() <= self.revision() {
            return Ok(());
        }
        self.accept(pieces)
    }

    /// Secrets that were stored somewhere. What is not newer is passed over.
    pub(crate) fn offer_keys(&mut self, keys: Keys) {
        let known = self.secrets.as_ref().map(|known| known.revision);
        if known.is_none_or(|known| known < keys.revision) {
            self.set_keys(keys);
        }
    }

    /// The head as the API server has it.
    pub(crate) fn on_head(&mut self, json: &[u8]) -> Heard {
        let head = match read_head(json, &mut self.unknown) {
            Ok(head) => head,
            Err(error) => return self.refuse(self.revision(), error.to_string()),
        };
        if self
            .newest
            .as_ref()
            .is_some_and(|newest| newest.pieces.head == head)
        {
            (self.coming, self.document_problem) = (None, None);
            return Heard::Known;
        }
        if self.coming.as_ref().is_some_and(|coming| coming.head == head) {
            return Heard::Awaited;
        }
        if head.revision < self.revision() {
            let reason = format!(
                "the API server has revision {}, which is older than revision {}, which was given out before; \
                 revisions only grow, so it waits for one that is newer",
                head.revision,
                self.revision()
            );
            return self.refuse(head.revision, reason);
        }
        self.coming = Some(self.prepare(head, json));
        self.complete();
        Heard::Newer
    }

    fn refuse(&mut self, revision: u64, reason: String) -> Heard {
        self.coming = None;
        self.document_problem = Some(Problem { revision, reason });
        Heard::Unusable
    }

    /// With the shards that need not be fetched.
    fn prepare(&self, head: Head, json: &[u8]) -> Coming {
        let known = |index: usize| {
            let newest = self
                .newest
                .iter()
                .filter(|newest| newest.pieces.head.shards[index] == head.shards[index])
                .map(|newest| newest.pieces.shards[index].clone());
            let coming = self
                .coming
                .iter()
                .filter(|coming| coming.head.shards[index] == head.shards[index])
                .filter_map(|coming| coming.shards[index].clone());
            newest.chain(coming).next()
        };
        Coming {
            shards: std::array::from_fn(known),
            head_json: json.into(),
            head,
        }
    }

    /// A shard as the API server has it.
    ///
    /// # Errors
    /// It is still missing: shards are written before the head, so there may be a newer head under way.
    pub(crate) fn on_shard(&mut self, index: usize, gzip: Arc<[u8]>) -> Result<(), PieceError> {
        let Some(coming) = self.coming.as_mut() else {
            return Ok(());
        };
        if coming.shards[index].is_some() {
            return Ok(());
        }
        verify_shard(&coming.head, index, &gzip)?;
        coming.shards[index] = Some(gzip);
        self.complete();
        Ok(())
    }

    /// What is missing does not come.
    pub(crate) fn on_stuck(&mut self, reason: &str) {
        if let Some(coming) = &self.coming {
            self.document_problem = Some(Problem {
                revision: coming.head.revision,
                reason: format!("{reason}; it is tried again until it fits"),
            });
        }
    }

    fn complete(&mut self) {
        let Some(coming) = self
            .coming
            .take_if(|coming| coming.shards.iter().all(Option::is_some))
        else {
            return;
        };
        let pieces = Pieces {
            head: coming.head,
            head_json: coming.head_json,
            shards: coming.shards.map(Option::unwrap_or_default),
        };
        let revision = pieces.revision();
        if let Err(error) = self.accept(pieces) {
            self.refuse(revision, error.to_string());
        }
    }

    fn accept(&mut self, pieces: Pieces) -> Result<(), PieceError> {
        let before = self
            .newest
            .as_ref()
            .map(|newest| (&newest.configuration.document, &newest.lengths));
        let (document, lengths) = pieces.assemble(before, &mut self.unknown)?;
        let keys = self.secrets.clone();
        self.newest = Some(Newest {
            pieces: Arc::new(pieces),
            lengths,
            configuration: Arc::new(with_keys(document, keys)),
        });
        self.document_problem = None;
        // Shards for an older document may still come; it must not replace this one.
        let revision = self.revision();
        self.coming.take_if(|coming| coming.head.revision < revision);
        Ok(())
    }

    /// The secrets as the API server has them. It is always right: what it has is what programs are given, and where
    /// somebody deleted the object, its revision begins again.
    pub(crate) fn on_keys(&mut self, revision: Option<&[u8]>, json: Option<&[u8]>) {
        match read_keys(revision, json, &mut self.unknown) {
            Ok(keys) => self.set_keys(keys),
            Err(reason) => self.secrets_problem = Some(reason),
        }
    }

    fn set_keys(&mut self, keys: Keys) {
        self.secrets_problem = None;
        if self.secrets.as_ref() == Some(&keys) {
            return;
        }
        if let Some(newest) = &mut self.newest {
            let document = newest.configuration.document.clone();
            newest.configuration = Arc::new(with_keys(document, Some(keys.clone())));
        }
        self.secrets = Some(keys);
    }
}

fn with_keys(document: config::Document, keys: Option<Keys>) -> Configuration {
    let keys = keys.unwrap_or_else(|| Keys {
        revision: 0,
        secrets: Secrets {
            rules: Vec::new(),
            certificate_pem: String::new(),
            private_key_pem: String::new(),
            object_store: std::collections::BTreeMap::new(),
            dead_letter_stores: std::collections::BTreeMap::new(),
        },
    });
    Configuration {
        document,
        secrets: keys.secrets,
        secrets_revision: keys.revision,
    }
}

/// Reads the two values of the Secret.
///
/// # Errors
/// In words for the user.
pub(crate) fn read_keys(
    revision: Option<&[u8]>,
    json: Option<&[u8]>,
    unknown: &mut Unknown,
) -> Result<Keys, String> {
    let missing = |key: &str| format!("the Secret has no `{key}`");
    let revision = revision.ok_or_else(|| missing(config::objects::SECRETS_REVISION_KEY))?;
    let json = json.ok_or_else(|| missing(config::objects::SECRETS_KEY))?;
    let text = std::str::from_utf8(revision).unwrap_or_default().trim();
    let revision = text
        .parse()
        .map_err(|_| "the revision of the Secret is not a number".to_owned())?;
    // What the parser would say may quote a key.
    let secrets = read("the Secret", json, unknown).map_err(|_| {
        format!(
            "`{}` of the Secret is not what the operator writes",
            config::objects::SECRETS_KEY
        )
    })?;
    Ok(Keys { revision, secrets })
}

#[cfg(test)]
mod tests;
