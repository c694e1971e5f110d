//! Watching a topic as events are published.

use auth::Resource;
use broker::Tailed;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::Response;

use super::lines::{self, Place};
use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;

/// The broker keeps a bounded number of events for a tail that is slow; one that falls further behind is told how
/// many it missed.
pub(super) async fn answer(call: &mut Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_listen(&Resource::topic(topic)).await?;
    let target = call
        .door
        .broker()
        .topic(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))?;
    let place = Place::take(call)?;
    let tail = target.tail(&permit);
    let lines = stream::unfold(tail, async |mut tail| Some((line(tail.next().await?), tail)));
    let end = call.listening_ends(topic, |topic| Resource::topic(topic));
    Ok(lines::answer(call, place, lines, end))
}

fn line(tailed: Tailed) -> Bytes {
    match tailed {
        Tailed::Event(event) => {
            let mut line = BytesMut::with_capacity(event.len() + 16);
            line.put_slice(br#"{"event":"#);
            // Raw line breaks in JSON are white space between tokens: a string cannot hold them unescaped.
            line.extend(event.iter().map(|byte| {
                if matches!(byte, b'\n' | b'\r') {
                    b' '
                } else {
                    *byte
                }
            }));
            line.put_slice(b"}\n");
            line.freeze()
        }
        Tailed::Missed(count) => Bytes::from(format!("{{\"missed\":{count}}}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_one_json_object_per_line() {
        let event = line(Tailed::Event(Bytes::from_static(br#"{"id":"1"}"#)));
        assert_eq!(&event[..], b"{\"event\":{\"id\":\"1\"}}\n");
        let pretty = line(Tailed::Event(Bytes::from_static(b"{\r\n\"id\": \"1\"\n}")));
        assert_eq!(&pretty[..], b"{\"event\":{  \"id\": \"1\" }}\n");
        assert_eq!(&line(Tailed::Missed(3))[..], b"{\"missed\":3}\n");
    }
}
