//! Percent-encoding of names in paths and queries.

/// Encodes everything but RFC 3986's unreserved characters, so that a name stays one path segment.
pub(crate) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_stays_one_path_segment() {
        assert_eq!(super::encode("a/b:c é~1"), "a%2Fb%3Ac%20%C3%A9~1");
    }
}
