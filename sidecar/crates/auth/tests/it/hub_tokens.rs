//! SAS tokens of the Service Bus family: their signature, scope, rights and expiry.

use auth::{Credential, Error, Resource, Right};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use sha2::Sha256;

use crate::fixture::{AtOnce as _, LISTENER, PRIMARY, SECONDARY, SENDER, at, authorizer};

const NOW: &str = "2026-11-29T12:00:00Z";
const LATER: i64 = 1_795_955_000;
const HUB: Resource<'static> = Resource::Hub("telemetry");

/// As Python makes it; `rule` and `resource` as they are.
fn token(rule: &str, key: &str, resource: &str, expiry: i64) -> String {
    let resource = resource.replace(':', "%3A").replace('/', "%2F");
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    hmac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    let signature = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}")
}

#[test]
fn both_keys_of_a_rule_sign_for_its_name_in_any_case() {
    for (rule, key) in [
        ("RootManageSharedAccessKey", PRIMARY),
        ("rootmanagesharedaccesskey", SECONDARY),
    ] {
        let token = token(rule, key, "sb://localhost:5672/telemetry", LATER);
        let grant = authorizer().grant(&token, at(NOW)).unwrap();
        grant.permit_send(&HUB, at(NOW)).unwrap();
        grant.permit_listen(&HUB, at(NOW)).unwrap();
    }
}

#[test]
fn the_key_of_another_rule_signs_nothing_for_this_one() {
    for (rule, key) in [("sender", PRIMARY), ("nobody", SENDER), ("listener", "")] {
        let refused = authorizer().grant(&token(rule, key, "sb://ns/", LATER), at(NOW));
        assert_eq!(
            refused.unwrap_err(),
            Error::BadSignatureOfRule(rule.into()),
            "{rule}"
        );
    }
}

#[test]
fn a_token_that_was_changed_is_worth_nothing() {
    let good = token("sender", SENDER, "sb://ns/telemetry", LATER);
    let bad = [
        good.replace("telemetry", "telemetry2"),
        good.replace(&LATER.to_string(), &(LATER + 1).to_string()),
        good.replace("skn=sender", "skn=listener"),
    ];
    for text in bad {
        let refused = authorizer().grant(&text, at(NOW)).unwrap_err();
        assert!(
            matches!(refused, Error::BadSignatureOfRule(_)),
            "{text}: {refused}"
        );
    }
}

#[test]
fn a_grant_has_the_rights_of_its_rule_and_no_more() {
    let send = authorizer()
        .grant(&token("sender", SENDER, "sb://ns/", LATER), at(NOW))
        .unwrap();
    send.permit_send(&HUB, at(NOW)).unwrap();
    send.must_know(&HUB, at(NOW)).unwrap();
    let lacks = Error::LacksRight {
        rule: "sender".into(),
        right: Right::Listen,
    };
    assert_eq!(send.permit_listen(&HUB, at(NOW)).unwrap_err(), lacks);
    let listen = authorizer()
        .grant(&token("listener", LISTENER, "sb://ns/", LATER), at(NOW))
        .unwrap();
    assert!(listen.permit_send(&HUB, at(NOW)).is_err());
    listen.must_know(&HUB, at(NOW)).unwrap();
}

#[test]
fn a_grant_covers_what_lies_below_its_resource() {
    let token = token(
        "RootManageSharedAccessKey",
        PRIMARY,
        "amqps://ns/Telemetry",
        LATER,
    );
    let grant = authorizer().grant(&token, at(NOW)).unwrap();
    grant
        .permit_send(&Resource::Hub("telemetry/Partitions/3"), at(NOW))
        .unwrap();
    assert!(matches!(
        grant.permit_send(&Resource::Hub("other"), at(NOW)),
        Err(Error::OutOfScope(_))
    ));
    assert!(grant.permit_send(&Resource::topic("telemetry"), at(NOW)).is_err());
}

#[test]
fn a_grant_ends_at_its_expiry_with_a_minute_for_clocks() {
    let token = token("sender", SENDER, "sb://ns/", LATER);
    let expires = Timestamp::from_micros((LATER + 60) * 1_000_000);
    let before = Timestamp::from_micros((LATER + 59) * 1_000_000);
    let grant = authorizer().grant(&token, before).unwrap();
    assert_eq!(grant.expires(), expires);
    grant.permit_send(&HUB, before).unwrap();
    assert_eq!(
        grant.permit_send(&HUB, expires).unwrap_err(),
        Error::Expired(expires)
    );
    assert_eq!(
        authorizer().grant(&token, expires).unwrap_err(),
        Error::Expired(expires)
    );
}

#[test]
fn a_key_with_its_rule_s_name_grants_the_whole_namespace() {
    let grant = authorizer().grant_for_key("Sender", SENDER).unwrap();
    grant.permit_send(&HUB, at(NOW)).unwrap();
    assert!(grant.permit_listen(&HUB, at(NOW)).is_err());
    for (rule, key) in [("sender", PRIMARY), ("nobody", SENDER), ("sender", "")] {
        assert_eq!(
            authorizer().grant_for_key(rule, key).unwrap_err(),
            Error::WrongKey
        );
    }
}

#[test]
fn over_http_it_is_a_credential_like_the_others() {
    let text = token("sender", SENDER, "https://ns/telemetry", LATER);
    let without_scheme = text.strip_prefix("SharedAccessSignature ").unwrap();
    let credential = Credential::SharedAccessSignature(without_scheme);
    authorizer().send_at_once(&credential, &HUB, at(NOW)).unwrap();
    assert!(authorizer().listen_at_once(&credential, &HUB, at(NOW)).is_err());
}
