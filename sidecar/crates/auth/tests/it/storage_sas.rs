//! SAS of Azure Storage, of both kinds.

use auth::storage::{Request, Sas, Target};
use auth::{Credential, Error, Resource, Right};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::fixture::{AtOnce as _, LISTENER, PRIMARY, at, authorizer, encode};

const ACCOUNT: &str = "shop";
const NOW: &str = "2026-11-29T12:00:00Z";
const BLOB: &str = "ns/hub/$default/checkpoint/0";

/// Python 12.31, `generate_account_sas`.
const PYTHON_ACCOUNT: &str = "st=2026-11-01T12%3A00%3A00Z&se=2026-12-01T12%3A00%3A00Z&sp=rwdlc&sv=2026-10-06&ss=b\
     &srt=sco&sig=AbYfOcJK/nXRy98UcaMQQXRVtu5pU28E23nC3apCKs8%3D";
/// Python 12.31, `generate_container_sas`.
const PYTHON_CONTAINER: &str = "se=2026-12-01T12%3A00%3A00Z&sp=rwl&spr=https&sv=2026-10-06&sr=c\
     &sig=KQW0gUsq37RzWMMhjHvMI2aYK8qVeVRfCxm5UwmuGMM%3D";
/// Python 12.31, `generate_blob_sas`.
const PYTHON_BLOB: &str = "se=2026-12-01T12%3A00%3A00Z&sp=r&sv=2026-10-06&sr=b\
     &sig=QxT3rdvkQhpxY0Sq9Ms/q7Nh1A9a23AdKDsgZr3x1o4%3D";
/// JavaScript 12.32, `generateBlobSASQueryParameters`.
const JAVASCRIPT_CONTAINER: &str = "sv=2026-04-06&se=2026-12-01T12%3A00%3A00Z&sr=c&sp=rwl\
     &sig=UDzved3FIf5DQ62E5ILtjrAYMbUe7D5%2Bf14EvqhSTnM%3D";

/// One operation of the Blob service, and the right that it takes.
#[derive(Clone, Copy)]
struct Operation {
    method: &'static str,
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    target: Target<'static>,
    right: Right,
}

const fn operation(
    method: &'static str,
    query: &'static str,
    container: Option<&'static str>,
    blob: Option<&'static str>,
    right: Right,
) -> Operation {
    Operation {
        method,
        query,
        headers: &[],
        target: Target { container, blob },
        right,
    }
}

const C: Option<&str> = Some("checkpoints");
const B: Option<&str> = Some(BLOB);
const LIST_CONTAINERS: Operation = operation("GET", "comp=list", None, None, Right::Listen);
const LIST_BLOBS: Operation = operation("GET", "restype=container&comp=list", C, None, Right::Listen);
const PROPERTIES: Operation = operation("HEAD", "restype=container", C, None, Right::Listen);
const CREATE: Operation = operation("PUT", "restype=container", C, None, Right::Send);
const DROP: Operation = operation("DELETE", "restype=container", C, None, Right::Manage);
const READ: Operation = operation("GET", "", C, B, Right::Listen);
const PUT: Operation = operation("PUT", "", C, B, Right::Send);
const PUT_NEW: Operation = Operation {
    headers: &[("if-none-match", "*")],
    ..PUT
};
const SET_METADATA: Operation = operation("PUT", "comp=metadata", C, B, Right::Send);
const DELETE: Operation = operation("DELETE", "", C, B, Right::Send);
const ALL: [Operation; 10] = [
    LIST_CONTAINERS,
    LIST_BLOBS,
    PROPERTIES,
    CREATE,
    DROP,
    READ,
    PUT,
    PUT_NEW,
    SET_METADATA,
    DELETE,
];

impl Operation {
    fn with(self, sas: &str, now: &str) -> Result<(), Error> {
        let query = format!("{}&{sas}", self.query);
        assert!(Sas::is_meant(Some(&query)));
        let request = Request {
            method: self.method,
            path: "/the/path/does/not/count",
            query: Some(&query),
            headers: self.headers,
        };
        let sas = Sas::read(&request, &self.target, ACCOUNT)?;
        let (shown, authorizer) = (Credential::StorageSas(&sas), authorizer());
        let resource = Resource::Checkpoints;
        match self.right {
            Right::Send => authorizer.send_at_once(&shown, &resource, at(now)).map(|_| ()),
            Right::Listen => authorizer.listen_at_once(&shown, &resource, at(now)).map(|_| ()),
            Right::Manage => authorizer.manage_at_once(&shown, &resource, at(now)).map(|_| ()),
        }
    }
}

/// Which of [`ALL`] a SAS allows.
fn allowed(sas: &str) -> [bool; 10] {
    ALL.map(|operation| match operation.with(sas, NOW) {
        Ok(()) => true,
        Err(Error::StorageSasLacks(_)) => false,
        Err(Error::BadStorageSasSignature(_)) if sas.contains("sr=b") => false,
        Err(other) => panic!("{other}"),
    })
}

