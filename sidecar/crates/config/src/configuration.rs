//! Everything that a data plane is told, put together.

use crate::{Document, Secrets};

/// A document and the secrets that go with it. They travel apart, so each has a revision of its own. It is not
/// serialisable: this is what a reader holds once it has both.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// Topics, subscriptions, event hubs, settings.
    pub document: Document,
    /// Access keys and serving certificate.
    pub secrets: Secrets,
    /// Grows with every change of the secrets; told back in the report. Where nobody counts (local mode), 0.
    pub secrets_revision: u64,
}
