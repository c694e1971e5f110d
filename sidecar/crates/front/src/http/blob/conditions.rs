//! Conditional headers (RFC 9110, section 13).

use broker::{Blob, Conditions, Tags};
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};
use model::Timestamp;

use super::error::Refusal;
use super::headers::parse_http_date;

pub(super) fn read(headers: &HeaderMap) -> Result<Conditions, Refusal> {
    Ok(Conditions {
        if_match: tags(headers, &IF_MATCH)?,
        if_none_match: tags(headers, &IF_NONE_MATCH)?,
        if_modified_since: date(headers, &IF_MODIFIED_SINCE)?,
        if_unmodified_since: date(headers, &IF_UNMODIFIED_SINCE)?,
    })
}

/// Whether `blob` may be shown: 412 if it is not the version that the client wants, 304 if it is the one it has.
pub(super) fn must_allow_reading(conditions: Conditions, blob: &Blob) -> Result<(), Refusal> {
    let version = Some((blob.etag, blob.last_modified));
    let wanted = Conditions {
        if_none_match: None,
        if_modified_since: None,
        ..conditions.clone()
    };
    if !wanted.are_met_by(version) {
        return Err(Refusal::condition_not_met());
    }
    if !conditions.are_met_by(version) {
        return Err(Refusal::not_modified());
    }
    Ok(())
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Refusal> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| Refusal::invalid_header(name.as_str(), "it must be `*` or an ETag"))?;
    if text.trim() == "*" {
        return Ok(Some(Tags::Any));
    }
    let tags = text.split(',').map(|tag| tag.trim().to_owned());
    Ok(Some(Tags::These(tags.collect())))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let date = value.to_str().ok().and_then(parse_http_date);
    let rule = "it must be a date of HTTP, like Sun, 29 Nov 2026 12:00:00 GMT";
    date.map(Some)
        .ok_or_else(|| Refusal::invalid_header(name.as_str(), rule))
}
