//! Places outside of the cluster: URLs of issuers and of object stores.

/// Whether this is the URL of an issuer: `https`, a name, a port if need be, a path of plain characters.
pub(crate) fn is_issuer(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    is_host(host) && port.is_none_or(is_port) && path.bytes().all(|byte| is_one_of(byte, b"-._~%/"))
}

/// Whether every name with this prefix is told apart from what the cluster itself vouches for.
pub(crate) fn is_issuer_prefix(prefix: &str) -> bool {
    const OF_THE_CLUSTER: &str = "system:";
    !prefix.is_empty()
        && prefix.bytes().all(|byte| is_one_of(byte, b"-._:/@#"))
        && !prefix.starts_with(OF_THE_CLUSTER)
        && !OF_THE_CLUSTER.starts_with(prefix)
}

/// Whether this is a bucket and a path in it, or a folder.
pub(crate) fn is_object_store(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    if scheme == "file" {
        return rest.len() > 1 && rest.starts_with('/') && !rest.contains('\n');
    }
    let (bucket, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = path.strip_suffix('/').unwrap_or(path);
    ["s3", "gs", "az", "azure"].contains(&scheme)
        && is_word(bucket, b"-._", 222)
        && (path.is_empty() || path.split('/').skip(1).all(is_part))
}

/// Stores refuse `.` and `..`, and what begins with a dot is hidden in some.
fn is_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(|byte| is_one_of(byte, b"-._=+~"))
}

fn is_host(host: &str) -> bool {
    is_word(host, b"-.", 253)
}

fn is_port(port: &str) -> bool {
    let is_plain = !port.starts_with(['0', '+']);
    is_plain && port.parse::<u16>().is_ok()
}

/// Letters, digits and `others`, at most `longest`, first and last a letter or digit.
fn is_word(word: &str, others: &[u8], longest: usize) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    word.len() <= longest
        && end(word.bytes().next())
        && end(word.bytes().last())
        && word.bytes().all(|byte| is_one_of(byte, others))
}

fn is_one_of(byte: u8, others: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || others.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_lets_a_claim_complete_a_name_of_the_cluster() {
        for prefix in ["", "s", "sys", "system", "system:", "system:x", "a b", "ü:"] {
            assert!(!is_issuer_prefix(prefix), "{prefix:?}");
        }
        for prefix in ["corp:", "s:", "systems:", "https://login.example.com#"] {
            assert!(is_issuer_prefix(prefix), "{prefix:?}");
        }
    }
}
