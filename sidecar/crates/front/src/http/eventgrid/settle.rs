//! Acknowledge, release, reject and renewLock: a list of lock tokens in, a result per token out.

use std::borrow::Cow;
use std::time::Duration;

use broker::{LockToken, SettleError, Undecodable};
use http::Response;
use serde::Deserialize;

use super::Target;
use super::api_version::{FailedToken, failed_token_shape};
use super::receive::integer;
use super::routes::Settle;
use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::{Call, json};

/// The delays that Azure offers.
const RELEASE_DELAYS: [u64; 5] = [0, 10, 60, 600, 3600];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'b> {
    #[serde(borrow)]
    lock_tokens: Vec<Token<'b>>,
}

#[derive(Deserialize)]
struct Token<'b>(#[serde(borrow)] Cow<'b, str>);

pub(super) async fn answer(
    call: &mut Call<'_>,
    target: &Target<'_>,
    settle: Settle,
) -> Result<Response<Body>, Refusal> {
    let door = call.door;
    let shape = failed_token_shape(call.query())?;
    let delay = release_delay(call.query())?;
    let (body, _reservation) = call.body.read(door.limits().settle_body, door).await?;
    let request = parse(&body, door.limits().lock_tokens)?;
    let tokens: Vec<Result<LockToken, Undecodable>> =
        request.lock_tokens.iter().map(|token| token.0.parse()).collect();
    let (subscription, permit) = (&target.subscription, &target.permit);
    let outcome = match settle {
        Settle::Acknowledge => subscription.acknowledge(permit, tokens).await,
        Settle::Release => subscription.release(permit, tokens, delay).await,
        Settle::Reject => subscription.reject(permit, tokens).await,
        Settle::RenewLock => subscription.renew_lock(permit, tokens).await,
    };
    let results = outcome.map_err(|error| target.refuse(error))?;
    Ok(json(document(&request.lock_tokens, &results, shape)))
}

/// Read for every operation, so that a delay that makes no sense is refused rather than ignored.
fn release_delay(query: Option<&str>) -> Result<Duration, Refusal> {
    let seconds = integer(query, "releaseDelayInSeconds")?.unwrap_or(0);
    if !RELEASE_DELAYS.contains(&seconds) {
        return Err(Refusal::argument_invalid(
            "Invalid releaseDelayInSeconds parameter: it must be 0, 10, 60, 600 or 3600",
        ));
    }
    Ok(Duration::from_secs(seconds))
}

fn parse(body: &[u8], tokens_max: usize) -> Result<Request<'_>, Refusal> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!(
            r#"The body must be a JSON object with an array of strings, {{"lockTokens":["..."]}}: {error}"#
        ))
    })?;
    if request.lock_tokens.len() > tokens_max {
        let count = request.lock_tokens.len();
        return Err(Refusal::bad_request(format!(
            "The request has {count} lock tokens, at most {tokens_max} are allowed. Send several requests"
        )));
    }
    Ok(request)
}

/// Both arrays are always there: one SDK maps over the second without looking.
fn document(tokens: &[Token<'_>], results: &[Result<(), SettleError>], shape: FailedToken) -> Vec<u8> {
    let mut json = Vec::with_capacity(64 + tokens.len() * 48);
    json.extend_from_slice(br#"{"succeededLockTokens":["#);
    let mut separator = Separator::default();
    for (token, _) in tokens.iter().zip(results).filter(|(_, result)| result.is_ok()) {
        separator.write(&mut json);
        write_string(&mut json, &token.0);
    }
    json.extend_from_slice(br#"],"failedLockTokens":["#);
    let mut separator = Separator::default();
    for (token, result) in tokens.iter().zip(results) {
        if let Err(error) = result {
            separator.write(&mut json);
            write_failed(&mut json, &token.0, *error, shape);
        }
    }
    json.extend_from_slice(b"]}");
    json
}

fn write_failed(json: &mut Vec<u8>, token: &str, error: SettleError, shape: FailedToken) {
    let (code, message) = match error {
        SettleError::LockLost => ("TokenLost", "Token has expired."),
        SettleError::BadToken => ("BadToken", "Cannot decode lockToken"),
    };
    let [before_code, before_message, end] = match shape {
        FailedToken::Flat => [r#","errorCode":"#, r#","errorDescription":"#, "}"],
        FailedToken::Nested => [r#","error":{"code":"#, r#","message":"#, "}}"],
    };
    json.extend_from_slice(br#"{"lockToken":"#);
    write_string(json, token);
    json.extend_from_slice(before_code.as_bytes());
    write_string(json, code);
    json.extend_from_slice(before_message.as_bytes());
    write_string(json, message);
    json.extend_from_slice(end.as_bytes());
}

fn write_string(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a string is always JSON, and memory takes it");
}

/// Writes a comma before every element but the first.
#[derive(Default)]
struct Separator {
    needed: bool,
}

impl Separator {
    fn write(&mut self, json: &mut Vec<u8>) {
        if self.needed {
            json.push(b',');
        }
        self.needed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(shape: FailedToken) -> String {
        let tokens = ["a", "b\"", "c"].map(|token| Token(token.into()));
        let results = [Err(SettleError::LockLost), Err(SettleError::BadToken), Ok(())];
        String::from_utf8(document(&tokens, &results, shape)).unwrap()
    }

    #[test]
    fn failed_tokens_keep_the_order_of_the_request() {
        assert_eq!(
            answer(FailedToken::Nested),
            r#"{"succeededLockTokens":["c"],"failedLockTokens":[{"lockToken":"a","error":{"code":"TokenLost","message":"Token has expired."}},{"lockToken":"b\"","error":{"code":"BadToken","message":"Cannot decode lockToken"}}]}"#
        );
    }

    #[test]
    fn the_first_preview_has_flat_failed_tokens() {
        assert_eq!(
            answer(FailedToken::Flat),
            r#"{"succeededLockTokens":["c"],"failedLockTokens":[{"lockToken":"a","errorCode":"TokenLost","errorDescription":"Token has expired."},{"lockToken":"b\"","errorCode":"BadToken","errorDescription":"Cannot decode lockToken"}]}"#
        );
    }

    #[test]
    fn both_arrays_are_there_even_when_empty() {
        let empty = document(&[], &[], FailedToken::Nested);
        assert_eq!(empty, br#"{"succeededLockTokens":[],"failedLockTokens":[]}"#);
    }

    #[test]
    fn a_body_that_is_not_a_list_of_tokens_is_refused_with_an_example() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"lockTokens":null}"#,
            r#"{"lockTokens":[1]}"#,
            r#"{"lockTokens":"a"}"#,
        ] {
            let error = parse(body.as_bytes(), 10).err().unwrap();
            assert!(error.message().contains(r#"{"lockTokens":["..."]}"#), "{body}");
        }
        assert!(parse(br#"{"lockTokens":["a","b"],"more":1}"#, 2).is_ok());
        assert!(
            parse(br#"{"lockTokens":["a","b"]}"#, 1)
                .err()
                .unwrap()
                .message()
                .contains("at most 1")
        );
    }

    #[test]
    fn a_release_may_be_delayed_by_the_steps_that_azure_offers() {
        for delay in RELEASE_DELAYS {
            let query = format!("releaseDelayInSeconds={delay}");
            assert_eq!(release_delay(Some(&query)).unwrap(), Duration::from_secs(delay));
        }
        assert!(release_delay(Some("releaseDelayInSeconds=11")).is_err());
        assert!(release_delay(Some("releaseDelayInSeconds=-1")).is_err());
        assert_eq!(release_delay(None).unwrap(), Duration::ZERO);
    }
}
