//! The tokens that one connection has shown.

use auth::{Error, Grant};
use model::Timestamp;

/// More audiences than any client has partitions. At it: the token is refused.
const GRANTS_MAX: usize = 1_024;

/// By audience: a client puts a new token for it before the old one expires.
#[derive(Debug, Default)]
pub(super) struct Grants(Vec<(String, Grant)>);

impl Grants {
    /// False if there are too many.
    #[must_use]
    pub(super) fn put(&mut self, audience: &str, grant: Grant) -> bool {
        let mut held = self.0.iter_mut();
        if let Some((_, held)) = held.find(|(name, _)| name.eq_ignore_ascii_case(audience)) {
            *held = grant;
        } else if self.0.len() < GRANTS_MAX {
            self.0.push((audience.to_owned(), grant));
        } else {
            return false;
        }
        true
    }

    /// What the first grant that allows it says.
    ///
    /// # Errors
    /// What the one says that comes nearest; `Missing` if there is none.
    pub(super) fn check<T>(&self, check: impl Fn(&Grant) -> Result<T, Error>) -> Result<T, Error> {
        let mut nearest = Error::Missing;
        for (_, grant) in &self.0 {
            match check(grant) {
                Ok(permit) => return Ok(permit),
                Err(error) if rank(&error) > rank(&nearest) => nearest = error,
                Err(_) => {}
            }
        }
        Err(nearest)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next grant ends.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let expiries = self.0.iter().map(|(_, grant)| grant.expires());
        expiries.filter(|expiry| *expiry < Timestamp::MAX).min()
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        self.0.retain(|(_, grant)| grant.expires() > now);
    }
}

/// How much a refusal tells the user: a token for the right place that lacks a right says more than one for another place.
fn rank(error: &Error) -> u8 {
    match error {
        Error::LacksRight { .. } => 3,
        Error::Expired(_) => 2,
        Error::OutOfScope(_) => 1,
        Error::Missing
        | Error::Malformed(_)
        | Error::MalformedSignature(_)
        | Error::BadSignature
        | Error::BadSignatureOfRule(_)
        | Error::WrongKey => 0,
    }
}
