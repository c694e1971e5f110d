//! A token is good as it was signed, or not at all.

use auth::{Credential, Error, Resource};
use proptest::prelude::*;

use crate::fixture::{AtOnce as _, LISTENER, PRIMARY, SENDER, at, authorizer, sign, token};

const NOW: &str = "2026-01-01T00:00:00Z";
const URL: &str = "https://shop.westeurope-1.eventgrid.azure.net/topics/orders?apiVersion=2018-01-01";

fn check(token: &str) -> Result<(), Error> {
    let token = Credential::SharedAccessSignature(token);
    authorizer()
        .send_at_once(&token, &Resource::topic("orders"), at(NOW))
        .map(|_| ())
}

#[test]
fn every_truncation_is_refused() {
    let token = token(PRIMARY, URL, "1/2/2030 3:04:05 AM");
    assert_eq!(check(&token), Ok(()));
    for length in 0..token.len() {
        check(&token[..length]).unwrap_err();
    }
}

#[test]
fn every_change_of_one_character_is_refused() {
    let token = token(PRIMARY, URL, "1/2/2030 3:04:05 AM");
    for place in 0..token.len() {
        for byte in 0x20..0x7f {
            let (mut changed, byte) = (token.clone(), char::from(byte).to_string());
            changed.replace_range(place..=place, &byte);
            if !is_same_signature(&token, &changed) {
                assert!(check(&changed).is_err(), "{changed}");
            }
        }
    }
}

/// Producers write the escapes of a signature with upper-case or with lower-case digits: those texts are one signature.
fn is_same_signature(token: &str, changed: &str) -> bool {
    let (signed, signature) = token.rsplit_once("&s=").unwrap();
    let Some((changed_signed, changed_signature)) = changed.rsplit_once("&s=") else {
        return false;
    };
    let fold = |text: &str| {
        text.replace("%2b", "%2B")
            .replace("%2f", "%2F")
            .replace("%3d", "%3D")
    };
    signed == changed_signed && fold(signature) == fold(changed_signature)
}

#[test]
fn a_malformed_token_learns_what_is_wrong_with_it() {
    let good = token(PRIMARY, URL, "1/2/2030 3:04:05 AM");
    for (token, hint) in [
        ("", "no `&s=`"),
        ("garbage", "no `&s=`"),
        ("&s=", "does not begin"),
        (&good.replace("r=", "x="), "does not begin"),
        (&good.replace("&e=", "&x=1&e="), "other than"),
        (&sign(PRIMARY, "r=http%3A%2F%2Fx&e=tomorrow"), "no date and time"),
        (&sign(PRIMARY, "r=&e=2030-01-01T00%3A00%3A00Z"), "no URL"),
        (
            &sign(PRIMARY, "r=http%3A%2F%2Fx%FF&e=2030-01-01T00%3A00%3A00Z"),
            "not URL-encoded UTF-8",
        ),
        ("r=http%3A%2F%2Fx&e=2030-01-01T00%3A00%3A00Z&s=AAAA", "32 bytes"),
        ("r=http%3A%2F%2Fx&e=2030-01-01T00%3A00%3A00Z&s=!", "no base64"),
    ] {
        let refused = check(token).unwrap_err();
        assert!(
            matches!(refused, Error::Malformed(_)) && !refused.is_forbidden(),
            "{token}"
        );
        assert!(refused.to_string().contains(hint), "{token}: {refused}");
    }
}

#[test]
fn a_token_signed_with_a_foreign_key_learns_nothing_but_that() {
    let foreign = "Zm9yZWlnbi1rZXktMDEyMzQ1Njc4OWFiY2RlZmdoaWo=";
    for (url, expiry) in [
        (URL, "1/2/2030 3:04:05 AM"),
        ("http://x/topics/y", "1/2/2000 3:04:05 AM"),
    ] {
        assert_eq!(check(&token(foreign, url, expiry)), Err(Error::BadSignature));
    }
}

#[test]
fn a_signature_may_come_without_its_plus_signs_encoded() {
    let signed = "r=http%3A%2F%2Fx&e=2030-01-01T00%3A00%3A";
    let token = (0..60)
        .map(|second| sign(PRIMARY, &format!("{signed}{second:02}Z")))
        .find(|token| token.contains("%2B"));
    assert_eq!(check(&token.unwrap().replace("%2B", "+")), Ok(()));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in "(r=)?[ -~]{0,40}(&e=)?[ -~]{0,40}(&s=)?[ -~]{0,60}") {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn the_signature_of_one_text_is_no_signature_of_another(
        url in "https?://[a-z]{1,9}(/topics/[a-z]{1,9})?",
        other in "https?://[a-z]{1,9}(/topics/[a-z]{1,9})?",
        key in prop::sample::select(vec![PRIMARY, SENDER, LISTENER]),
    ) {
        prop_assume!(url != other);
        let token = token(key, &url, "2030-01-01T00:00:00Z");
        let moved = token.replace(&crate::fixture::encode(&url), &crate::fixture::encode(&other));
        prop_assert_eq!(check(&moved), Err(Error::BadSignature));
    }
}
