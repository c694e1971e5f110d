//! What a content type says about the data of an event in binary mode.

use super::Error;

/// How the data is represented in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// The body is a whole event, or a batch of them.
    CloudEvents,
    /// `*/json`, `*/*+json`: `data` is the value.
    Json,
    /// `text/*`, XML, in UTF-8: `data` is a string.
    Text,
    /// Everything else: `data_base64`.
    Binary,
}

impl MediaType {
    pub(super) fn of(content_type: &str) -> Self {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let essence = essence.trim().to_ascii_lowercase();
        let Some((kind, subtype)) = essence.split_once('/') else {
            return Self::Binary;
        };
        match (kind, subtype) {
            ("application", "cloudevents+json" | "cloudevents-batch+json") => Self::CloudEvents,
            (_, "json") => Self::Json,
            _ if subtype.ends_with("+json") => Self::Json,
            ("text", _) | ("application", "xml") if is_utf8(parameters) => Self::Text,
            _ if subtype.ends_with("+xml") && is_utf8(parameters) => Self::Text,
            _ => Self::Binary,
        }
    }
}

/// Whether the parameters leave UTF-8 (or its part, ASCII) as the charset.
fn is_utf8(parameters: &str) -> bool {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .all(|(name, value)| {
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset")
                || ["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|charset| value.eq_ignore_ascii_case(charset))
        })
}

/// The header's text.
pub(super) fn text(header: Option<&[u8]>) -> Result<Option<&str>, Error> {
    let text = header
        .map(|header| std::str::from_utf8(header).map_err(|_| Error::InvalidContentType))
        .transpose()?;
    Ok(text.map(str::trim).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::MediaType;

    #[test]
    fn the_media_type_says_how_data_is_represented() {
        for (content_type, expected) in [
            ("application/cloudevents+json", MediaType::CloudEvents),
            (
                "Application/CloudEvents-Batch+JSON; charset=utf-8",
                MediaType::CloudEvents,
            ),
            ("application/json", MediaType::Json),
            ("text/json;charset=utf-8", MediaType::Json),
            ("application/vnd.order+json", MediaType::Json),
            ("text/plain", MediaType::Text),
            ("text/xml; charset=\"UTF-8\"", MediaType::Text),
            ("image/svg+xml", MediaType::Text),
            ("application/xml", MediaType::Text),
            ("text/plain; charset=utf-16", MediaType::Binary),
            ("application/octet-stream", MediaType::Binary),
            ("application/protobuf", MediaType::Binary),
            ("nonsense", MediaType::Binary),
        ] {
            assert_eq!(MediaType::of(content_type), expected, "{content_type}");
        }
    }
}