fn sign(key: &str, text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    hmac.update(text.as_bytes());
    encode(&STANDARD.encode(hmac.finalize().into_bytes()))
}

/// An account SAS by hand.
fn account(permissions: &str, levels: &str) -> String {
    let text = format!("shop\n{permissions}\nb\n{levels}\n\n2026-12-01T12:00:00Z\n\n\n2020-12-06\n\n");
    let signature = sign(PRIMARY, &text);
    format!("sv=2020-12-06&ss=b&srt={levels}&sp={permissions}&se=2026-12-01T12%3A00%3A00Z&sig={signature}")
}

/// A SAS for the container by hand.
fn container(permissions: &str) -> String {
    let text = format!(
        "{permissions}\n\n2026-12-01T12:00:00Z\n/blob/shop/checkpoints\n\n\n\n2020-12-06\nc\n\n\n\n\n\n\n"
    );
    let signature = sign(PRIMARY, &text);
    format!("sv=2020-12-06&sr=c&sp={permissions}&se=2026-12-01T12%3A00%3A00Z&sig={signature}")
}

#[test]
fn what_the_sdks_make_is_good_for_what_it_says() {
    assert_eq!(allowed(PYTHON_ACCOUNT), [true; 10]);
    let inside = [false, true, false, false, false, true, true, true, true, false];
    assert_eq!(allowed(PYTHON_CONTAINER), inside);
    assert_eq!(allowed(JAVASCRIPT_CONTAINER), inside);
    let only_read = [
        false, false, false, false, false, true, false, false, false, false,
    ];
    assert_eq!(allowed(PYTHON_BLOB), only_read);
}

#[test]
fn every_permission_allows_its_operations_only() {
    let names = |sas: &str| {
        let flags = allowed(sas);
        let all = [
            "list containers",
            "list",
            "properties",
            "create",
            "drop",
            "read",
            "put",
            "put new",
            "metadata",
            "delete",
        ];
        let names: Vec<_> = all
            .into_iter()
            .zip(flags)
            .filter(|(_, flag)| *flag)
            .map(|(name, _)| name)
            .collect();
        names.join(", ")
    };
    assert_eq!(names(&account("r", "sco")), "properties, read");
    assert_eq!(names(&account("l", "sco")), "list containers, list");
    assert_eq!(names(&account("w", "sco")), "create, put, put new, metadata");
    assert_eq!(names(&account("c", "sco")), "create, put new");
    assert_eq!(names(&account("d", "sco")), "drop, delete");
    assert_eq!(names(&account("axyt", "sco")), "");
    assert_eq!(names(&account("rwdlc", "s")), "list containers");
    assert_eq!(names(&account("rwdlc", "c")), "list, properties, create, drop");
    assert_eq!(
        names(&account("rwdlc", "o")),
        "read, put, put new, metadata, delete"
    );
    assert_eq!(
        names(&container("rwdlc")),
        "list, read, put, put new, metadata, delete"
    );
}

#[test]
fn a_container_s_sas_is_no_other_container_s() {
    let mut other = READ;
    other.target.container = Some("others");
    let refused = other.with(PYTHON_CONTAINER, NOW).unwrap_err();
    assert!(matches!(refused, Error::BadStorageSasSignature(_)));
    other = READ;
    other.target.blob = Some("ns/hub/$default/checkpoint/1");
    let refused = other.with(PYTHON_BLOB, NOW).unwrap_err();
    assert!(matches!(refused, Error::BadStorageSasSignature(_)));
    // A blob and a container whose names together are the same text.
    other = LIST_BLOBS;
    other.target.container = Some("checkpoints/ns/hub/$default/checkpoint/0");
    other.with(PYTHON_BLOB, NOW).unwrap_err();
}

#[test]
fn a_sas_of_an_older_version_is_signed_without_the_encryption_scope() {
    for version in ["2018-11-09", "2019-07-07", "2020-10-02"] {
        let service =
            format!("r\n\n2026-12-01\n/blob/shop/checkpoints\n\n\nhttps,http\n{version}\nc\n\n\n\n\n\n");
        let sas = format!(
            "sv={version}&sr=c&sp=r&se=2026-12-01&spr=https,http&sig={}",
            sign(PRIMARY, &service)
        );
        READ.with(&sas, NOW).unwrap();
        let account = format!("shop\nr\nb\no\n\n2026-12-01\n\n\n{version}\n");
        let sas = format!(
            "sv={version}&ss=b&srt=o&sp=r&se=2026-12-01&sig={}",
            sign(PRIMARY, &account)
        );
        READ.with(&sas, NOW).unwrap();
    }
}

#[test]
fn a_sas_is_good_between_its_dates_with_a_minute_for_clocks() {
    for now in ["2026-11-01T11:59:00Z", "2026-12-01T12:00:59Z"] {
        READ.with(PYTHON_ACCOUNT, now).unwrap();
    }
    let starts = at("2026-11-01T12:00:00Z");
    assert_eq!(
        READ.with(PYTHON_ACCOUNT, "2026-11-01T11:58:59Z").unwrap_err(),
        Error::StorageSasNotYetValid(starts)
    );
    let expires = at("2026-12-01T12:00:00Z");
    assert_eq!(
        READ.with(PYTHON_ACCOUNT, "2026-12-01T12:01:00Z").unwrap_err(),
        Error::Expired(expires)
    );
}

