//! SharedKey of Azure Storage: requests as the SDKs sent them, signed with the primary key.

use auth::storage::{Request, SharedKey};
use auth::{Credential, Error, Resource, Right};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::fixture::{AtOnce as _, LISTENER, PRIMARY, SENDER, at, authorizer};

const ACCOUNT: &str = "shop";
const NOW: &str = "2026-11-29T22:50:00Z";

/// A request with its signature, and what is signed, written by hand.
struct Sent {
    method: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    headers: &'static [(&'static str, &'static str)],
    authorization: &'static str,
    signed: &'static str,
}

impl Sent {
    fn request(&self) -> Request<'static> {
        Request {
            method: self.method,
            path: self.path,
            query: self.query,
            headers: self.headers,
        }
    }
}

/// Python 12.25 as the checkpoint store vendors it: a checkpoint is written, in the path style.
const PYTHON_CHECKPOINT: Sent = Sent {
    method: "PUT",
    path: "/shop/checkpoints/ns.x%3A5672/hub/%24default/checkpoint/0",
    query: Some("comp=metadata"),
    headers: &[
        ("content-length", "0"),
        ("x-ms-meta-offset", "1"),
        ("x-ms-meta-sequencenumber", "7"),
        ("x-ms-version", "2019-07-07"),
        ("accept", "application/xml"),
        ("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"),
        ("x-ms-client-request-id", "02ba05e4-ec47-11f1-86e7-02fc00000001"),
    ],
    authorization: "SharedKey shop:d0wq6o/RYBrRQYy6dLiio/tEpyo5YRzw7Xy2wHf/Hac=",
    signed: "PUT\n\n\n\n\n\n\n\n\n\n\n\n\
             x-ms-client-request-id:02ba05e4-ec47-11f1-86e7-02fc00000001\n\
             x-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n\
             x-ms-meta-offset:1\n\
             x-ms-meta-sequencenumber:7\n\
             x-ms-version:2019-07-07\n\
             /shop/shop/checkpoints/ns.x%3A5672/hub/%24default/checkpoint/0\n\
             comp:metadata",
};

/// The same: ownership is listed.
const PYTHON_LIST: Sent = Sent {
    method: "GET",
    path: "/shop/checkpoints",
    query: Some(
        "restype=container&comp=list&prefix=ns.x%3A5672%2Fhub%2F%24default%2Fownership%2F&include=metadata",
    ),
    headers: &[
        ("x-ms-version", "2019-07-07"),
        ("accept", "application/xml"),
        ("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"),
        ("x-ms-client-request-id", "02ba1eda-ec47-11f1-86e7-02fc00000001"),
    ],
    authorization: "SharedKey shop:Nor7NZ9i6vOtJfzn6+8o7DnX8Sp0r4PvmQhjRZcw5BI=",
    signed: "GET\n\n\n\n\n\n\n\n\n\n\n\n\
             x-ms-client-request-id:02ba1eda-ec47-11f1-86e7-02fc00000001\n\
             x-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n\
             x-ms-version:2019-07-07\n\
             /shop/shop/checkpoints\n\
             comp:list\n\
             include:metadata\n\
             prefix:ns.x:5672/hub/$default/ownership/\n\
             restype:container",
};

