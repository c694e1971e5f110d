//! Bearer tokens, as every door counts them.

use std::time::Duration;

use auth::Error;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// From one look at what a bearer token allows to the next, for as long as what it opened stays open.
pub(crate) const REVIEW_EVERY: Duration = Duration::from_secs(5);

/// Why a bearer token did not help. Bounded, so that it may label a metric.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    NoIssuer,
    UnknownIssuer,
    Audience,
    Expired,
    NotYetValid,
    /// Also a key that its issuer does not publish, or does not publish any more.
    Signature,
    Algorithm,
    /// Its subject may not do that.
    Verb,
    /// Nobody can say at the moment what its subject may do.
    Unavailable,
}

impl Reason {
    /// None if the error is about something other than a bearer token.
    pub(crate) const fn of(error: &Error) -> Option<Self> {
        Some(match error {
            Error::BearerMalformed(_) => Self::Malformed,
            Error::NoIssuer => Self::NoIssuer,
            Error::UnknownIssuer(_) => Self::UnknownIssuer,
            Error::WrongAudience { .. } => Self::Audience,
            Error::BearerExpired(_) => Self::Expired,
            Error::BearerNotYetValid(_) => Self::NotYetValid,
            Error::BearerBadSignature => Self::Signature,
            Error::AlgorithmRefused(_) => Self::Algorithm,
            Error::LacksVerb { .. } => Self::Verb,
            Error::Unavailable(_) => Self::Unavailable,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoIssuer => "no_issuer",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Signature => "signature",
            Self::Algorithm => "algorithm",
            Self::Verb => "verb",
            Self::Unavailable => "unavailable",
        }
    }
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.name().encode(encoder)
    }
}

/// What is counted of bearer tokens.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) issued: Counter,
    refused_requests: Family<RequestLabels, Counter>,
    refused: Family<RefusalLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    error: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    reason: Reason,
}

impl Metrics {
    pub(crate) fn register(registry: &runtime::metrics::Registry) -> Self {
        let identity = registry.part("identity");
        Self {
            issued: identity.register(
                "tokens_issued",
                "Tokens that the token endpoint gave",
                Counter::default(),
            ),
            refused_requests: identity.register(
                "token_requests_refused",
                "Requests for a token that were refused, by OAuth's error",
                Family::default(),
            ),
            refused: identity.register(
                "bearer_refused",
                "Bearer tokens refused at any door, by reason",
                Family::default(),
            ),
        }
    }

    /// The token endpoint says no, with one of its own errors.
    pub(crate) fn on_request_refused(&self, error: &'static str) {
        self.refused_requests
            .get_or_create(&RequestLabels { error })
            .inc();
    }

    /// A door refused a credential. Counted if that was a bearer token.
    pub(crate) fn on_refused(&self, error: &Error) {
        if let Some(reason) = Reason::of(error) {
            self.refused.get_or_create(&RefusalLabels { reason }).inc();
        }
    }
}
