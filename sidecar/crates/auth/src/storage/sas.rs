//! The SAS of Azure Storage: parameters of the query that say what whoever has the URL may do, and a signature of them.
//!
//! A *service SAS* (`sr`) is good for one container or blob, an *account SAS* (`ss`, `srt`) for the account. One that is
//! signed with a user's key (`skoid`) is refused: there is no such key here. So is whatever would limit a SAS in a way that
//! nobody here checks; better no entry than a wider one than was signed.

use model::Timestamp;

use super::operation::Operation;
use super::shared_key::{expected, signature_of};
use super::{Request, Target, date};
use crate::bearer::LEEWAY;
use crate::key_ring::{KeyRing, Match, SIGNATURE_LENGTH};
use crate::url::{Plus, decode};
use crate::{Error, Right};

/// The first version whose service SAS is signed as it is today, but for the encryption scope.
const VERSION_MIN: &str = "2018-11-09";
/// From this version on, the encryption scope is signed too.
const VERSION_WITH_SCOPE: &str = "2020-12-06";

/// Parameters that limit or change what a SAS does, and that nobody here would act upon.
const REFUSED: [(&str, &str); 15] = [
    (
        "skoid",
        "it is signed with a user delegation key; sign it with an access key, or send a bearer token",
    ),
    (
        "si",
        "there are no stored access policies (`si`); put times and permissions into the SAS",
    ),
    (
        "sip",
        "limits to addresses (`sip`) are not checked; leave them out",
    ),
    ("ses", "there are no encryption scopes (`ses`); leave that out"),
    ("sdd", "there are no directories (`sdd`); leave that out"),
    ("saoid", "it names a user (`saoid`); leave that out"),
    ("suoid", "it names a user (`suoid`); leave that out"),
    ("scid", "it names a correlation (`scid`); leave that out"),
    ("snapshot", "there are no snapshots (`snapshot`); leave that out"),
    (
        "versionid",
        "there are no versions of blobs (`versionid`); leave that out",
    ),
    (
        "rscc",
        "headers of answers are not replaced (`rscc`); leave that out",
    ),
    (
        "rscd",
        "headers of answers are not replaced (`rscd`); leave that out",
    ),
    (
        "rsce",
        "headers of answers are not replaced (`rsce`); leave that out",
    ),
    (
        "rscl",
        "headers of answers are not replaced (`rscl`); leave that out",
    ),
    (
        "rsct",
        "headers of answers are not replaced (`rsct`); leave that out",
    ),
];

/// A SAS with the request that it came with. It is well formed; nothing else is known of it.
pub struct Sas {
    text: String,
    signature: [u8; SIGNATURE_LENGTH],
    permissions: String,
    starts: Option<Timestamp>,
    expires: Timestamp,
    is_https_only: bool,
    extent: Extent,
    operation: Option<Operation>,
}

/// What a SAS is good for.
enum Extent {
    /// A container and all in it, or a blob: that of the request, else the signature is another.
    Service,
    /// The account; on these levels of it (`srt`).
    Account { levels: String },
}

impl Sas {
    /// Whether the query is meant to have one.
    pub fn is_meant(query: Option<&str>) -> bool {
        let parameters = Parameters(query.unwrap_or_default());
        parameters.has("sig") && parameters.has("sv")
    }

    /// Reads the query of `request` to `account`, which is about `target`.
    ///
    /// # Errors
    /// `MalformedStorageSas`, `UnsupportedStorageSas`.
    pub fn read(request: &Request<'_>, target: &Target<'_>, account: &str) -> Result<Self, Error> {
        let parameters = Parameters(request.query.unwrap_or_default());
        for (name, why) in REFUSED {
            if !parameters.get(name)?.is_empty() {
                return Err(Error::UnsupportedStorageSas(why));
            }
        }
        let moment = |name| -> Result<Option<Timestamp>, Error> {
            let text = parameters.get(name)?;
            let malformed =
                Error::MalformedStorageSas("`st` or `se` is no date such as 2026-11-22T03:05:10Z");
            (!text.is_empty())
                .then(|| date::of_sas(&text).ok_or(malformed))
                .transpose()
        };
        let (text, extent) = parameters.signed(target, account)?;
        Ok(Self {
            text,
            signature: signature_of(&parameters.get("sig")?)
                .ok_or(Error::MalformedStorageSas("`sig` is no base64 of an HMAC-SHA256"))?,
            permissions: parameters.get("sp")?,
            starts: moment("st")?,
            expires: moment("se")?.ok_or(Error::MalformedStorageSas("`se`, when it expires, is missing"))?,
            is_https_only: parameters.is_https_only()?,
            extent,
            operation: Operation::of(request, target),
        })
    }

    /// Whether it must not be accepted over a connection that is not encrypted (`spr=https`). The door checks that.
    pub const fn is_https_only(&self) -> bool {
        self.is_https_only
    }

