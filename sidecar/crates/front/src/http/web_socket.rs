//! The handshake of a WebSocket (RFC 6455, section 4.2) for AMQP: `GET /$servicebus/websocket`.

use bytes::Bytes;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Call;
use super::body::Body;
use super::error::Refusal;

const PATH: &str = "/$servicebus/websocket";

/// Azure's name for AMQP in a WebSocket, and that of OASIS.
const SUBPROTOCOLS: [&str; 2] = ["AMQPWSB10", "amqp"];

/// .NET adds a slash; some clients escape the dollar sign.
pub(super) fn is_route(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    path == PATH || path.strip_prefix("/%24").is_some_and(|rest| rest == &PATH[2..])
}

/// 101, after which the connection is AMQP's.
pub(super) fn answer(call: &mut Call<'_>) -> Result<Response<Body>, Refusal> {
    call.require_method(&Method::GET, "GET")?;
    let headers = &call.parts.headers;
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refusal::bad_request(
            "this path is for WebSockets: send `Connection: Upgrade` and `Upgrade: websocket`",
        ));
    }
    if !has_token(headers, &SEC_WEBSOCKET_VERSION, "13") {
        return Err(Refusal::bad_request("`Sec-WebSocket-Version` must be 13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let Some(key) = key else {
        return Err(Refusal::bad_request(
            "`Sec-WebSocket-Key` must be 16 bytes in base64",
        ));
    };
    let chosen = SUBPROTOCOLS
        .into_iter()
        .find(|name| has_token(headers, &SEC_WEBSOCKET_PROTOCOL, name));
    let Some(subprotocol) = chosen else {
        return Err(Refusal::bad_request(
            "AMQP is spoken here: send `Sec-WebSocket-Protocol: AMQPWSB10`",
        ));
    };
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| Refusal::internal())?;
    if let Some(phase) = call.phase() {
        phase.upgrade();
    }
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    Ok(response)
}

/// Whether the list of a header, which may be spread over several lines, has this element, ignoring case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|element| element.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_known_in_the_spellings_of_the_sdks() {
        for path in [
            "/$servicebus/websocket",
            "/$servicebus/websocket/",
            "/%24servicebus/websocket",
        ] {
            assert!(is_route(path), "{path}");
        }
        for path in [
            "/$servicebus",
            "/servicebus/websocket",
            "/$servicebus/websocket/x",
        ] {
            assert!(!is_route(path), "{path}");
        }
    }
}
