//! What changes while the data plane runs.

/// One revision of everything that the operator, or local mode, decides. Sent as a whole through a `watch` channel;
/// values that were overtaken before they could be applied are skipped.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Topics, subscriptions, settings.
    pub document: config::Document,
    /// Access keys and serving certificate.
    pub secrets: config::Secrets,
}
