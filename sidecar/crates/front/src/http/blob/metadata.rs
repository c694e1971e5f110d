//! Metadata: headers `x-ms-meta-NAME`.

use broker::{METADATA_BYTES_MAX, Metadata};
use http::{HeaderMap, HeaderName, Response};

use crate::http::body::Body;

use super::error::Refusal;
use super::headers;

const PREFIX: &str = "x-ms-meta-";

/// The metadata that a request sends. Names are lower case, whatever the client wrote: HTTP does not tell.
pub(super) fn read(headers: &HeaderMap) -> Result<Metadata, Refusal> {
    let mut metadata = Metadata::new();
    let mut bytes = 0;
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        let value = value
            .to_str()
            .map_err(|_| Refusal::invalid_metadata(name, "its value must be printable ASCII"))?;
        must_be_a_name(name)?;
        if metadata.iter().any(|(known, _)| known == name) {
            return Err(Refusal::invalid_metadata(name, "it must be sent once"));
        }
        bytes += name.len() + value.len();
        metadata.push((name.to_owned(), value.to_owned()));
    }
    if bytes > METADATA_BYTES_MAX {
        return Err(Refusal::metadata_too_large());
    }
    Ok(metadata)
}

/// The rule of Azure's, which makes every name an element of XML too.
fn must_be_a_name(name: &str) -> Result<(), Refusal> {
    let Some(first) = name.bytes().next() else {
        return Err(Refusal::empty_metadata_name());
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if first.is_ascii_digit() || !name.bytes().all(is_part) {
        return Err(Refusal::invalid_metadata(
            name,
            "a name has letters, digits and underscores, and does not begin with a digit",
        ));
    }
    Ok(())
}

/// The headers of an answer.
pub(super) fn add(response: &mut Response<Body>, metadata: &Metadata) {
    for (name, value) in metadata {
        if let Ok(header) = HeaderName::try_from(format!("{PREFIX}{name}")) {
            headers::insert(response, header, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Metadata, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-version", HeaderValue::from_static("2019-07-07"));
        headers.insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        read(&headers)
    }

    #[test]
    fn names_are_identifiers_and_values_printable() {
        assert_eq!(
            read_one("x-ms-meta-ownerid", "a <b>").unwrap(),
            [("ownerid".to_owned(), "a <b>".to_owned())]
        );
        assert_eq!(read_one("x-ms-meta-_a1", "").unwrap().len(), 1);
        for (name, value, code) in [
            ("x-ms-meta-", "a", "EmptyMetadataKey"),
            ("x-ms-meta-1a", "a", "InvalidMetadata"),
            ("x-ms-meta-a-b", "a", "InvalidMetadata"),
            ("x-ms-meta-a", "é", "InvalidMetadata"),
            ("x-ms-meta-a", &"a".repeat(8_192), "MetadataTooLarge"),
        ] {
            assert_eq!(read_one(name, value).unwrap_err().code(), code, "{name}");
        }
        assert!(read_one("x-ms-meta-a", &"a".repeat(8_191)).is_ok());
    }
}
