//! What a service answered: success, or the reason why not.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Body;
use ureq::http::{HeaderMap, Response};

use super::{ANSWER_BYTES_MAX, interrupted};
use crate::failure::{Exit, Failure};

/// Turns an error answer into a failure with the service's own code and message.
pub(super) fn refusal(response: Response<Body>) -> Failure {
    match Answer::read(response) {
        Ok(answer) => answer.refusal(),
        Err(failure) => failure,
    }
}

/// What a service answered, whatever it is.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(super) fn read(mut response: Response<Body>) -> Result<Self, Failure> {
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string();
        Ok(Self {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: body.map_err(|cause| interrupted(&cause))?,
        })
    }

    /// # Errors
    /// It is no success.
    pub(crate) fn or_refusal(self) -> Result<Self, Failure> {
        match self.is_success() {
            true => Ok(self),
            false => Err(self.refusal()),
        }
    }

    /// What a success says.
    ///
    /// # Errors
    /// It is no success, or says something else.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let answer = self.or_refusal()?;
        serde_json::from_str(&answer.body).map_err(|cause| {
            Failure::new(
                Exit::Unavailable,
                format!("the answer is not what Weft says: {cause}"),
            )
            .with_next("check that the endpoint is a Weft Namespace")
        })
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What time it is there, by its own clock.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        http_date(self.header("date")?)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The service's own code and sentence, if it gave any.
    fn reason(&self) -> (Option<String>, Option<String>) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        // Everybody's errors, and those of token endpoints (RFC 6749, 5.2).
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let code = text(&body["error"]["code"]).or_else(|| text(&body["error"]));
        let header = ["broker-errorcode", "x-ms-error-code"]
            .into_iter()
            .find_map(|name| self.header(name));
        let message = text(&body["error"]["message"])
            .or_else(|| text(&body["error_description"]))
            .or_else(|| detail(&self.body));
        (code.or_else(|| header.map(str::to_owned)), message)
    }

    /// The sentence that says why not.
    pub(crate) fn message(&self) -> String {
        let (_, message) = self.reason();
        let message = message.unwrap_or_else(|| self.body.trim().to_owned());
        match message.is_empty() {
            true => "the service gave no reason".to_owned(),
            false => message,
        }
    }

    pub(crate) fn refusal(&self) -> Failure {
        let (code, _) = self.reason();
        let exit = if self.status == 429 || self.status >= 500 {
            Exit::Unavailable
        } else {
            Exit::Refused
        };
        Failure::new(exit, self.message())
            .with_code(code.unwrap_or_else(|| format!("HTTP {}", self.status)))
            .with_next(next_step(self.status))
    }
}

/// A moment as HTTP writes it, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(moment.timestamp())
}

/// The sentence of an error of Event Hubs or of blobs, which is XML.
fn detail(xml: &str) -> Option<String> {
    let sentence = match element(xml, "Detail") {
        Some(detail) => detail
            .split_once(". TrackingId:")
            .map_or(detail, |(sentence, _)| sentence),
        // The lines below are the request's id and the time.
        None => element(xml, "Message")?.lines().next()?,
    };
    Some(
        sentence
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn next_step(status: u16) -> &'static str {
    match status {
        400 => "correct what the message names",
        401 => {
            "the key is not (or no longer) one of the Namespace's two, or the token ended; `weft env NAMESPACE` prints \
             what is valid, and `weft doctor` says what is wrong"
        }
        403 => {
            "use a key whose rule has the right: Send to publish, Listen to look and receive, Manage to change; or bind \
             a role with the verb to whom the token is of"
        }
        404 => "check the name and the --namespace; `weft data list` shows what there is",
        409 | 412 => "look at its present state, then decide again",
        413 => "send less at once: at most 1,000 events and 1 MiB per request",
        429 | 503 => "wait a moment and try again",
        507 => "make room: receive and acknowledge, purge closed streams, or raise spec.storage's size",
        500.. => "look at the log of the Namespace; trying again may help",
        _ => "check the endpoint: this is not an answer that Weft gives",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_event_hubs_is_its_sentence() {
        let xml = "<Error><Code>400</Code><Detail>`a &lt; b &amp;&amp; c` is wrong. Mend it. TrackingId:1_G0, \
                   Timestamp:2026-01-31T12:00:00Z</Detail></Error>";
        assert_eq!(detail(xml).unwrap(), "`a < b && c` is wrong. Mend it");
        assert_eq!(detail("<html>"), None);
    }

    #[test]
    fn an_error_of_blobs_is_its_first_line() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code><Message>There is no blob &quot;a&quot;.\n\
                   RequestId:1\nTime:2026-01-31T12:00:00Z</Message></Error>";
        assert_eq!(detail(xml).unwrap(), "There is no blob \"a\".");
    }

    #[test]
    fn a_date_of_http_is_a_moment() {
        let moment = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(moment.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(http_date("yesterday"), None);
    }
}
