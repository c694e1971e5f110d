//! Looking at dead letters, and giving them back to where they came from.

use auth::Resource;
use broker::{DeadLetter, DeadLetters, Redrive, RedriveError};
use http::Response;
use model::SequenceNumber;
use serde::{Deserialize, Serialize};

use crate::http::body::{Body, Reserved};
use crate::http::error::Refusal;
use crate::http::path::parameter;
use crate::http::{Call, json};

/// How many are listed if the request does not say, and at most.
const LIST_MAX: usize = 100;

pub(super) async fn list(call: &Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_listen(&Resource::topic(topic)).await?;
    let dead_letters = find(call, topic)?;
    let limit = limit(call)?;
    let after = after(call)?;
    if call.door.answers().is_exhausted() {
        return Err(Refusal::too_many_answers());
    }
    let found = dead_letters
        .list(&permit, limit, after)
        .await
        .map_err(|error| refuse(error, topic))?;
    let size: usize = found.iter().map(|letter| letter.event.len() + 48).sum();
    let mut document = Vec::with_capacity(size + 16);
    document.extend_from_slice(br#"{"value":["#);
    for (index, letter) in found.iter().enumerate() {
        if index > 0 {
            document.push(b',');
        }
        write(&mut document, letter);
    }
    document.extend_from_slice(b"]}");
    let reservation = call.door.answers().take(document.len());
    Ok(json(Reserved::freeze(document, reservation)))
}

pub(super) async fn show(
    call: &Call<'_>,
    topic: &str,
    sequence: SequenceNumber,
) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_listen(&Resource::topic(topic)).await?;
    let dead_letters = find(call, topic)?;
    let letter = dead_letters
        .show(&permit, sequence)
        .await
        .map_err(|error| match error {
            broker::Error::NotFound => {
                Refusal::not_found(format!("Topic '{topic}' has no dead letter {}", sequence.get()))
            }
            other => Refusal::from(other),
        })?;
    let mut document = Vec::with_capacity(letter.event.len() + 48);
    write(&mut document, &letter);
    Ok(json(document))
}

/// What to redrive: exactly one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    sequences: Option<Vec<u64>>,
    #[serde(default)]
    all: bool,
}

#[derive(Serialize)]
struct Redriven {
    redriven: Vec<u64>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    sequence: u64,
    error: Cause,
}

#[derive(Serialize)]
struct Cause {
    code: &'static str,
    message: String,
}

pub(super) async fn redrive(call: &mut Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_manage(&Resource::topic(topic)).await?;
    let dead_letters = find(call, topic)?;
    let (body, _reservation) = call.body.read(call.door.limits().settle_body, call.door).await?;
    let what = parse(&body)?;
    let results = dead_letters
        .redrive(&permit, what)
        .await
        .map_err(|error| refuse(error, topic))?;
    let mut answer = Redriven {
        redriven: Vec::new(),
        failed: Vec::new(),
    };
    for (sequence, result) in results {
        match result {
            Ok(()) => answer.redriven.push(sequence.get()),
            Err(error) => answer.failed.push(Failed {
                sequence: sequence.get(),
                error: cause(&error),
            }),
        }
    }
    Ok(json(
        serde_json::to_vec(&answer).expect("numbers and strings are always JSON"),
    ))
}

fn parse(body: &[u8]) -> Result<Redrive, Refusal> {
    const EXPECTED: &str = r#"The body must be {"sequences":[1,2]} or {"all":true}"#;
    let request: Request =
        serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("{EXPECTED}: {error}")))?;
    match (request.sequences, request.all) {
        (Some(sequences), false) => Ok(Redrive::Sequences(
            sequences.into_iter().map(SequenceNumber::new).collect(),
        )),
        (None, true) => Ok(Redrive::All),
        (Some(_), true) | (None, false) => Err(Refusal::bad_request(EXPECTED)),
    }
}

fn cause(error: &RedriveError) -> Cause {
    let code = match error {
        RedriveError::NotFound => "NotFound",
        RedriveError::SourceGone => "SourceGone",
        RedriveError::Full => "QuotaExceeded",
    };
    Cause {
        code,
        message: error.to_string(),
    }
}

fn find(call: &Call<'_>, topic: &str) -> Result<DeadLetters, Refusal> {
    call.door
        .broker()
        .dead_letters(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))
}

fn refuse(error: broker::Error, topic: &str) -> Refusal {
    match error {
        broker::Error::NotFound => Refusal::topic_not_found(topic),
        other => Refusal::from(other),
    }
}

fn limit(call: &Call<'_>) -> Result<usize, Refusal> {
    let Some(text) = parameter(call.query(), "limit") else {
        return Ok(LIST_MAX);
    };
    match text.parse() {
        Ok(limit @ 1..=LIST_MAX) => Ok(limit),
        _ => Err(Refusal::argument_invalid(
            "Invalid limit parameter: it must be from 1 to 100",
        )),
    }
}

fn after(call: &Call<'_>) -> Result<Option<SequenceNumber>, Refusal> {
    let Some(text) = parameter(call.query(), "after") else {
        return Ok(None);
    };
    match text.parse() {
        Ok(sequence) => Ok(Some(SequenceNumber::new(sequence))),
        Err(_) => Err(Refusal::argument_invalid(
            "Invalid after parameter: it must be a sequence from a list",
        )),
    }
}

fn write(document: &mut Vec<u8>, letter: &DeadLetter) {
    document.extend_from_slice(br#"{"sequence":"#);
    document.extend_from_slice(itoa::Buffer::new().format(letter.sequence.get()).as_bytes());
    document.extend_from_slice(br#","event":"#);
    document.extend_from_slice(&letter.event);
    document.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_says_which_ones_or_all() {
        let sequences = parse(br#"{"sequences":[1,5]}"#).unwrap();
        assert!(matches!(sequences, Redrive::Sequences(list) if list[1].get() == 5));
        assert!(matches!(parse(br#"{"all":true}"#).unwrap(), Redrive::All));
        for body in [
            "",
            "{}",
            r#"{"all":false}"#,
            r#"{"all":true,"sequences":[]}"#,
            r#"{"sequence":[1]}"#,
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
