//! The token endpoint: where `DefaultAzureCredential` gets what it shows elsewhere.

use std::time::Duration;

use crate::client::{Client, Response};
use crate::issuer::{Issuer, WEB, bad_tokens, claims};
use crate::tls;
use crate::world::World;

const TOKEN: &str = "/adfs/oauth2/v2.0/token";
const FORM: &str = "content-type: application/x-www-form-urlencoded";

fn form(assertion: &str, scope: &str) -> String {
    let escaped = |text: &str| {
        text.replace(':', "%3A")
            .replace('/', "%2F")
            .replace('\n', "%0A")
            .replace(' ', "+")
    };
    format!(
        "grant_type=client_credentials&client_id=c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
         client-assertion-type%3Ajwt-bearer&client_assertion={}&scope={}",
        escaped(assertion),
        escaped(scope)
    )
}

async fn ask(world: &World, target: &str, form: &str) -> Response {
    let mut client = Client::connect(world.address).await;
    client.call("POST", target, &[FORM], form).await
}

#[tokio::test]
async fn every_request_of_the_sdks_gets_the_answer_that_all_of_them_take() {
    let world = World::start().await;
    let issuer = &world.identity.issuer;
    let token = issuer.token(WEB);
    for (target, assertion, scope) in [
        (
            TOKEN.to_owned(),
            format!("{token}\n"),
            "https://eventhubs.azure.net//.default",
        ),
        (
            format!("{TOKEN}?client-request-id=9c4dbb1e-7d5b-11f0-a1f0-acde48001122"),
            token.clone(),
            "https://storage.azure.com/.default",
        ),
        (
            TOKEN.to_owned(),
            token.clone(),
            "https://eventhubs.azure.net//.default openid offline_access profile",
        ),
        (
            "/adfs/oauth2/token".to_owned(),
            token.clone(),
            "https://eventgrid.azure.net/.default openid profile offline_access",
        ),
        (
            "/adfs/oauth2/token".to_owned(),
            token.clone(),
            "https://weft/.default",
        ),
    ] {
        let response = ask(&world, &target, &form(&assertion, scope)).await;
        assert_eq!(response.status, 200, "{scope}: {response:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert!(
            response
                .header("content-type")
                .unwrap()
                .starts_with("application/json")
        );
        let seconds = response.json()["expires_in"].as_u64().unwrap();
        assert!((3_500..=3_600).contains(&seconds), "{seconds}");
        // To the letter: more fields than these break one SDK or another.
        assert_eq!(
            response.text(),
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#)
        );
    }
    assert_eq!(world.metric("weft_identity_tokens_issued_total"), Some(5.0));
}

#[tokio::test]
async fn a_token_needs_no_role_and_gives_none() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    world.identity.roles.set_away(true);
    let response = ask(
        &world,
        TOKEN,
        &form(&token, "https://eventhubs.azure.net/.default"),
    )
    .await;
    assert_eq!(response.status, 200);
    assert_eq!(world.identity.roles.reviews(), 0);
}

