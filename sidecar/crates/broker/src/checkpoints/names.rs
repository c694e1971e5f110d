//! What containers and blobs may be called: Azure's rules.

use super::error::CheckpointError;

/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>
pub(super) fn check_container(name: &str) -> Result<(), CheckpointError> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let is_valid = (3..=63).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    is_valid
        .then_some(())
        .ok_or(CheckpointError::InvalidContainerName)
}

/// Control characters are refused beyond Azure's rules, and so are the two that no XML document can hold: the blob could
/// not be listed.
pub(super) fn check_blob(name: &str) -> Result<(), CheckpointError> {
    let fits = |sign: char| !sign.is_control() && !matches!(sign, '\u{fffe}' | '\u{ffff}');
    let is_valid = (1..=1024).contains(&name.chars().take(1025).count()) && name.chars().all(fits);
    is_valid.then_some(()).ok_or(CheckpointError::InvalidBlobName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_called_as_azure_allows() {
        let longest = "a".repeat(63);
        for name in ["abc", "a-b", "0-9-z", "checkpoints", &longest] {
            assert_eq!(check_container(name), Ok(()), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "", "ab", "Abc", "-abc", "abc-", "a--b", "a_b", "a.b", "$root", "äbc", &too_long,
        ] {
            let refused = Err(CheckpointError::InvalidContainerName);
            assert_eq!(check_container(name), refused, "{name}");
        }
    }

    #[test]
    fn blobs_may_be_called_nearly_anything() {
        let longest = "ü".repeat(1024);
        for name in [
            "a",
            "shop.ns.svc:5671/hub/$default/ownership/0",
            "Ä b/..",
            &longest,
        ] {
            assert_eq!(check_blob(name), Ok(()), "{name}");
        }
        let too_long = "u".repeat(1025);
        for name in ["", "a\0", "a\nb", "\u{7f}", "\u{85}", "\u{ffff}", &too_long] {
            assert_eq!(check_blob(name), Err(CheckpointError::InvalidBlobName), "{name}");
        }
    }
}
