//! Tokens and signatures that must be refused, at a user's distance: what is said names the rule and helps.

use std::process::Command;

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    blobs::{Blobs, SharedKey},
    eventhubs::{Sdk, passwordless_example},
    http::{Connection, Request},
    manifests::Manifests,
    tokens::{self, Signer},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A token that nobody accepts, and what everybody says about it.
struct Refusal {
    what: &'static str,
    token: String,
    says: &'static str,
    /// Whether a program is started with it, too: an SDK tries again for some ten seconds.
    is_shown_by_an_sdk: bool,
}

/// What is answered to a token: the status and the text.
type Ask = fn(&Weft, &str) -> anyhow::Result<(u16, String)>;

fn hub() -> Manifests {
    Manifests::new("1Gi").hub("telemetry", 2, &[])
}

fn refusals(weft: &Weft) -> anyhow::Result<Vec<Refusal>> {
    let (signer, stranger) = (Signer::of(weft)?, Signer::stranger()?);
    let now = tokens::now();
    let refusal = |what, token, says| Refusal {
        what,
        token,
        says,
        is_shown_by_an_sdk: ["another audience", "expired"].contains(&what),
    };
    let signed = |claims: Value| signer.sign(&tokens::developer_but(claims));
    Ok(vec![
        refusal(
            "another audience",
            signed(json!({"aud": ["https://kubernetes.default.svc"]}))?,
            "is meant for `https://kubernetes.default.svc`, not for `weft`",
        ),
        refusal(
            "a foreign issuer",
            stranger.sign(&tokens::developer_but(
                json!({"iss": "https://elsewhere.example"}),
            ))?,
            "was issued by `https://elsewhere.example`, which is not trusted here",
        ),
        refusal(
            "no signature",
            signer.unsigned(&tokens::developer()),
            "is signed with `none`, which is not accepted",
        ),
        refusal("expired", signed(json!({"exp": now - 120}))?, "expired at"),
        refusal(
            "not yet valid",
            signed(json!({"nbf": now + 600}))?,
            "is valid from",
        ),
        refusal(
            "another key under the known name",
            stranger.called_like(&signer).sign(&tokens::developer())?,
            "matches no key that its issuer publishes",
        ),
        refusal("no token at all", "not-a-token".to_owned(), "cannot be used"),
    ])
}

#[test]
fn a_token_that_must_be_refused_is_refused_at_every_door_in_words_that_help() {
    let weft = Weft::start_on_usual_ports(hub().yaml()).expect("weft starts");
    for refusal in refusals(&weft).expect("tokens") {
        let Refusal {
            what, token, says, ..
        } = &refusal;
        let doors: [(_, Ask); 4] = [
            ("token endpoint", at_the_token_endpoint),
            ("blob", at_the_blob_door),
            ("HTTPS", at_the_https_door),
            ("SDK", by_an_sdk),
        ];
        let doors = doors
            .into_iter()
            .filter(|(door, _)| *door != "SDK" || refusal.is_shown_by_an_sdk);
        for (door, ask) in doors {
            let (status, text) =
                ask(&weft, token).unwrap_or_else(|error| panic!("{what}, {door}: {error:#}"));
            let expected = if door == "token endpoint" { 400 } else { 401 };
            assert_eq!(status, expected, "{what}, {door}: {text}");
            assert!(
                text.contains(says),
                "{what}, {door}: {text:?} does not say {says:?}"
            );
            assert!(
                !text.contains(token.as_str()) || token.len() < 20,
                "{what}, {door} repeats the token"
            );
        }
    }
    let good = Signer::of(&weft).and_then(|signer| signer.sign(&tokens::developer()));
    let (status, text) = at_the_blob_door(&weft, &good.expect("a token")).expect("an answer");
    assert_eq!(status, 200, "a token like these that is good is accepted: {text}");
}

#[test]
fn a_token_of_the_key_before_is_refused_after_the_key_was_replaced() {
    let mut weft = Weft::start_on_usual_ports(hub().yaml()).expect("weft starts");
    let before = Signer::of(&weft).and_then(|signer| signer.sign(&tokens::developer()));
    let before = before.expect("a token");
    assert_eq!(at_the_blob_door(&weft, &before).expect("an answer").0, 200);
    weft.terminate().expect("it stops");
    std::fs::remove_file(weft.data_folder().join("issuer.pem")).expect("the key is taken away");
    weft.resume().expect("weft starts with another key");
    let (status, text) = at_the_blob_door(&weft, &before).expect("an answer");
    assert_eq!(status, 401, "{text}");
    assert!(
        text.contains("matches no key that its issuer publishes"),
        "{text}"
    );
    // The program that reads its file gets the new one.
    let blobs = Blobs::of(&weft).expect("the blob door");
    assert_eq!(blobs.list("any-container", "").expect("an empty list"), []);
}

