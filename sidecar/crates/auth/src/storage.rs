//! SharedKey and SAS of Azure Storage: what is signed, and by whom it must have been. Pure: whether a signature is right
//! is found out by [`Authorizer`](crate::Authorizer), which has the keys.

mod canonical;
mod date;
mod operation;
mod sas;
mod shared_key;
mod target;

pub use sas::Sas;
pub use shared_key::SharedKey;
pub use target::Target;

/// What of a request is signed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// Percent-encoded as it was received, beginning with a slash.
    pub path: &'a str,
    /// Percent-encoded as it was received, without the question mark.
    pub query: Option<&'a str>,
    /// Names in lower case, with their values.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Request<'a> {
    /// The value of the header of that name (in lower case), if it is there exactly once.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.iter().filter(|(header, _)| *header == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim()),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the query nor the headers: both hold signatures.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
