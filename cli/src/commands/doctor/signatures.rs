//! Keys and signatures that programs would show: whether there are any, and whether the signatures still hold.

use jiff::Timestamp;

use super::report::Report;
use super::target::Target;
use crate::failure::Failure;

/// Settings that may hold a signature in place of a key.
const PLACES: [&str; 3] = [
    "EVENT_HUB_CONNECTION_STR",
    "BLOB_STORAGE_CONNECTION_STRING",
    "BLOB_STORAGE_ACCOUNT_URL",
];

pub(super) fn check(target: &Target, now: Timestamp, report: &mut Report) -> Result<(), Failure> {
    for place in PLACES {
        let Some(end) = target.setting(place).and_then(end) else {
            continue;
        };
        match end {
            Some(end) if end <= now => report.problem(
                "SAS",
                format!("the signature in {place} ended at {end}"),
                "make a new one, or use the connection string with the key, or a token",
            )?,
            Some(end) => report.ok("SAS", format!("the signature in {place} holds until {end}"))?,
            None => report.problem(
                "SAS",
                format!("the signature in {place} says no end that can be read"),
                "make a new one: `se` is seconds since 1970, and for blobs a time such as 2026-01-31T12:00:00Z",
            )?,
        }
    }
    Ok(())
}

/// The outer one is none if there is no signature, the inner one if it says no end.
fn end(setting: &str) -> Option<Option<Timestamp>> {
    let pairs = || setting.split(['&', '?', ';', ' ']);
    pairs().find(|pair| pair.starts_with("sig="))?;
    let end = pairs().find_map(|pair| pair.strip_prefix("se="));
    Some(end.and_then(moment))
}

/// Event Hubs counts seconds, blobs write a time.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    text.replace("%3A", ":").replace("%3a", ":").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_signature_is_found_wherever_it_is() {
        let seconds = |text: &str| end(text).map(|end| end.map(Timestamp::as_second));
        let hubs =
            "Endpoint=sb://h/;SharedAccessSignature=SharedAccessSignature sr=h&sig=a%3D&se=1800000000&skn=r";
        assert_eq!(seconds(hubs), Some(Some(1_800_000_000)));
        let blobs = "https://h/shop?sv=2021&se=2027-01-15T08%3A00%3A00Z&sp=r&sig=a";
        assert_eq!(seconds(blobs), Some(Some(1_800_000_000)));
        assert_eq!(
            seconds("BlobEndpoint=https://h;SharedAccessSignature=sv=1&sig=a"),
            Some(None)
        );
        assert_eq!(
            seconds("Endpoint=sb://h/;SharedAccessKeyName=r;SharedAccessKey=k="),
            None
        );
    }
}
