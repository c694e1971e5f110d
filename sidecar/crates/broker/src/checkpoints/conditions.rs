//! Under which conditions a request wants to be done.

use model::Timestamp;

use super::etag::ETag;

/// Under which conditions a request wants to be done (RFC 9110, section 13). The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<Tags>,
    /// `If-None-Match`.
    pub if_none_match: Option<Tags>,
    /// `If-Modified-Since`; ignored beside `If-None-Match`.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`; ignored beside `If-Match`.
    pub if_unmodified_since: Option<Timestamp>,
}

/// Which versions a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version, as long as there is one.
    Any,
    /// These ETags, with or without quotes. One that is not ours, or weak, names no version.
    These(Vec<String>),
}

impl Conditions {
    /// Whether the version of a blob meets them. `None`: there is no such blob.
    pub fn are_met_by(&self, version: Option<(ETag, Timestamp)>) -> bool {
        let Some((etag, modified)) = version else {
            return self.if_match.is_none();
        };
        // Dates on the wire have whole seconds.
        let modified = modified.as_micros().div_euclid(1_000_000);
        let until = |date: Timestamp| modified <= date.as_micros().div_euclid(1_000_000);
        let is_wanted = match &self.if_match {
            Some(tags) => tags.name(etag),
            None => self.if_unmodified_since.is_none_or(until),
        };
        let is_unwanted = match &self.if_none_match {
            Some(tags) => tags.name(etag),
            None => self.if_modified_since.is_some_and(until),
        };
        is_wanted && !is_unwanted
    }

    pub(super) fn want_none(&self) -> bool {
        self.if_none_match == Some(Tags::Any)
    }
}

impl Tags {
    fn name(&self, etag: ETag) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.parse() == Ok(etag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: (ETag, Timestamp) = (ETag::new(7), Timestamp::from_micros(5_700_000));

    fn these(tags: &[&str]) -> Option<Tags> {
        Some(Tags::These(tags.iter().copied().map(String::from).collect()))
    }

    fn met(conditions: Conditions) -> (bool, bool) {
        (conditions.are_met_by(Some(VERSION)), conditions.are_met_by(None))
    }

    #[test]
    fn tags_name_versions_that_exist() {
        let if_match = |tags| Conditions {
            if_match: tags,
            ..Conditions::default()
        };
        assert_eq!(met(Conditions::default()), (true, true));
        assert_eq!(met(if_match(Some(Tags::Any))), (true, false));
        assert_eq!(
            met(if_match(these(&["0x8", "\"0x0000000000000007\""]))),
            (true, false)
        );
        assert_eq!(
            met(if_match(these(&["0x8", "W/\"0x7\"", "else"]))),
            (false, false)
        );
        let if_none_match = |tags| Conditions {
            if_none_match: tags,
            ..Conditions::default()
        };
        assert_eq!(met(if_none_match(Some(Tags::Any))), (false, true));
        assert_eq!(met(if_none_match(these(&["0x7"]))), (false, true));
        assert_eq!(met(if_none_match(these(&["0x8"]))), (true, true));
    }

    #[test]
    fn dates_count_in_whole_seconds_and_only_without_tags() {
        let date = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let since = |seconds| Conditions {
            if_modified_since: date(seconds),
            ..Conditions::default()
        };
        let unmodified = |seconds| Conditions {
            if_unmodified_since: date(seconds),
            ..Conditions::default()
        };
        assert_eq!([4, 5, 6].map(|at| met(since(at)).0), [true, false, false]);
        assert_eq!([4, 5, 6].map(|at| met(unmodified(at)).0), [false, true, true]);
        assert!(met(unmodified(4)).1 && met(since(9)).1);
        let beside = Conditions {
            if_match: these(&["0x7"]),
            if_none_match: these(&["0x8"]),
            ..Conditions {
                if_modified_since: date(9),
                if_unmodified_since: date(4),
                ..Conditions::default()
            }
        };
        assert!(met(beside).0);
    }
}
