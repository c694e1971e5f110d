//! Path segments and query parameters, decoded.

use std::borrow::Cow;

/// The text behind the percent signs. None if that is not UTF-8, or if a percent sign is not followed by two
/// hexadecimal digits. A plus sign stays one: it may stand in a key.
pub(crate) fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Splits `{name}:{action}`. Some clients encode the colon too.
pub(crate) fn name_and_action(segment: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    if let Some((name, action)) = segment.rsplit_once(':') {
        return Some((percent_decode(name)?, Cow::Borrowed(action)));
    }
    let decoded = percent_decode(segment)?;
    let (name, action) = decoded.rsplit_once(':')?;
    Some((Cow::Owned(name.to_owned()), Cow::Owned(action.to_owned())))
}

/// The value of the first parameter called `name`, still encoded. Names are compared ignoring case, as Azure does.
pub(crate) fn parameter<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    // Keys stand in the query unencoded and end in equal signs: only the first one separates.
    let pairs = query?
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_but_a_plus_sign_is_not_a_space() {
        assert_eq!(percent_decode("a%2Fb+c").unwrap(), "a/b+c");
        assert_eq!(percent_decode("caf%C3%A9").unwrap(), "café");
        assert_eq!(percent_decode("%C3"), None);
        assert_eq!(percent_decode("100%"), None);
        assert_eq!(percent_decode("%+1"), None);
    }

    #[test]
    fn the_action_follows_the_last_colon_encoded_or_not() {
        assert_eq!(
            name_and_action("orders:publish"),
            Some(("orders".into(), "publish".into()))
        );
        assert_eq!(
            name_and_action("or%3Aders:publish"),
            Some(("or:ders".into(), "publish".into()))
        );
        assert_eq!(
            name_and_action("orders%3Apublish"),
            Some(("orders".into(), "publish".into()))
        );
        assert_eq!(name_and_action("orders"), None);
    }

    #[test]
    fn a_key_stands_in_the_query_as_it_is() {
        let query = Some("api-version=2024-06-01&aeg-sas-key=a+b/c==&maxEvents=5");
        assert_eq!(parameter(query, "aeg-sas-key"), Some("a+b/c=="));
        assert_eq!(parameter(query, "maxevents"), Some("5"));
        assert_eq!(parameter(query, "maxWaitTime"), None);
        assert_eq!(parameter(None, "maxWaitTime"), None);
    }
}
