//! The `api-version` parameter.

use crate::http::error::Refusal;
use crate::http::path::parameter;

/// What differs between versions: the shape of a token that could not be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailedToken {
    /// `{"lockToken","errorCode","errorDescription"}`, in `2023-06-01-preview` only.
    Flat,
    /// `{"lockToken","error":{"code","message"}}`
    Nested,
}

/// Every operation is served at every version, since clients call `renewLock` at versions that do not define it.
/// A missing version means the newest, and so does one that we have not heard of, as long as it is a date: a newer
/// SDK should go on working. Anything else is a mistake, and is told so.
pub(super) fn failed_token_shape(query: Option<&str>) -> Result<FailedToken, Refusal> {
    match parameter(query, "api-version") {
        None => Ok(FailedToken::Nested),
        Some(version) if version.eq_ignore_ascii_case("2023-06-01-preview") => Ok(FailedToken::Flat),
        Some(version) if is_version(version) => Ok(FailedToken::Nested),
        Some(_) => Err(Refusal::bad_request(
            "Invalid api-version parameter: it must be a date, for example 2024-06-01 or 2023-10-01-preview",
        )),
    }
}

/// `YYYY-MM-DD`, optionally followed by `-preview` or the like.
fn is_version(version: &str) -> bool {
    let Some((date, suffix)) = version.split_at_checked("2024-06-01".len()) else {
        return false;
    };
    let is_date = date.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let is_suffix = match suffix.strip_prefix('-') {
        Some(word) => {
            !word.is_empty() && word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => suffix.is_empty(),
    };
    is_date && is_suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(query: &str) -> Option<FailedToken> {
        failed_token_shape(Some(query)).ok()
    }

    #[test]
    fn only_the_first_preview_has_flat_failed_tokens() {
        assert_eq!(shape("api-version=2023-06-01-preview"), Some(FailedToken::Flat));
        for version in [
            "2023-10-01-preview",
            "2023-11-01",
            "2024-06-01",
            "2031-01-01",
            "2031-01-01-beta2",
        ] {
            assert_eq!(
                shape(&format!("a=b&api-version={version}")),
                Some(FailedToken::Nested),
                "{version}"
            );
        }
        assert_eq!(failed_token_shape(None).ok(), Some(FailedToken::Nested));
    }

    #[test]
    fn what_is_not_a_date_is_refused() {
        for version in [
            "",
            "latest",
            "2024-6-1",
            "2024-06-01x",
            "2024-06-01-",
            "2024_06_01",
            "2024-06-0é",
        ] {
            assert_eq!(shape(&format!("api-version={version}")), None, "{version}");
        }
    }
}
