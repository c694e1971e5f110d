//! What a request to the Blob service is about.

/// What a request's path names, decoded, as the door understood it: a signature counts for just that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The container; none if the request is about the account.
    pub container: Option<&'a str>,
    /// The blob; none if the request is about the container or the account.
    pub blob: Option<&'a str>,
}
