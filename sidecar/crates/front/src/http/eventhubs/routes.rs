//! Paths of Event Hubs over HTTP.

use std::borrow::Cow;

use crate::http::path::percent_decode;
use crate::operation::Operation;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Route<'p> {
    pub(super) hub: Cow<'p, str>,
    pub(super) target: Target<'p>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'p> {
    /// `/{hub}/messages`
    Hub,
    /// `/{hub}/partitions/{id}/messages`
    Partition(Cow<'p, str>),
    /// `/{hub}/publishers/{name}/messages`; some documents write `publisher`.
    Publisher(Cow<'p, str>),
}

impl<'p> Route<'p> {
    /// None if the path is not one of this API.
    pub(in crate::http) fn parse(path: &'p str) -> Option<Self> {
        let mut segments = path.trim_start_matches('/').split('/');
        let hub = segment(segments.next()?)?;
        let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
        let word = segments.next()?;
        let target = if is(word, "messages") {
            Target::Hub
        } else {
            let name = segment(segments.next()?)?;
            let target = match word {
                word if is(word, "partitions") => Target::Partition(name),
                word if is(word, "publishers") || is(word, "publisher") => Target::Publisher(name),
                _ => return None,
            };
            segments
                .next()
                .filter(|word| is(word, "messages"))
                .map(|_| target)?
        };
        segments.next().is_none().then_some(Self { hub, target })
    }

    /// What a token's scope is compared with.
    pub(super) fn path(&self) -> Cow<'_, str> {
        let hub = &self.hub;
        match &self.target {
            Target::Hub => Cow::Borrowed(hub),
            Target::Partition(id) => Cow::Owned(format!("{hub}/Partitions/{id}")),
            Target::Publisher(name) => Cow::Owned(format!("{hub}/publishers/{name}")),
        }
    }

    pub(in crate::http) fn operation(&self) -> Operation {
        Operation::Send
    }
}

/// Decoded. One with a slash in it would pass for two, where a path is compared with a token's scope.
fn segment(encoded: &str) -> Option<Cow<'_, str>> {
    percent_decode(encoded).filter(|segment| !segment.is_empty() && !segment.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_azure_are_understood_and_no_others() {
        let hub = |path| Route::parse(path).unwrap();
        assert_eq!(hub("/telemetry/messages").target, Target::Hub);
        assert_eq!(
            hub("/Telemetry/Partitions/3/Messages").target,
            Target::Partition("3".into())
        );
        assert_eq!(
            hub("/telemetry/publisher/device%201/messages").target,
            Target::Publisher("device 1".into())
        );
        assert_eq!(
            hub("/telemetry/publishers/d/messages").path(),
            "telemetry/publishers/d"
        );
        for path in [
            "/",
            "/telemetry",
            "//messages/x",
            "/telemetry/messages/more",
            "/telemetry/partitions/messages",
            "/telemetry/partitions//messages",
            "/telemetry/queues/1/messages",
            "/telemetry/publishers/a%2Fb/messages",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
