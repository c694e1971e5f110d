use serde_json::json;

use super::*;

#[test]
fn a_key_of_an_unknown_kind_does_not_make_the_others_useless() {
    let keys = json!({"keys": [
        {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "alg": "ES256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        "nonsense",
    ]});
    let read = read_keys(keys.to_string().as_bytes()).unwrap();
    let ids: Vec<_> = read
        .keys
        .iter()
        .filter_map(|key| key.common.key_id.as_deref())
        .collect();
    assert_eq!(ids, ["ec", "ed"]);
}

#[test]
fn an_answer_without_keys_is_no_answer() {
    for answer in [
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"none"}]}"#,
        r#"{}"#,
        "<html>",
        "",
    ] {
        assert!(read_keys(answer.as_bytes()).is_err(), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_later_from_time_to_time_and_within_the_usual_interval() {
    let mut pace = Pace::new(Arc::default());
    let mut waited = Vec::new();
    for _ in 0..11 {
        let began = Instant::now();
        pace.wait().await;
        waited.push(began.elapsed().as_secs());
        pace.asked(true);
    }
    assert_eq!(waited, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    pace.asked(false);
    let began = Instant::now();
    pace.wait().await;
    assert_eq!(began.elapsed(), INTERVAL);
}