/// Python 12.31: a blob with a body, and metadata whose names are sorted as the service sorts them.
const PYTHON_UPLOAD: Sent = Sent {
    method: "PUT",
    path: "/shop/checkpoints/ns/hub/%24default/ownership/0",
    query: None,
    headers: &[
        ("content-length", "5"),
        ("x-ms-meta-ab", "1"),
        ("x-ms-meta-a_b", "2"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-version", "2026-10-06"),
        ("content-type", "application/octet-stream"),
        ("x-ms-date", "Sun, 29 Nov 2026 22:48:46 GMT"),
        ("x-ms-client-request-id", "094c80d0-ec47-11f1-97b9-02fc00000001"),
    ],
    authorization: "SharedKey shop:Ur0x7+jrIn5QUDtqIy+zZR24kQOHFkh/cQhSxFXndUQ=",
    signed: "PUT\n\n\n5\n\napplication/octet-stream\n\n\n\n\n\n\n\
             x-ms-blob-type:BlockBlob\n\
             x-ms-client-request-id:094c80d0-ec47-11f1-97b9-02fc00000001\n\
             x-ms-date:Sun, 29 Nov 2026 22:48:46 GMT\n\
             x-ms-meta-a_b:2\n\
             x-ms-meta-ab:1\n\
             x-ms-version:2026-10-06\n\
             /shop/shop/checkpoints/ns/hub/%24default/ownership/0",
};

/// JavaScript 12.32: ownership is claimed for the first time, in the host style.
const JAVASCRIPT_CLAIM: Sent = Sent {
    method: "PUT",
    path: "/checkpoints/ns.x/hub/%24default/ownership/0",
    query: None,
    headers: &[
        ("content-type", "application/octet-stream"),
        ("x-ms-version", "2026-04-06"),
        ("content-length", "0"),
        ("x-ms-meta-ownerid", "me"),
        ("x-ms-meta-a_b", "1"),
        ("x-ms-meta-ab", "2"),
        ("if-none-match", "*"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-client-request-id", "3f78e9be-a1ff-4fbd-b15c-1afdaff76d5d"),
        ("x-ms-date", "Sun, 29 Nov 2026 22:48:51 GMT"),
    ],
    authorization: "SharedKey shop:NL50NM9PVyvgiMNNw/4DJVXZ7YfaTn8t6S5eUvzOSqs=",
    signed: "PUT\n\n\n\n\napplication/octet-stream\n\n\n\n*\n\n\n\
             x-ms-blob-type:BlockBlob\n\
             x-ms-client-request-id:3f78e9be-a1ff-4fbd-b15c-1afdaff76d5d\n\
             x-ms-date:Sun, 29 Nov 2026 22:48:51 GMT\n\
             x-ms-meta-a_b:1\n\
             x-ms-meta-ab:2\n\
             x-ms-meta-ownerid:me\n\
             x-ms-version:2026-04-06\n\
             /shop/checkpoints/ns.x/hub/%24default/ownership/0",
};

/// The same: ownership is listed.
const JAVASCRIPT_LIST: Sent = Sent {
    method: "GET",
    path: "/checkpoints",
    query: Some("comp=list&prefix=ns.x%2Fhub%2F%24default%2Fownership%2F&restype=container&include=metadata"),
    headers: &[
        ("x-ms-version", "2026-04-06"),
        ("x-ms-client-request-id", "15869258-dda9-40c1-aadb-c3ef61b528c8"),
        ("x-ms-date", "Sun, 29 Nov 2026 22:48:51 GMT"),
    ],
    authorization: "SharedKey shop:3rvkqGXzvSZ7Xj0ju2HlclbyNztS2BVU10TX5WzlgSY=",
    signed: "GET\n\n\n\n\n\n\n\n\n\n\n\n\
             x-ms-client-request-id:15869258-dda9-40c1-aadb-c3ef61b528c8\n\
             x-ms-date:Sun, 29 Nov 2026 22:48:51 GMT\n\
             x-ms-version:2026-04-06\n\
             /shop/checkpoints\n\
             comp:list\n\
             include:metadata\n\
             prefix:ns.x/hub/$default/ownership/\n\
             restype:container",
};

const ALL: [Sent; 5] = [
    PYTHON_CHECKPOINT,
    PYTHON_LIST,
    PYTHON_UPLOAD,
    JAVASCRIPT_CLAIM,
    JAVASCRIPT_LIST,
];

fn sign(key: &str, text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    hmac.update(text.as_bytes());
    format!(
        "SharedKey {ACCOUNT}:{}",
        STANDARD.encode(hmac.finalize().into_bytes())
    )
}

fn send(authorization: &str, request: &Request<'_>, now: &str) -> Result<(), Error> {
    let shown = SharedKey::read(authorization, request, ACCOUNT)?;
    authorizer()
        .send_at_once(&Credential::SharedKey(&shown), &Resource::Checkpoints, at(now))
        .map(|_| ())
}

#[test]
fn what_the_sdks_sign_is_good() {
    for sent in ALL {
        send(sent.authorization, &sent.request(), NOW).unwrap();
        // By hand as well, so that a failure shows which of the texts is wrong.
        assert_eq!(sign(PRIMARY, sent.signed), sent.authorization);
    }
}

#[test]
fn a_wrong_signature_learns_what_was_to_be_signed_and_no_secret() {
    for sent in ALL {
        let foreign = sign("Zm9yZWlnbi1rZXktMDEyMzQ1Njc4OWFiY2RlZmdoaWo=", sent.signed);
        let refused = send(&foreign, &sent.request(), NOW).unwrap_err();
        assert_eq!(refused, Error::BadRequestSignature(sent.signed.into()));
        assert!(!refused.to_string().contains(foreign.rsplit(':').next().unwrap()));
    }
}

#[test]
fn a_request_that_was_changed_is_refused() {
    let sent = PYTHON_CHECKPOINT;
    let good = sent.request();
    let mut headers = sent.headers.to_vec();
    headers[2].1 = "8";
    let mut more = sent.headers.to_vec();
    more.push(("x-ms-lease-id", "1"));
    for changed in [
        Request {
            method: "DELETE",
            ..good
        },
        Request {
            path: "/shop/checkpoints/ns.x%3A5672/hub/%24default/checkpoint/1",
            ..good
        },
        // The same path to us, but not as it was signed.
        Request {
            path: "/shop/checkpoints/ns.x:5672/hub/$default/checkpoint/0",
            ..good
        },
        Request { query: None, ..good },
        Request {
            query: Some("comp=metadata&timeout=1"),
            ..good
        },
        Request {
            headers: &headers,
            ..good
        },
        Request {
            headers: &more,
            ..good
        },
    ] {
        let refused = send(sent.authorization, &changed, NOW).unwrap_err();
        assert!(matches!(refused, Error::BadRequestSignature(_)), "{changed:?}");
    }
}

#[test]
fn a_signature_is_good_for_fifteen_minutes_either_way() {
    let sent = PYTHON_LIST;
    for now in ["2026-11-29T23:03:35Z", "2026-11-29T22:33:35Z"] {
        send(sent.authorization, &sent.request(), now).unwrap();
    }
    let signed_at = at("2026-11-29T22:48:35Z");
    for now in ["2026-11-29T23:03:36Z", "2026-11-29T22:33:34Z"] {
        let refused = send(sent.authorization, &sent.request(), now).unwrap_err();
        assert_eq!(refused, Error::RequestTooOld(signed_at));
    }
}

#[test]
fn the_date_may_be_in_the_ordinary_header() {
    let request = Request {
        method: "GET",
        path: "/",
        query: Some("comp=list"),
        headers: &[
            ("date", "Sun, 29 Nov 2026 22:48:35 GMT"),
            ("x-ms-version", "2019-07-07"),
        ],
    };
    let text =
        "GET\n\n\n\n\n\nSun, 29 Nov 2026 22:48:35 GMT\n\n\n\n\n\nx-ms-version:2019-07-07\n/shop/\ncomp:list";
    send(&sign(PRIMARY, text), &request, NOW).unwrap();
    // With both, the one of the service counts, and only that is signed.
    let both = Request {
        headers: &[
            ("date", "Mon, 30 Nov 2020 00:00:00 GMT"),
            ("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"),
        ],
        ..request
    };
    let text = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n/shop/\ncomp:list";
    send(&sign(PRIMARY, text), &both, NOW).unwrap();
}

#[test]
fn parameters_are_decoded_and_those_of_one_name_are_one_line() {
    let request = Request {
        method: "GET",
        path: "/c",
        query: Some("Include=snapshots&b=%2B+&include=metadata&a"),
        headers: &[("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT")],
    };
    let text = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n/shop/c\na:\nb:++\n\
                include:metadata,snapshots";
    send(&sign(PRIMARY, text), &request, NOW).unwrap();
}

#[test]
fn headers_may_be_sorted_by_their_bytes_too() {
    let request = Request {
        method: "PUT",
        path: "/c/b",
        query: None,
        headers: &[
            ("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"),
            ("x-ms-meta-ab", "1"),
            ("x-ms-meta-a_b", "2"),
        ],
    };
    let text = "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n\
                x-ms-meta-a_b:2\nx-ms-meta-ab:1\n/shop/c/b";
    send(&sign(PRIMARY, text), &request, NOW).unwrap();
    let hyphen = Request {
        headers: &[
            ("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"),
            ("x-ms-meta-ab", "1"),
            ("x-ms-meta-a-c", "2"),
        ],
        ..request
    };
    for (first, second) in [("ab:1", "a-c:2"), ("a-c:2", "ab:1")] {
        let text = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sun, 29 Nov 2026 22:48:35 GMT\n\
             x-ms-meta-{first}\nx-ms-meta-{second}\n/shop/c/b"
        );
        send(&sign(PRIMARY, &text), &hyphen, NOW).unwrap();
    }
}

#[test]
fn a_key_has_the_rights_of_its_rule() {
    let sent = PYTHON_CHECKPOINT;
    send(&sign(SENDER, sent.signed), &sent.request(), NOW).unwrap();
    let refused = send(&sign(LISTENER, sent.signed), &sent.request(), NOW).unwrap_err();
    assert_eq!(
        refused,
        Error::LacksRight {
            rule: "listener".into(),
            right: Right::Send
        }
    );
}

#[test]
fn what_is_no_shared_key_is_malformed() {
    let request = PYTHON_LIST.request();
    let good = PYTHON_LIST.authorization;
    for bad in [
        "",
        "SharedKey",
        "SharedKey shop",
        "SharedKey shop:",
        "SharedKey shop:AAAA",
        &good.replace("SharedKey", "SharedKeyLite"),
        &good.replace("SharedKey", "Basic"),
    ] {
        let refused = send(bad, &request, NOW).unwrap_err();
        assert!(
            matches!(refused, Error::MalformedSharedKey(_)),
            "{bad}: {refused}"
        );
    }
    for headers in [
        &[][..],
        &[("x-ms-date", "now")],
        &[("x-ms-date", "Sun, 29 Nov 2026 22:48:35 GMT"), ("x-ms-date", "x")],
    ] {
        let undated = Request { headers, ..request };
        let refused = send(good, &undated, NOW).unwrap_err();
        assert!(matches!(refused, Error::MalformedSharedKey(_)), "{refused}");
    }
    let refused = send(&good.replace("shop", "other"), &request, NOW).unwrap_err();
    assert_eq!(
        refused,
        Error::WrongAccount {
            found: "other".into(),
            expected: "shop".into()
        }
    );
}
