// What must hold for any input; shared by the fuzz target and the replay of its corpus.

use auth::{Authorizer, Credential, Keys, Resource, Rights, Rule, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use sha2::Sha256;

const KEY: &[u8] = b"a key that signed nothing in the corpus";

/// No input is a token. Signed with the right key it may be one, but then only for what it says.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    assert_eq!(granted(text, Timestamp::from_micros(0)), [false; 3]);

    let signed = text.rsplit_once("&s=").map_or(text, |(signed, _)| signed);
    let mut hmac = Hmac::<Sha256>::new_from_slice(KEY).expect("any length will do");
    hmac.update(signed.as_bytes());
    let token = format!("{signed}&s={}", STANDARD.encode(hmac.finalize().into_bytes()));
    let [namespace, topic, subscription] = granted(&token, Timestamp::from_micros(0));
    assert!(
        !namespace || topic,
        "who may use the whole namespace may use a topic of it"
    );
    assert!(
        !topic || subscription,
        "who may use a topic may use a subscription of it"
    );
    assert_eq!(granted(&token, Timestamp::MAX), [false; 3], "everything expires");
}

fn granted(token: &str, now: Timestamp) -> [bool; 3] {
    let key = Secret::new(STANDARD.encode(KEY));
    let rule = Rule {
        name: "rule".into(),
        rights: Rights::ALL,
        primary: key.clone(),
        secondary: key,
    };
    let authorizer = Authorizer::new(&Keys {
        rules: vec![rule],
        ..Keys::default()
    });
    [
        Resource::NAMESPACE,
        Resource::topic("orders"),
        Resource::subscription("orders", "billing"),
    ]
    .map(|resource| {
        authorizer
            .permit_listen(&Credential::SharedAccessSignature(token), &resource, now)
            .now_or_never()
            .expect("it waits for nobody")
            .is_ok()
    })
}
