//! Tokens that the SDKs made; see `fixtures/generate.py` and `fixtures/generate.mjs`.

use std::time::Duration;

use auth::{Credential, Error, Resource};
use serde::Deserialize;

use crate::fixture::{AtOnce as _, at, authorizer};

#[derive(Deserialize)]
struct Fixture {
    producer: String,
    resource: String,
    expires: String,
    token: String,
}

fn fixtures() -> Vec<Fixture> {
    let files = [
        include_str!("../fixtures/python.json"),
        include_str!("../fixtures/javascript.json"),
    ];
    files
        .into_iter()
        .flat_map(|file| serde_json::from_str::<Vec<Fixture>>(file).unwrap())
        .collect()
}

/// What the token's URL names.
fn resource(fixture: &Fixture) -> Resource<'static> {
    if fixture.resource.contains("eventsubscriptions") {
        Resource::subscription("orders", "billing")
    } else if fixture.resource.contains("topics") {
        Resource::topic("orders")
    } else {
        Resource::NAMESPACE
    }
}

#[test]
fn a_token_of_every_producer_is_good_until_the_moment_it_names() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 40);
    for fixture in fixtures {
        let token = Credential::SharedAccessSignature(&fixture.token);
        let permit = |now| {
            authorizer()
                .listen_at_once(&token, &resource(&fixture), now)
                .map(|_| ())
        };
        let expires = at(&fixture.expires);
        assert_eq!(
            permit(expires - Duration::from_micros(1)),
            Ok(()),
            "{} {}",
            fixture.producer,
            fixture.token
        );
        assert_eq!(
            permit(expires),
            Err(Error::Expired(expires)),
            "{} {}",
            fixture.producer,
            fixture.token
        );
    }
}

#[test]
fn a_token_of_every_producer_is_good_below_its_url_only() {
    for fixture in fixtures() {
        let token = Credential::SharedAccessSignature(&fixture.token);
        let now = at("2026-01-01T00:00:00Z");
        let below = Resource::subscription("Orders", "Billing");
        authorizer().listen_at_once(&token, &below, now).unwrap();
        let foreign = authorizer()
            .send_at_once(&token, &Resource::topic("payments"), now)
            .map(|_| ());
        match resource(&fixture) {
            Resource::NAMESPACE => assert_eq!(foreign, Ok(())),
            _ => assert!(matches!(foreign, Err(Error::OutOfScope(_))), "{}", fixture.token),
        }
        let send = authorizer().send_at_once(&token, &Resource::topic("orders"), now);
        assert_eq!(
            send.is_ok(),
            !matches!(resource(&fixture), Resource::Subscription { .. }),
            "{}",
            fixture.token
        );
    }
}