#[test]
fn a_sas_that_was_changed_is_worth_nothing() {
    for (sas, from, to) in [
        (PYTHON_ACCOUNT, "sp=rwdlc", "sp=rwdlca"),
        (PYTHON_ACCOUNT, "se=2026-12", "se=2027-12"),
        (PYTHON_ACCOUNT, "st=2026-11-01", "st=2026-10-01"),
        (PYTHON_ACCOUNT, "srt=sco", "srt=scoo"),
        (PYTHON_ACCOUNT, "ss=b", "ss=bf"),
        (PYTHON_ACCOUNT, "sv=2026-10-06", "sv=2026-10-07"),
        (PYTHON_CONTAINER, "&spr=https", ""),
        (PYTHON_CONTAINER, "sp=rwl", "sp=rwdl"),
        (PYTHON_BLOB, "sr=b", "sr=c"),
    ] {
        let changed = sas.replace(from, to);
        assert_ne!(changed, sas);
        let refused = READ.with(&changed, NOW).unwrap_err();
        assert!(
            matches!(refused, Error::BadStorageSasSignature(_)),
            "{changed}: {refused}"
        );
    }
}

#[test]
fn a_sas_has_no_right_that_its_key_s_rule_lacks() {
    let text = "rw\n\n2026-12-01T12:00:00Z\n/blob/shop/checkpoints\n\n\n\n2020-12-06\nc\n\n\n\n\n\n\n";
    let sas = format!(
        "sv=2020-12-06&sr=c&sp=rw&se=2026-12-01T12:00:00Z&sig={}",
        sign(LISTENER, text)
    );
    READ.with(&sas, NOW).unwrap();
    assert_eq!(
        PUT.with(&sas, NOW).unwrap_err(),
        Error::LacksRight {
            rule: "listener".into(),
            right: Right::Send
        }
    );
}

#[test]
fn a_sas_for_encrypted_connections_says_so() {
    let read = |query: &str| {
        let request = Request {
            method: "GET",
            path: "/",
            query: Some(query),
            headers: &[],
        };
        let sas = Sas::read(&request, &READ.target, ACCOUNT).unwrap();
        sas.is_https_only()
    };
    assert!(read(PYTHON_CONTAINER));
    assert!(!read(JAVASCRIPT_CONTAINER));
}

#[test]
fn what_nobody_here_would_check_is_refused() {
    for (more, hint) in [
        ("skoid=1", "user delegation"),
        ("si=policy", "stored access policies"),
        ("sip=10.0.0.1", "addresses"),
        ("ses=scope", "encryption scopes"),
        ("sdd=1", "directories"),
        ("saoid=1", "user"),
        ("rscd=attachment", "headers of answers"),
        ("snapshot=1", "snapshots"),
    ] {
        let refused = READ.with(&format!("{PYTHON_ACCOUNT}&{more}"), NOW).unwrap_err();
        assert!(matches!(refused, Error::UnsupportedStorageSas(_)), "{more}");
        assert!(refused.to_string().contains(hint), "{more}: {refused}");
    }
    // Empty is as good as missing.
    READ.with(&format!("{PYTHON_ACCOUNT}&si="), NOW).unwrap();
}

#[test]
fn what_is_no_sas_is_malformed() {
    let without = |name: &str| {
        let parts = PYTHON_ACCOUNT.split('&').filter(|part| !part.starts_with(name));
        parts.collect::<Vec<_>>().join("&")
    };
    for bad in [
        without("se="),
        without("srt="),
        without("ss="),
        format!("{PYTHON_ACCOUNT}&sr=c"),
        format!("{PYTHON_ACCOUNT}&sp=r"),
        PYTHON_ACCOUNT.replace("sig=", "sig=%zz"),
        PYTHON_ACCOUNT.replace("sig=", "sig=AA"),
        PYTHON_ACCOUNT.replace("se=2026", "se=soon"),
        PYTHON_ACCOUNT.replace("sv=2026-10-06", "sv=latest"),
        PYTHON_CONTAINER.replace("spr=https", "spr=ftp"),
    ] {
        let refused = READ.with(&bad, NOW).unwrap_err();
        assert!(
            matches!(refused, Error::MalformedStorageSas(_)),
            "{bad}: {refused}"
        );
    }
    for old in ["sv=2015-04-05", "sv=2018-03-28"] {
        let refused = READ
            .with(&PYTHON_CONTAINER.replace("sv=2026-10-06", old), NOW)
            .unwrap_err();
        assert!(matches!(refused, Error::UnsupportedStorageSas(_)), "{refused}");
    }
    for other in ["comp=list", "sig=x", "sv=x", "sigg=x&sv=y", ""] {
        assert!(!Sas::is_meant(Some(other)), "{other}");
    }
    assert!(!Sas::is_meant(None));
}