#[tokio::test]
async fn the_document_names_the_endpoint_as_the_client_does() {
    let world = World::start().await;
    let mut plain = Client::connect(world.address).await;
    for target in [
        "/adfs/.well-known/openid-configuration",
        "/adfs/.well-known/openid-configuration?",
    ] {
        let response = plain.call("GET", target, &[], "").await;
        assert_eq!(response.status, 200);
        let document = response.json();
        assert_eq!(document["issuer"], "http://weft/adfs");
    }
    let (mut secure, _certificate) = tls::client(&world).await;
    secure
        .send("GET /adfs/.well-known/openid-configuration HTTP/1.1\r\nhost: shop.default.svc:8443\r\n\r\n")
        .await;
    let response = secure.response().await;
    let document = response.json();
    for (field, path) in [
        ("issuer", ""),
        ("authorization_endpoint", "/oauth2/authorize"),
        ("token_endpoint", "/oauth2/v2.0/token"),
        ("jwks_uri", "/keys"),
    ] {
        let expected = format!("https://shop.default.svc:8443/adfs{path}");
        assert_eq!(document[field], expected, "{field}");
    }
    let keys = plain.call("GET", "/adfs/keys", &[], "").await;
    assert_eq!((keys.status, keys.text()), (200, r#"{"keys":[]}"#));
}

#[tokio::test]
async fn an_assertion_that_proves_nothing_is_invalid_client_and_says_why() {
    let world = World::start().await;
    for (what, token, hint, _) in bad_tokens(&world.identity.issuer) {
        let response = ask(
            &world,
            TOKEN,
            &form(&token, "https://eventhubs.azure.net/.default"),
        )
        .await;
        assert_eq!(response.status, 400, "{what}: {response:?}");
        let json = response.json();
        assert_eq!(json["error"], "invalid_client", "{what}");
        let description = json["error_description"].as_str().unwrap();
        assert!(description.contains(hint), "{what}: {description}");
        assert!(!response.text().contains(&token), "{what}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
    }
    let refused = r#"weft_identity_token_requests_refused_total{error="invalid_client"}"#;
    assert_eq!(world.metric(refused), Some(9.0));
}

#[tokio::test]
async fn an_assertion_whose_issuer_s_keys_are_not_known_yet_is_for_later() {
    let world = World::start().await;
    world.authorizer.trust(Issuer::awaited());
    let token = world.identity.issuer.token(WEB);
    let form = form(&token, "https://eventhubs.azure.net/.default");
    let response = ask(&world, TOKEN, &form).await;
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!(response.json()["error"], "temporarily_unavailable");
    assert_eq!(response.header("retry-after"), Some("3"));
    world.authorizer.trust(world.identity.issuer.published());
    assert_eq!(ask(&world, TOKEN, &form).await.status, 200);
}

#[tokio::test]
async fn a_refusal_is_oauth_s_to_the_letter() {
    let world = World::start().await;
    let body = "grant_type=client_credentials&client_id=c&client_secret=s&scope=x";
    let response = ask(&world, TOKEN, body).await;
    assert_eq!(response.status, 400);
    let id = response.header("x-ms-request-id").unwrap();
    let json = response.json();
    let time = json["timestamp"].as_str().unwrap();
    assert_eq!(
        response.text(),
        format!(
            r#"{{"error":"invalid_client","error_description":"There are no client secrets here. Remove AZURE_CLIENT_SECRET, and set AZURE_FEDERATED_TOKEN_FILE to the file of a ServiceAccount token with the audience of this Namespace","timestamp":"{time}","trace_id":"{id}"}}"#
        )
    );
}

#[tokio::test]
async fn what_is_no_request_for_a_token_is_refused_in_the_same_shape() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    let token = world.identity.issuer.token(WEB);
    let good = form(&token, "https://eventhubs.azure.net/.default");
    let json = "content-type: application/json";
    let response = client.call("POST", TOKEN, &[json], &good).await;
    assert_eq!(response.status, 400);
    assert_eq!(response.json()["error"], "invalid_request");
    let response = client.call("GET", TOKEN, &[], "").await;
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    assert_eq!(response.json()["error"], "invalid_request");
    let elsewhere = form(&token, "https://vault.azure.net/.default");
    let response = ask(&world, TOKEN, &elsewhere).await;
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (400, Some("invalid_scope"))
    );
    let long = format!("{good}&padding={}", "x".repeat(64 << 10));
    let response = ask(&world, TOKEN, &long).await;
    assert_eq!(response.status, 413);
    assert_eq!(response.json()["error"], "invalid_request");
    for host in ["", "a b", "evil\"name"] {
        let mut client = Client::connect(world.address).await;
        client
            .send(format!(
                "GET /adfs/.well-known/openid-configuration HTTP/1.1\r\nhost: {host}\r\n\r\n"
            ))
            .await;
        assert_eq!(client.response().await.status, 400, "{host}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_token_is_what_its_answer_says() {
    let world = World::start().await;
    let issuer = &world.identity.issuer;
    let mut claims = claims(WEB);
    for (left, expected) in [(600, 540..=600), (-30, 0..=0)] {
        claims["exp"] = serde_json::json!(crate::issuer::now() + left);
        let body = form(&issuer.sign(&claims), "https://eventhubs.azure.net/.default");
        let response = ask(&world, TOKEN, &body).await;
        // A minute is granted to clocks that differ.
        assert_eq!(response.status, 200, "{response:?}");
        let seconds = response.json()["expires_in"].as_u64().unwrap();
        assert!(expected.contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_nothing_up() {
    let limits = front::Limits {
        body_timeout: Duration::from_millis(100),
        ..front::Limits::default()
    };
    let world = World::with(limits).await;
    let mut client = Client::connect(world.address).await;
    client
        .send(format!(
            "POST {TOKEN} HTTP/1.1\r\nhost: weft\r\n{FORM}\r\ncontent-length: 100\r\n\r\n"
        ))
        .await;
    let response = client.response().await;
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (408, Some("invalid_request"))
    );
}
