//! What lies in the log, declared or not, and getting rid of it.

use auth::Resource;
use broker::{StreamInfo, StreamKind, StreamState};
use bytes::Bytes;
use http::Response;
use model::Uid;
use serde::Serialize;

use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::{Call, json};

#[derive(Serialize)]
struct List {
    value: Vec<Stream>,
}

#[derive(Serialize)]
struct Stream {
    uid: String,
    kind: &'static str,
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    events: u64,
    bytes: u64,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    call.permit_listen(&Resource::NAMESPACE).await?;
    let streams = call.door.broker().streams().await?;
    let list = List {
        value: streams.into_iter().map(stream).collect(),
    };
    Ok(json(
        serde_json::to_vec(&list).expect("numbers and strings are always JSON"),
    ))
}

pub(super) async fn purge(call: &Call<'_>, uid: Uid) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_manage(&Resource::NAMESPACE).await?;
    call.door
        .broker()
        .purge(&permit, uid)
        .await
        .map_err(|error| match error {
            broker::Error::NotFound => Refusal::not_found(format!("There is no data of {uid}")),
            other => Refusal::from(other),
        })?;
    Ok(json(Bytes::from_static(b"{}")))
}

fn stream(info: StreamInfo) -> Stream {
    let (state, since) = match info.state {
        StreamState::Open => ("Open", None),
        StreamState::Closed { since } => ("Closed", Some(since.to_string())),
    };
    Stream {
        uid: info.uid.to_string(),
        kind: match info.kind {
            StreamKind::Topic => "Topic",
            StreamKind::Hub => "Hub",
        },
        name: info.name,
        state,
        since,
        events: info.events,
        bytes: info.bytes.get(),
    }
}
