//! Parts of a blob: `x-ms-range`, which counts if both are sent, or `Range`.

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

use super::error::Refusal;

/// The bytes that a request asks for; None if all. Like Azure, what is not one range of bytes is not taken for any.
pub(super) fn read(headers: &HeaderMap, length: usize) -> Result<Option<Range<usize>>, Refusal> {
    let value = headers.get("x-ms-range").or_else(|| headers.get(RANGE));
    let Some((start, end)) = value.and_then(|value| parse(value.to_str().ok()?)) else {
        return Ok(None);
    };
    if start >= length {
        return Err(Refusal::invalid_range(length));
    }
    let end = end.map_or(length, |last| last.saturating_add(1).min(length));
    Ok(Some(start..end))
}

/// `bytes=START-` or `bytes=START-LAST`.
fn parse(text: &str) -> Option<(usize, Option<usize>)> {
    let (start, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let start = start.parse().ok()?;
    if last.is_empty() {
        return Some((start, None));
    }
    let last = last.parse().ok()?;
    (start <= last).then_some((start, Some(last)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &'static str, length: usize) -> Result<Option<Range<usize>>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(value));
        read(&headers, length)
    }

    #[test]
    fn a_range_ends_with_the_blob() {
        assert_eq!(of("bytes=0-33554431", 10).unwrap(), Some(0..10));
        assert_eq!(of("bytes=3-5", 10).unwrap(), Some(3..6));
        assert_eq!(of("bytes=9-", 10).unwrap(), Some(9..10));
        for whole in ["bytes=-5", "bytes=5-3", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b"] {
            assert_eq!(of(whole, 10).unwrap(), None, "{whole}");
        }
        assert_eq!(of("bytes=10-", 10).unwrap_err().code(), "InvalidRange");
        // What a download of an empty blob begins with.
        assert_eq!(of("bytes=0-33554431", 0).unwrap_err().code(), "InvalidRange");
    }

    #[test]
    fn storages_own_header_goes_before_https() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.insert("x-ms-range", HeaderValue::from_static("bytes=2-3"));
        assert_eq!(read(&headers, 10).unwrap(), Some(2..4));
    }
}
