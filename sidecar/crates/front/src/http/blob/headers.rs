//! Headers that many answers have, and those that no request may.

use std::time::{Duration, SystemTime};

use broker::ETag;
use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use model::Timestamp;

use crate::http::Call;
use crate::http::body::Body;

use super::error::Refusal;

const VERSION: HeaderName = HeaderName::from_static("x-ms-version");

/// What the Python checkpoint store sends, and the oldest that knows bearer tokens as the others send them. A version is a
/// date; what is here is the same in all of them.
const VERSION_MIN: &str = "2019-07-07";

/// What other blobs have and ours do not, by the header that asks for it.
const FEATURES: [(&str, &str); 25] = [
    ("content-encoding", "blobs have no content encoding"),
    ("content-language", "blobs have no content language"),
    ("x-ms-access-tier", "there are no tiers"),
    ("x-ms-blob-cache-control", "blobs have no cache control"),
    (
        "x-ms-blob-content-disposition",
        "blobs have no content disposition",
    ),
    ("x-ms-blob-content-encoding", "blobs have no content encoding"),
    ("x-ms-blob-content-language", "blobs have no content language"),
    (
        "x-ms-blob-public-access",
        "nothing is readable without a credential",
    ),
    ("x-ms-copy-source", "nothing is copied"),
    ("x-ms-default-encryption-scope", "there are no encryption scopes"),
    ("x-ms-delete-type-permanent", "what is deleted is gone"),
    ("x-ms-encryption-key", "there are no keys of customers"),
    ("x-ms-encryption-scope", "there are no encryption scopes"),
    ("x-ms-expiry-option", "blobs do not expire"),
    ("x-ms-if-tags", "there are no tags"),
    (
        "x-ms-immutability-policy-until-date",
        "there are no immutability policies",
    ),
    (
        "x-ms-lease-id",
        "there are no leases: write with If-Match instead",
    ),
    ("x-ms-legal-hold", "there are no legal holds"),
    ("x-ms-source-if-match", "nothing is copied"),
    ("x-ms-tags", "there are no tags"),
    // Whoever sends a checksum wants it compared.
    ("content-md5", CHECKSUM),
    ("x-ms-blob-content-md5", CHECKSUM),
    ("x-ms-content-crc64", CHECKSUM),
    ("x-ms-structured-body", CHECKSUM),
    ("x-ms-range-get-content-md5", CHECKSUM),
];

const CHECKSUM: &str = "checksums of bodies are not compared; let the client do without";

/// Refuses a version or a feature that is not here, instead of leaving it out.
pub(super) fn must_be_supported(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(version) = headers.get(VERSION) {
        let text = version.to_str().unwrap_or_default();
        if !is_version(text) || text < VERSION_MIN {
            return Err(Refusal::invalid_header(
                "x-ms-version",
                "it must be a date like 2019-07-07, which is also the oldest version there is",
            ));
        }
    }
    let asked = FEATURES
        .iter()
        .find(|(name, _)| headers.get(*name).is_some_and(|value| value != "false"));
    match asked {
        Some((name, rule)) => Err(Refusal::unsupported_header(name, rule)),
        None => Ok(()),
    }
}

fn is_version(text: &str) -> bool {
    text.len() == VERSION_MIN.len()
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The version that the client asked for, or the oldest.
pub(super) fn add_version(response: &mut Response<Body>, call: &Call<'_>) {
    let asked = call.parts.headers.get(VERSION);
    let version = asked
        .filter(|version| version.to_str().is_ok_and(is_version))
        .cloned()
        .unwrap_or(HeaderValue::from_static(VERSION_MIN));
    response.headers_mut().insert(VERSION, version);
}

/// `ETag`, in quotes, and `Last-Modified`.
pub(super) fn add_tag(response: &mut Response<Body>, etag: ETag, last_modified: Timestamp) {
    insert(response, ETAG, &format!("\"{etag}\""));
    insert(response, LAST_MODIFIED, &http_date(last_modified));
}

/// A header whose value is text of ours, or text that came as a header. Any other is left out.
pub(super) fn insert(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `Sun, 29 Nov 2026 12:00:00 GMT`; what a second has of parts is cut.
pub(super) fn http_date(moment: Timestamp) -> String {
    /// The last second of the year 9999: the form has no more digits.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(moment.as_micros() / 1_000_000)
        .unwrap_or(0)
        .min(LAST);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// A date in any of HTTP's three forms.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text)
        .ok()?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    i64::try_from(since.as_micros()).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http_and_read_back() {
        let moment = Timestamp::from_micros(1_795_316_710_999_999);
        assert_eq!(http_date(moment), "Sun, 22 Nov 2026 03:05:10 GMT");
        assert_eq!(
            parse_http_date("Sun, 22 Nov 2026 03:05:10 GMT"),
            Some(Timestamp::from_micros(1_795_316_710_000_000))
        );
        assert_eq!(parse_http_date("tomorrow"), None);
        assert!(http_date(Timestamp::MAX).ends_with("9999 23:59:59 GMT"));
        assert!(http_date(Timestamp::from_micros(-1)).contains("1970"));
    }

    #[test]
    fn every_version_since_2019_07_07_is_served() {
        let with = |version: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(VERSION, HeaderValue::from_static(version));
            must_be_supported(&headers)
        };
        assert!(with("2019-07-07").is_ok() && with("2026-04-06").is_ok());
        assert!(must_be_supported(&HeaderMap::new()).is_ok());
        for version in ["2019-07-06", "2015-02-21", "latest", "2026-4-6", ""] {
            assert_eq!(
                with(version).unwrap_err().code(),
                "InvalidHeaderValue",
                "{version}"
            );
        }
    }

    #[test]
    fn a_feature_that_is_switched_off_is_not_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-legal-hold", HeaderValue::from_static("false"));
        assert!(must_be_supported(&headers).is_ok());
        headers.insert("x-ms-legal-hold", HeaderValue::from_static("true"));
        assert_eq!(
            must_be_supported(&headers).unwrap_err().code(),
            "UnsupportedHeader"
        );
    }
}