#[test]
fn shared_key_is_refused_for_a_wrong_date_and_for_another_path_and_says_so() {
    let weft = Weft::start_on_usual_ports(hub().yaml()).expect("weft starts");
    let blobs = Blobs::of(&weft).expect("the blob door").showing("");
    let ask = |signed: &SharedKey, path: &str| {
        let headers = signed.headers().expect("a signature");
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let response = blobs.send("GET", path, &headers).expect("an answer");
        let code = response.header("x-ms-error-code").unwrap_or_default().to_owned();
        (
            response.status,
            code,
            String::from_utf8_lossy(&response.body).into_owned(),
        )
    };
    let path = "/shop/progress/a-blob";
    let good = SharedKey {
        key: weft.key().expect("a key"),
        date: Timestamp::now(),
        path: path.to_owned(),
    };
    assert_eq!(
        ask(&good, path).1,
        "BlobNotFound",
        "a good signature leads to the blob"
    );
    for date in [-16, 16] {
        let date = Timestamp::now() + SignedDuration::from_mins(date);
        let (status, code, text) = ask(&SharedKey { date, ..good.clone() }, path);
        assert_eq!((status, code.as_str()), (403, "AuthenticationFailed"), "{text}");
        assert!(text.contains("15 minutes") && text.contains("clock"), "{text}");
    }
    let (status, code, text) = ask(&good, "/shop/progress/another-blob");
    assert_eq!((status, code.as_str()), (403, "AuthenticationFailed"), "{text}");
    assert!(
        text.contains("/shop/shop/progress/another-blob"),
        "it tells what was to be signed: {text}"
    );
    let wrong = SharedKey {
        key: "d3Jvbmc=".to_owned(),
        ..good
    };
    let (status, code, text) = ask(&wrong, path);
    assert_eq!((status, code.as_str()), (403, "AuthenticationFailed"), "{text}");
}

#[test]
fn without_local_authentication_keys_are_refused_and_told_what_to_use() {
    let manifests = Manifests::new("1Gi")
        .field("disableLocalAuth: true")
        .hub("telemetry", 2, &[]);
    let weft = Weft::start_on_usual_ports(manifests.yaml()).expect("weft starts");
    let settings = weft.settings().expect("settings");
    for key in [
        "EVENTGRID_KEY",
        "EVENT_HUB_CONNECTION_STR",
        "BLOB_STORAGE_CONNECTION_STRING",
    ] {
        assert!(
            !settings.contains_key(key),
            "{key} is handed out though it opens nothing"
        );
    }
    let blobs = Blobs::of(&weft).expect("the blob door");
    let refused = blobs
        .showing("SharedAccessKey d3Jvbmc=")
        .send("GET", "/shop/progress/a-blob", &[])
        .expect("an answer");
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(refused.status, 403, "{text}");
    assert!(
        text.contains("disableLocalAuth") && text.contains("Bearer"),
        "{text}"
    );
    let sent = passwordless_example(
        &weft,
        Sdk::PythonNewest,
        "send.py",
        &[("EVENT_HUB_NAME", "telemetry")],
    );
    let sent = sent.expect("a program").output().expect("it runs");
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}

fn at_the_token_endpoint(weft: &Weft, token: &str) -> anyhow::Result<(u16, String)> {
    let settings = weft.settings()?;
    let file = weft.scratch_file("assertion", token.as_bytes())?;
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "60",
        "--noproxy",
        "*",
        "--write-out",
        "\n%{http_code}",
    ]);
    curl.args(["--cacert", settings.get("SSL_CERT_FILE").context("a bundle")?]);
    for field in [
        "grant_type=client_credentials",
        "client_id=weft",
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope=https://eventhubs.azure.net//.default",
    ] {
        curl.args(["--data-urlencode", field]);
    }
    curl.arg("--data-urlencode")
        .arg(format!("client_assertion@{}", file.display()));
    curl.arg(format!("{}/adfs/oauth2/v2.0/token", weft.https_endpoint()));
    let output = curl.output().context("run curl")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("text")?;
    let (body, status) = text.rsplit_once('\n').context("a status")?;
    let answer: Value = serde_json::from_str(body).with_context(|| format!("JSON: {body}"))?;
    let description = answer["error_description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok((status.parse().context("a number")?, description))
}

fn at_the_blob_door(weft: &Weft, token: &str) -> anyhow::Result<(u16, String)> {
    let blobs = Blobs::of(weft)?.showing(format!("Bearer {token}"));
    let response = blobs.send("GET", "/shop/any?restype=container&comp=list", &[])?;
    Ok((
        response.status,
        String::from_utf8_lossy(&response.body).into_owned(),
    ))
}

fn at_the_https_door(weft: &Weft, token: &str) -> anyhow::Result<(u16, String)> {
    let blobs = Blobs::of(weft)?;
    let mut connection = Connection::open_tls(weft.https_address(), &blobs.server_name, &blobs.authorities)?;
    let request = Request::post("/telemetry/messages")
        .header("authorization", format!("Bearer {token}"))
        .body("an event");
    let response = connection.post(&request)?;
    Ok((
        response.status,
        String::from_utf8_lossy(&response.body).into_owned(),
    ))
}

/// What a user of an SDK reads, whose token file holds it.
fn by_an_sdk(weft: &Weft, token: &str) -> anyhow::Result<(u16, String)> {
    let file = weft.scratch_file("token", token.as_bytes())?;
    let variables = [
        ("EVENT_HUB_NAME", "telemetry"),
        (
            "AZURE_FEDERATED_TOKEN_FILE",
            file.to_str().context("a path is text")?,
        ),
    ];
    let output = passwordless_example(weft, Sdk::PythonNewest, "send.py", &variables)?
        .output()
        .context("run it")?;
    ensure!(!output.status.success(), "it was let in");
    // Whatever the SDK makes of the status, its user sees the text.
    Ok((401, String::from_utf8_lossy(&output.stderr).into_owned()))
}
