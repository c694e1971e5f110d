//! Who gets in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::client::{Client, Response};
use crate::world::{LISTENER, ROOT, ROOT_SECONDARY, SENDER, STRUCTURED, World, event, receive};

async fn publish(world: &World, headers: &[&str], query: &str) -> Response {
    let mut client = Client::connect(world.address).await;
    let headers: Vec<&str> = headers.iter().copied().chain([STRUCTURED]).collect();
    client
        .call(
            "POST",
            &format!("/topics/orders:publish{query}"),
            &headers,
            event("1"),
        )
        .await
}

/// A SAS token as the documentation's samples compute it.
fn sas(resource: &str, expiry: &str, key: &str) -> String {
    let encode = |text: &str| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric();
        text.bytes()
            .map(|byte| {
                if plain(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect::<String>()
    };
    let unsigned = format!("r={}&e={}", encode(resource), encode(expiry));
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).expect("base64")).expect("any length will do");
    mac.update(unsigned.as_bytes());
    format!(
        "{unsigned}&s={}",
        encode(&STANDARD.encode(mac.finalize().into_bytes()))
    )
}

const FUTURE: &str = "2090-01-02T03:04:05";

#[tokio::test]
async fn a_key_is_taken_from_all_three_places() {
    let world = World::start().await;
    for key in [ROOT, ROOT_SECONDARY, SENDER] {
        for header in [
            format!("authorization: SharedAccessKey {key}"),
            format!("Authorization: sharedaccesskey {key}"),
            format!("aeg-sas-key: {key}"),
        ] {
            assert_eq!(publish(&world, &[&header], "").await.status, 200, "{header}");
        }
        assert_eq!(
            publish(&world, &[], &format!("?aeg-sas-key={key}&api-version=2024-06-01"))
                .await
                .status,
            200
        );
        let encoded = key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        assert_eq!(
            publish(&world, &[], &format!("?aeg-sas-key={encoded}"))
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_sas_token_is_good_for_what_its_url_prefixes() {
    let world = World::start().await;
    for resource in [
        "https://shop.example",
        "http://shop.example/topics/orders",
        "http://shop/topics/orders?apiVersion=2018-01-01",
    ] {
        let token = sas(resource, FUTURE, ROOT);
        assert_eq!(
            publish(&world, &[&format!("aeg-sas-token: {token}")], "")
                .await
                .status,
            200,
            "{resource}"
        );
        let header = format!("authorization: SharedAccessSignature {token}");
        assert_eq!(publish(&world, &[&header], "").await.status, 200, "{resource}");
    }
    let foreign = sas("http://shop.example/topics/returns", FUTURE, ROOT);
    let response = publish(&world, &[&format!("aeg-sas-token: {foreign}")], "").await;
    assert_eq!((response.status, response.code().as_str()), (403, "Forbidden"));
}

#[tokio::test]
async fn what_proves_nothing_is_401_and_says_what_to_send() {
    let world = World::start().await;
    let expired = format!(
        "aeg-sas-token: {}",
        sas("https://shop", "2020-01-02T03:04:05", ROOT)
    );
    let wrong_key = format!("aeg-sas-token: {}", sas("https://shop", FUTURE, "d3Jvbmc="));
    let valid = sas("https://shop", FUTURE, ROOT);
    let truncated = format!("aeg-sas-token: {}", &valid[..valid.len() - 9]);
    for (headers, hint) in [
        (vec![], "SharedAccessKey"),
        (vec!["aeg-sas-key: d3Jvbmc="], "key"),
        (vec!["authorization: SharedAccessKey"], ""),
        (vec!["authorization: Basic dXNlcjpwYXNz"], "SharedAccessSignature"),
        (vec!["authorization: Bearer e30.e30."], "bearer token"),
        (vec![expired.as_str()], "expired"),
        (vec![wrong_key.as_str()], ""),
        (vec![truncated.as_str()], ""),
        (vec!["aeg-sas-token: nonsense"], ""),
    ] {
        let response = publish(&world, &headers, "").await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (401, "Unauthorized"),
            "{headers:?}"
        );
        assert!(
            response.message().contains(hint),
            "{headers:?}: {}",
            response.message()
        );
        assert!(!response.text().contains(ROOT) && response.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn a_right_that_the_rule_lacks_is_403() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    let response = client
        .call("POST", "/topics/orders:publish", &[STRUCTURED], event("1"))
        .await;
    assert_eq!((response.status, response.code().as_str()), (403, "Forbidden"));
    world.client().await.publish("1").await;
    assert_eq!(client.receive("billing", 1).await.len(), 1);
    let mut client = Client::connect(world.address).await.with_key(SENDER);
    assert_eq!(
        client.call("POST", &receive("billing", 1), &[], "").await.status,
        403
    );
    for (method, path) in [
        ("GET", "streams"),
        ("GET", "topics/orders/tail"),
        ("GET", "topics/orders/dead-letters"),
    ] {
        assert_eq!(
            client
                .call(method, &format!("/$weft/v1/{path}"), &[], "")
                .await
                .status,
            403,
            "{path}"
        );
    }
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    let target = "/$weft/v1/topics/returns/dead-letters:redrive";
    assert_eq!(
        client.call("POST", target, &[], r#"{"all":true}"#).await.status,
        403
    );
}
