//! The questions of the CLI, under `/$weft/v1/`: JSON, with the same credentials as the data plane. `Listen` to look,
//! `Manage` to change.
//!
//! | request | answer |
//! |---|---|
//! | `GET topics/{topic}/tail` | NDJSON without an end: `{"event":{…}}`, `{"missed":3}` after falling behind, an empty line when nothing happened for a while |
//! | `GET topics/{topic}/dead-letters?limit&after` | `{"value":[{"sequence":1,"event":{…}}]}`, oldest first; `after` is a sequence, `limit` 1 to 100 |
//! | `GET topics/{topic}/dead-letters/{sequence}` | `{"sequence":1,"event":{…}}` |
//! | `POST topics/{topic}/dead-letters:redrive` with `{"sequences":[1]}` or `{"all":true}` | `{"redriven":[1],"failed":[{"sequence":2,"error":{"code":"…","message":"…"}}]}` |
//! | `GET hubs` | `{"value":[{"name":"…","createdAt":"…","partitionCount":4,"events":7}]}` |
//! | `GET hubs/{hub}` | the same of one hub, with its `partitions` and `consumerGroups` |
//! | `GET hubs/{hub}/partitions/{id}/events?from…&limit` | `{"value":[{"partition":"0","sequenceNumber":7,…,"body":"…"}]}`; `limit` 1 to 100; from the oldest event, or `fromSequenceNumber`, `fromOffset`, `fromTime`, or the `last` so many. There are no more only when none comes |
//! | `GET hubs/{hub}/tail?partition` | such events as NDJSON without an end, of one partition or of all that there are; `{"partition":"0","missed":3}` when events went before they were read |
//! | `GET streams` | `{"value":[{"uid":"…","kind":"Topic","name":"…","state":"Open","events":1,"bytes":1}]}`; `"since"` when the state is `Closed` |
//! | `POST streams/{uid}:purge` | `{}` |

mod dead_letters;
mod hubs;
mod lines;
mod routes;
mod streams;
mod tail;

pub(super) use routes::Route;

use http::{Method, Response};

use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;

pub(super) async fn answer(call: &mut Call<'_>, route: &Route<'_>) -> Result<Response<Body>, Refusal> {
    match route {
        Route::Tail { topic } => {
            call.require_method(&Method::GET, "GET")?;
            tail::answer(call, topic).await
        }
        Route::DeadLetters { topic } => {
            call.require_method(&Method::GET, "GET")?;
            dead_letters::list(call, topic).await
        }
        Route::DeadLetter { topic, sequence } => {
            call.require_method(&Method::GET, "GET")?;
            dead_letters::show(call, topic, *sequence).await
        }
        Route::Redrive { topic } => {
            call.require_method(&Method::POST, "POST")?;
            dead_letters::redrive(call, topic).await
        }
        Route::Hubs => {
            call.require_method(&Method::GET, "GET")?;
            hubs::list(call).await
        }
        Route::Hub { hub } => {
            call.require_method(&Method::GET, "GET")?;
            hubs::show(call, hub).await
        }
        Route::HubEvents { hub, partition } => {
            call.require_method(&Method::GET, "GET")?;
            hubs::events(call, hub, partition).await
        }
        Route::HubTail { hub } => {
            call.require_method(&Method::GET, "GET")?;
            hubs::tail(call, hub).await
        }
        Route::Streams => {
            call.require_method(&Method::GET, "GET")?;
            streams::list(call).await
        }
        Route::Purge { uid } => {
            call.require_method(&Method::POST, "POST")?;
            streams::purge(call, *uid).await
        }
    }
}
