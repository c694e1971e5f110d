//! `disableLocalAuth`: keys, and what they sign, open no door.

use std::sync::Arc;

use auth::storage::{Request, Sas, SharedKey, Target};
use auth::{Credential, Error, EveryRight, Keys, Resource};

use crate::fixture::{AtOnce as _, PRIMARY, at, keys, token};
use crate::issuer::{NOW, Pair, authorizer, claims, wait};

#[test]
fn only_bearer_tokens_open_doors_while_keys_are_switched_off() {
    let pair = Pair::ec("one");
    let authorizer = authorizer(&[&pair], Arc::new(EveryRight));
    let set = |local_auth_disabled| {
        authorizer.replace(&Keys {
            local_auth_disabled,
            ..keys()
        });
    };
    let sas = token(PRIMARY, "http://localhost", "2030-01-01T00:00:00Z");
    let request = Request {
        method: "GET",
        path: "/",
        query: Some(
            "comp=list&sv=2020-12-06&ss=b&srt=s&sp=l&se=2030-01-01&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        headers: &[("x-ms-date", "Sun, 29 Nov 2026 12:00:00 GMT")],
    };
    let signature = "SharedKey shop:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let shared_key = SharedKey::read(signature, &request, "shop").unwrap();
    let storage_sas = Sas::read(&request, &Target::default(), "shop").unwrap();
    let local = [
        Credential::AccessKey(PRIMARY),
        Credential::SharedAccessSignature(&sas),
        Credential::SharedAccessSignature("sr=x&sig=y&se=1&skn=z"),
        Credential::SharedKey(&shared_key),
        Credential::StorageSas(&storage_sas),
    ];
    set(true);
    for credential in &local {
        let refused = authorizer.listen_at_once(credential, &Resource::NAMESPACE, at(NOW));
        assert_eq!(refused.unwrap_err(), Error::LocalAuthDisabled, "{credential:?}");
    }
    let grant = authorizer.grant("sr=x&sig=y&se=1&skn=z", at(NOW)).map(|_| ());
    assert_eq!(grant, Err(Error::LocalAuthDisabled));
    let grant = authorizer
        .grant_for_key("RootManageSharedAccessKey", PRIMARY)
        .map(|_| ());
    assert_eq!(grant, Err(Error::LocalAuthDisabled));
    let text = Error::LocalAuthDisabled.to_string();
    assert!(
        text.contains("`disableLocalAuth: true`") && text.contains("Bearer"),
        "{text}"
    );
    let none = authorizer.listen_at_once(&Credential::None, &Resource::NAMESPACE, at(NOW));
    assert_eq!(none.unwrap_err(), Error::Missing);

    let bearer = pair.sign(&claims());
    wait(authorizer.permit_send(&Credential::Bearer(&bearer), &Resource::NAMESPACE, at(NOW))).unwrap();
    set(false);
    for credential in &local[..2] {
        authorizer
            .listen_at_once(credential, &Resource::NAMESPACE, at(NOW))
            .unwrap();
    }
}
