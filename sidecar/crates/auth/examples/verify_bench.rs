//! What a bearer token costs at a door: `cargo run --release -p auth --example verify_bench`.
//!
//! Prints nanoseconds per verification of a token that is not known yet (of the kinds that clusters and issuers sign
//! with), per verification of one that is, and per permit whose review is remembered.
#![expect(
    clippy::disallowed_methods,
    reason = "it measures, so it asks the machine's clock"
)]
#![expect(
    clippy::unwrap_used,
    reason = "an example that cannot prepare has nothing to show"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use auth::{
    Authorizer, Credential, EveryRight, Issuer, Issuers, Jwk, JwkSet, Keys, Mapping, Names, Resource,
};
use futures_util::FutureExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::Timestamp;
use serde_json::json;

const TOKENS: usize = 2_000;
const ROUNDS: usize = 500_000;
const NOW: Timestamp = Timestamp::from_micros(1_795_953_600_000_000);

fn main() {
    let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    // PKCS #8 says in 26 bytes that an RSA key of 2048 bits follows, which is what the signer wants.
    measure(
        Algorithm::RS256,
        &EncodingKey::from_rsa_der(&rsa.serialize_der()[26..]),
    );
    measure(Algorithm::ES256, &EncodingKey::from_ec_der(ec.serialized_der()));
}

fn measure(algorithm: Algorithm, key: &EncodingKey) {
    let tokens: Vec<_> = (0..TOKENS).map(|id| token(algorithm, key, id)).collect();
    let issuers = issuers(Jwk::from_encoding_key(key, algorithm).unwrap());
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(Arc::new(EveryRight));
    authorizer.trust(issuers);
    authorizer.name(Names {
        namespace: "shop".into(),
        hubs: [("telemetry".into(), "telemetry".into())].into(),
        ..Names::default()
    });
    println!("{algorithm:?}, tokens of {} bytes", tokens[0].len());
    report("verified for the first time", TOKENS, |round| {
        authorizer.verify(&tokens[round], NOW).unwrap();
    });
    report("verified again", ROUNDS, |round| {
        black_box(authorizer.verify(&tokens[round % TOKENS], NOW).unwrap());
    });
    let hub = Resource::Hub("telemetry/messages");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let first = Credential::Bearer(&tokens[0]);
    runtime
        .block_on(authorizer.permit_send(&first, &hub, NOW))
        .unwrap();
    report("permitted again, verified and reviewed", ROUNDS, |round| {
        let token = Credential::Bearer(&tokens[round % 64]);
        let permit = authorizer.permit_send(&token, &hub, NOW);
        permit.now_or_never().unwrap().unwrap();
    });
}

fn report(what: &str, rounds: usize, work: impl Fn(usize)) {
    let start = Instant::now();
    (0..rounds).for_each(work);
    let rounds = u128::try_from(rounds).unwrap();
    println!("  {what}: {} ns", start.elapsed().as_nanos() / rounds);
}

fn token(algorithm: Algorithm, key: &EncodingKey, id: usize) -> String {
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": "system:serviceaccount:shop:web",
        "aud": ["weft"],
        "iat": 1_795_953_000, "nbf": 1_795_953_000, "exp": 1_795_957_000,
        "jti": format!("7f1c2a54-9d0e-4c39-8e1b-{id:012}"),
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "5b0d3d0e-6c0a-4c6f-9d1e-1f2a3b4c5d6e"},
            "pod": {"name": "web-5d8c7b6f4-abcde", "uid": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"},
            "serviceaccount": {"name": "web", "uid": "1b2c3d4e-5f6a-4b7c-8d9e-0f1a2b3c4d5e"},
        },
    });
    let header = Header {
        kid: Some("one".into()),
        ..Header::new(algorithm)
    };
    jsonwebtoken::encode(&header, &claims, key).unwrap()
}

fn issuers(mut published: Jwk) -> Issuers {
    published.common.key_id = Some("one".into());
    Issuers::from(vec![Issuer {
        url: "https://kubernetes.default.svc.cluster.local".into(),
        audiences: vec!["weft".into()],
        keys: JwkSet {
            keys: vec![published],
        },
        mapping: Mapping::ServiceAccounts,
    }])
}
