// What must hold for any input; shared by the fuzz target and the replay of its corpus.

use auth::{Authorizer, Error, Issuer, Issuers, JwkSet, Keys, Mapping};
use model::Timestamp;

/// The issuer that the corpus names, with keys of every kind, whose other halves nobody has.
const ISSUER: &str = "https://issuer";
const PUBLISHED: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","kid":"ec",
     "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"RSA","kid":"short","n":"AQAB","e":"AQAB"},
    {"kty":"oct","kid":"shared","k":"c2VjcmV0"}
]}"#;

/// No input is a token, whatever it says; and no refusal is out of place.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let authorizer = Authorizer::new(&Keys::default());
    assert!(authorizer.verify(text, Timestamp::from_micros(0)).is_err());
    authorizer.trust(Issuers::from(vec![Issuer {
        url: ISSUER.to_owned(),
        audiences: vec!["weft".to_owned()],
        keys: serde_json::from_str::<JwkSet>(PUBLISHED).expect("it is a JWK set"),
        mapping: Mapping::ServiceAccounts,
    }]));
    let refused = authorizer
        .verify(text, Timestamp::from_micros(0))
        .expect_err("nobody has the keys");
    // What a token says beyond its issuer is worth no answer before its signature is known to be right.
    assert!(
        matches!(
            refused,
            Error::BearerMalformed(_)
                | Error::AlgorithmRefused(_)
                | Error::UnknownIssuer(_)
                | Error::BearerBadSignature
        ),
        "{refused}"
    );
    assert!(refused.to_string().len() < 2_000);
}
