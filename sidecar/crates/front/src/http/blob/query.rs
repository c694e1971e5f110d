//! Query parameters.

use crate::http::path::percent_decode;

use super::error::Refusal;

/// What the operations know. `timeout` has nothing to bound: no operation waits for anything but the disk.
const KNOWN: [&str; 8] = [
    "restype",
    "comp",
    "prefix",
    "delimiter",
    "marker",
    "maxresults",
    "include",
    "timeout",
];

/// What may be said once only: a second one means that somebody else understands the request in another way.
const ONCE: [&str; 2] = ["restype", "comp"];

/// The parameters of shared access signatures, which are read where credentials are.
const SIGNATURE: [&str; 24] = [
    "sv", "ss", "srt", "sp", "st", "se", "spr", "sip", "sig", "sr", "si", "sdd", "ses", "skoid", "sktid",
    "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "sduoid", "skdutid",
];

/// What other blobs have and ours do not.
const FEATURES: [(&str, &str); 4] = [
    ("snapshot", "snapshots"),
    ("versionid", "versions"),
    ("prevsnapshot", "snapshots"),
    ("showonly", "deleted blobs"),
];

/// A request's parameters, decoded. Names are as every client writes them, in lower case, so that a signature is checked
/// for just what is done. Of two with the same name the first counts, but not of those that say what is asked for.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: Option<&str>) -> Result<Self, Refusal> {
        let pairs = raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let parsed = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some((_, feature)) = FEATURES.iter().find(|(known, _)| *known == name) {
                return Err(Refusal::not_implemented(&format!("there are no {feature}")));
            }
            if !KNOWN.contains(&name) && !SIGNATURE.contains(&name) {
                return Err(Refusal::unsupported_query(name));
            }
            let value = percent_decode(value)
                .ok_or_else(|| Refusal::invalid_query(name, "its percent-encoding must be UTF-8"))?;
            Ok((name.to_owned(), value.into_owned()))
        });
        let query = Self(parsed.collect::<Result<_, _>>()?);
        for name in ONCE {
            if query.0.iter().filter(|(known, _)| known == name).count() > 1 {
                return Err(Refusal::invalid_query(name, "it must not be given twice"));
            }
        }
        Ok(query)
    }

    /// None if it is absent or empty, which clients mean to be the same.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// At most how many items a page of a list has. 5,000 if it does not say, or says more.
    pub(super) fn max_results(&self) -> Result<usize, Refusal> {
        const MAX: usize = 5_000;
        let Some(text) = self.get("maxresults") else {
            return Ok(MAX);
        };
        match text.parse::<u32>() {
            Ok(0) => Err(Refusal::out_of_range("maxresults", "it must be at least 1")),
            Ok(number) => Ok(usize::try_from(number).map_or(MAX, |number| number.min(MAX))),
            Err(_) => Err(Refusal::invalid_query("maxresults", "it must be a number")),
        }
    }

    /// What a list shall show of each item, besides what it always does.
    pub(super) fn include(&self) -> impl Iterator<Item = &str> {
        self.get("include")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse(Some(
            "restype=container&comp=list&prefix=a%2F%24d&include=metadata%2Ctags",
        ))
        .unwrap();
        assert_eq!(query.get("comp"), Some("list"));
        assert_eq!(query.get("prefix"), Some("a/$d"));
        assert_eq!(query.include().collect::<Vec<_>>(), ["metadata", "tags"]);
        assert_eq!(query.get("marker"), None);
        assert_eq!(Query::parse(Some("marker=")).unwrap().get("marker"), None);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for query in [
            "snapshot=2020",
            "versionid=1",
            "startFrom=a",
            "Comp=list",
            "prefix=%C3",
            "comp=list&restype=container&comp=list",
            "restype=container&restype=",
        ] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn a_page_has_at_most_5000_items() {
        let max = |query| Query::parse(query).unwrap().max_results();
        assert_eq!(max(None).unwrap(), 5_000);
        assert_eq!(max(Some("maxresults=7")).unwrap(), 7);
        assert_eq!(max(Some("maxresults=50000")).unwrap(), 5_000);
        assert!(max(Some("maxresults=0")).is_err() && max(Some("maxresults=-1")).is_err());
    }
}