    pub(crate) fn signer<'a>(&self, keys: &'a KeyRing) -> Result<Match<'a>, Error> {
        keys.find_signer(&self.text, &self.signature)
            .ok_or_else(|| Error::BadStorageSasSignature(expected(Some(&self.text))))
    }

    /// With a minute for clocks that differ.
    pub(crate) fn must_be_alive(&self, now: Timestamp) -> Result<(), Error> {
        if let Some(starts) = self.starts
            && now + LEEWAY < starts
        {
            return Err(Error::StorageSasNotYetValid(starts));
        }
        if now < self.expires + LEEWAY {
            Ok(())
        } else {
            Err(Error::Expired(self.expires))
        }
    }

    /// It allows the request that it came with, for which the door asks for `right`.
    pub(crate) fn must_allow(&self, right: Right) -> Result<(), Error> {
        let Some(operation) = &self.operation else {
            return Err(Error::StorageSasLacks(
                "another credential: no SAS allows this operation",
            ));
        };
        let Operation {
            permissions, needs, ..
        } = *operation;
        match &self.extent {
            Extent::Service if !operation.is_in_container => {
                return Err(Error::StorageSasLacks(
                    "an account SAS (`ss`, `srt`): a service SAS is good inside a container only",
                ));
            }
            Extent::Account { levels } if !levels.contains(operation.level) => {
                return Err(Error::StorageSasLacks(
                    "the resource type in `srt`: `s` (service), `c` (container) or `o` (object)",
                ));
            }
            Extent::Service | Extent::Account { .. } => {}
        }
        if operation.right == right && self.permissions.contains(permissions) {
            Ok(())
        } else {
            Err(Error::StorageSasLacks(needs))
        }
    }
}

impl std::fmt::Debug for Sas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sas(***)")
    }
}

/// A query, as it was received.
struct Parameters<'a>(&'a str);

impl Parameters<'_> {
    fn has(&self, wanted: &str) -> bool {
        self.find(wanted).next().is_some()
    }

    /// The decoded value; empty if it is missing, which means the same.
    fn get(&self, wanted: &str) -> Result<String, Error> {
        let mut found = self.find(wanted);
        match (found.next(), found.next()) {
            (None, _) => Ok(String::new()),
            (Some(value), None) => decode(value, Plus::Itself)
                .ok_or(Error::MalformedStorageSas("a value is not URL-encoded UTF-8")),
            (Some(_), Some(_)) => Err(Error::MalformedStorageSas("a parameter is there twice")),
        }
    }

    fn find(&self, wanted: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.split('&').filter_map(|part| part.split_once('='));
        pairs
            .filter(move |(name, _)| *name == wanted)
            .map(|(_, value)| value)
    }

    fn is_https_only(&self) -> Result<bool, Error> {
        match &*self.get("spr")? {
            "" | "https,http" => Ok(false),
            "https" => Ok(true),
            _ => Err(Error::MalformedStorageSas(
                "`spr` is neither `https` nor `https,http`",
            )),
        }
    }

    /// What was signed. Parameters that are refused when they are there are the empty ones here.
    fn signed(&self, target: &Target<'_>, account: &str) -> Result<(String, Extent), Error> {
        let version = self.version()?;
        let has_scope = *version >= *VERSION_WITH_SCOPE;
        let scope: &[&str] = if has_scope { &[""] } else { &[] };
        let common = [self.get("st")?, self.get("se")?];
        let [starts, expires] = common.each_ref().map(String::as_str);
        let (permissions, protocol) = (self.get("sp")?, self.get("spr")?);
        let (kind, services, levels) = (self.get("sr")?, self.get("ss")?, self.get("srt")?);
        let (before, after): (Vec<&str>, &[&str]);
        let canonical;
        let extent = match (&*kind, &*services, &*levels) {
            ("", "", _) | ("", _, "") => {
                return Err(Error::MalformedStorageSas(
                    "it has neither `sr` nor `ss` and `srt`",
                ));
            }
            ("", services, _) if !services.contains('b') => {
                return Err(Error::StorageSasLacks("`b` (blob) in `ss`"));
            }
            ("", services, levels) => {
                before = vec![
                    account,
                    &permissions,
                    services,
                    levels,
                    starts,
                    expires,
                    "",
                    &protocol,
                    &version,
                ];
                // Every line of an account SAS ends with a line feed, the last one too.
                after = &[""];
                Extent::Account {
                    levels: levels.to_owned(),
                }
            }
            (kind, "", "") => {
                canonical = canonical_resource(kind, target, account)?;
                before = vec![
                    &permissions,
                    starts,
                    expires,
                    &canonical,
                    "",
                    "",
                    &protocol,
                    &version,
                    kind,
                    "",
                ];
                after = &["", "", "", "", ""];
                Extent::Service
            }
            _ => return Err(Error::MalformedStorageSas("it has both `sr` and `ss` or `srt`")),
        };
        Ok(([&*before, scope, after].concat().join("\n"), extent))
    }

    fn version(&self) -> Result<String, Error> {
        let version = self.get("sv")?;
        // As texts, dates compare as dates.
        let is_date = version.len() == VERSION_MIN.len()
            && version.bytes().zip(VERSION_MIN.bytes()).all(|(byte, example)| {
                byte == example || (byte.is_ascii_digit() && example.is_ascii_digit())
            });
        if !is_date {
            return Err(Error::MalformedStorageSas(
                "`sv` is no version such as 2020-12-06",
            ));
        }
        if *version < *VERSION_MIN {
            return Err(Error::UnsupportedStorageSas(
                "its version (`sv`) is older than 2018-11-09; sign with a later one",
            ));
        }
        Ok(version)
    }
}

/// What a service SAS is good for, under the name that is signed.
fn canonical_resource(kind: &str, target: &Target<'_>, account: &str) -> Result<String, Error> {
    match (kind, target.container, target.blob) {
        ("c", Some(container), _) => Ok(format!("/blob/{account}/{container}")),
        ("b", Some(container), Some(blob)) => Ok(format!("/blob/{account}/{container}/{blob}")),
        ("c" | "b", _, _) => Err(Error::StorageSasLacks(
            "to be used for the container or the blob that it was made for",
        )),
        _ => Err(Error::UnsupportedStorageSas(
            "`sr` is neither `c` (container) nor `b` (blob); make it for one of these",
        )),
    }
}
