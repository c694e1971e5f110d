//! Where a request points.

use crate::http::path::percent_decode;
use crate::listener::Protocol;

use super::error::Refusal;

/// Where on a door the containers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Mount {
    /// `/{container}`
    Root,
    /// `/checkpoints/{container}`
    Below,
}

const BELOW: &str = "/checkpoints";

impl Mount {
    /// None if `path` is not one of a container or blob.
    pub(in crate::http) fn of(protocol: Protocol, path: &str) -> Option<Self> {
        if protocol == Protocol::Blob {
            return Some(Self::Root);
        }
        let rest = path.strip_prefix(BELOW)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(Self::Below)
    }

    /// What stands before the containers.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Below => BELOW,
        }
    }
}

/// The account, a container or a blob.
///
/// The account's name may be the first segment, as in `http://127.0.0.1:10000/shop/orders`: clients write it if the host
/// is an IP address or if their connection string says so. **A first segment that is the account's name is the account**,
/// whatever follows, so that no path has two meanings. A container with that very name is `/shop/shop`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) target: Target,
    /// The path of the account, with a slash at its end.
    pub(super) account_path: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Account,
    Container(String),
    Blob(BlobName),
}

/// The name of a blob, with that of its container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BlobName {
    pub(super) container: String,
    pub(super) name: String,
}

impl BlobName {
    /// What a signature must be for.
    pub(super) fn signed(&self) -> auth::storage::Target<'_> {
        auth::storage::Target {
            container: Some(&self.container),
            blob: Some(&self.name),
        }
    }
}

/// What a signature must be for, to do something with a container.
pub(super) fn signed_container(container: &str) -> auth::storage::Target<'_> {
    auth::storage::Target {
        container: Some(container),
        blob: None,
    }
}

impl Address {
    /// Reads a path as it was received. Names are decoded; slashes in a blob's name may be encoded or not.
    pub(super) fn parse(mount: Mount, path: &str, account: &str) -> Result<Self, Refusal> {
        let below = path.strip_prefix(mount.prefix()).unwrap_or(path);
        let mut rest = below.strip_prefix('/').unwrap_or(below);
        let mut account_path = format!("{}/", mount.prefix());
        let (first, others) = rest.split_once('/').unwrap_or((rest, ""));
        if decode(first)? == account {
            rest = others;
            account_path.push_str(account);
            account_path.push('/');
        }
        let (container, blob) = rest.split_once('/').unwrap_or((rest, ""));
        let (container, name) = (decode(container)?, decode(blob)?);
        let target = match (container.is_empty(), name.is_empty()) {
            (true, true) => Target::Account,
            (true, false) => {
                return Err(Refusal::invalid_uri(
                    "the path has an empty segment where the container's name belongs",
                ));
            }
            (false, true) => Target::Container(container),
            (false, false) => Target::Blob(BlobName { container, name }),
        };
        Ok(Self { target, account_path })
    }
}

fn decode(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode(text).ok_or_else(|| {
        Refusal::invalid_uri(
            "a percent sign in the path must be followed by two hexadecimal digits, together UTF-8",
        )
    })?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(mount: Mount, path: &str) -> Target {
        Address::parse(mount, path, "shop").expect("a path").target
    }

    fn blob(container: &str, name: &str) -> Target {
        Target::Blob(BlobName {
            container: container.to_owned(),
            name: name.to_owned(),
        })
    }

    #[test]
    fn containers_are_at_the_root_of_the_blob_door_and_below_checkpoints_elsewhere() {
        assert_eq!(Mount::of(Protocol::Blob, "/orders"), Some(Mount::Root));
        assert_eq!(Mount::of(Protocol::Http, "/checkpoints"), Some(Mount::Below));
        assert_eq!(
            Mount::of(Protocol::Http, "/checkpoints/orders"),
            Some(Mount::Below)
        );
        assert_eq!(Mount::of(Protocol::Http, "/checkpointsx"), None);
        assert_eq!(Mount::of(Protocol::Http, "/orders"), None);
        assert_eq!(
            parse(Mount::Below, "/checkpoints/orders/a/b"),
            blob("orders", "a/b")
        );
        assert_eq!(
            parse(Mount::Root, "/checkpoints/orders/a"),
            blob("checkpoints", "orders/a")
        );
        assert_eq!(parse(Mount::Below, "/checkpoints"), Target::Account);
    }

    #[test]
    fn a_first_segment_with_the_accounts_name_is_the_account() {
        assert_eq!(parse(Mount::Root, "/"), Target::Account);
        assert_eq!(parse(Mount::Root, "/shop"), Target::Account);
        assert_eq!(parse(Mount::Root, "/shop/"), Target::Account);
        assert_eq!(
            parse(Mount::Root, "/shop/orders"),
            Target::Container("orders".into())
        );
        assert_eq!(parse(Mount::Root, "/shop/shop"), Target::Container("shop".into()));
        assert_eq!(parse(Mount::Root, "/shop/orders/a/b"), blob("orders", "a/b"));
        assert_eq!(parse(Mount::Root, "/shopping/a"), blob("shopping", "a"));
        assert_eq!(
            parse(Mount::Below, "/checkpoints/shop/orders/a"),
            blob("orders", "a")
        );
    }

    #[test]
    fn names_are_decoded_and_a_slash_in_a_blobs_name_may_be_too() {
        for path in [
            "/c/localhost:5671/hub/$default/ownership/0",
            "/c/localhost%3A5671/hub/%24default/ownership/0",
            "/c/localhost%3A5671%2Fhub%2F%24default%2Fownership%2F0",
        ] {
            assert_eq!(
                parse(Mount::Root, path),
                blob("c", "localhost:5671/hub/$default/ownership/0"),
                "{path}"
            );
        }
        assert_eq!(parse(Mount::Root, "/c/"), Target::Container("c".into()));
        for path in ["/c/%", "/%zz", "/c/%C3", "//a"] {
            assert!(Address::parse(Mount::Root, path, "shop").is_err(), "{path}");
        }
    }
}
