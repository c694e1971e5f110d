//! Whether both sides agree on the time: signatures and tokens hold for a while only.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use ureq::http::Method;

use super::now;
use super::report::Report;
use crate::client::Client;
use crate::connection::{Connection, Credential};
use crate::failure::Failure;

/// What the doors allow tokens to be off.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn check(
    endpoint: Option<&str>,
    roots: Option<&Path>,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(endpoint) = endpoint else {
        return report.skipped("clock", "no door that tells the time answers");
    };
    let client = client(endpoint, roots)?;
    let answer = match client.ask(&Method::GET, "/", &[], None) {
        Ok(answer) => answer,
        Err(failure) => return report.skipped("clock", format!("{failure}")),
    };
    match answer.date() {
        Some(there) => say(now(), there, report),
        None => report.skipped("clock", format!("{endpoint} does not tell its time")),
    }
}

/// One that shows nothing.
pub(super) fn client(endpoint: &str, roots: Option<&Path>) -> Result<Client, Failure> {
    Client::new(Connection {
        endpoint: endpoint.to_owned(),
        credential: Credential::Key(String::new()),
        roots: roots.map(Path::to_owned),
    })
}

fn say(here: Timestamp, there: Timestamp, report: &mut Report) -> Result<(), Failure> {
    match skew(here, there) {
        None => report.ok("clock", "this machine and the Namespace agree"),
        Some(skew) => report.problem(
            "clock",
            skew,
            "have both set their clocks (NTP); signatures and tokens that are made here look expired or not yet valid there",
        ),
    }
}

/// None if it is no more than anybody minds.
fn skew(here: Timestamp, there: Timestamp) -> Option<String> {
    let skew = here.duration_since(there);
    if skew.abs() <= SKEW_MAX {
        return None;
    }
    let direction = if skew.is_positive() { "ahead of" } else { "behind" };
    Some(format!(
        "this machine is {} s {direction} the Namespace",
        skew.abs().as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_no_skew_and_more_has_a_direction() {
        let at = |seconds: i64| Timestamp::from_second(1_000 + seconds).unwrap();
        assert_eq!(skew(at(60), at(0)), None);
        assert_eq!(skew(at(0), at(60)), None);
        assert_eq!(
            skew(at(61), at(0)).unwrap(),
            "this machine is 61 s ahead of the Namespace"
        );
        assert_eq!(
            skew(at(0), at(90)).unwrap(),
            "this machine is 90 s behind the Namespace"
        );
    }
}
