//! The text that a SharedKey signs ("Authorize with Shared Key", versions from 2015-02-21 on).

use std::cmp::Reverse;

use super::Request;
use crate::url::{Plus, decode};

/// These headers are signed by their place; one that is missing leaves an empty line.
const STANDARD: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// What may have been signed for `request`: clients sort headers either as the service does or, as its documentation
/// says, by their bytes. `None` if the query is not URL-encoded.
pub(super) fn texts(request: &Request<'_>, account: &str) -> Option<Vec<String>> {
    let mut own: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    let start = standard(request);
    let end = resource(request, account)?;
    own.sort_by_key(|(name, _)| service_order(name));
    let by_service = [&*start, &canonical(&own), &end].concat();
    own.sort_by_key(|(name, _)| *name);
    let by_bytes = [&*start, &canonical(&own), &end].concat();
    let mut texts = vec![by_service, by_bytes];
    texts.dedup();
    Some(texts)
}

fn standard(request: &Request<'_>) -> String {
    let mut text = request.method.to_owned();
    let dated = request.header("x-ms-date").is_some();
    for name in STANDARD {
        let value = request.header(name).unwrap_or_default();
        let is_left_out = match name {
            "content-length" => value == "0",
            "date" => dated,
            _ => false,
        };
        text.push('\n');
        text.push_str(if is_left_out { "" } else { value });
    }
    text.push('\n');
    text
}

fn canonical(headers: &[&(&str, &str)]) -> String {
    let line = |(name, value): &&(&str, &str)| format!("{name}:{}\n", value.trim());
    headers.iter().map(line).collect()
}

/// `/ACCOUNT/PATH`, the path as it was received, and a line for every query parameter, decoded and sorted.
fn resource(request: &Request<'_>, account: &str) -> Option<String> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    let query = request.query.unwrap_or_default();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name, Plus::Itself)?.to_lowercase();
        parameters.push((name, decode(value, Plus::Itself)?));
    }
    // One that is there several times is one line, its values sorted and with commas between.
    parameters.sort();
    let mut text = format!("/{account}{}", request.path);
    let mut former = None;
    for (name, value) in &parameters {
        let separator = if former == Some(name) {
            [",", "", ""]
        } else {
            ["\n", name, ":"]
        };
        text.extend(separator);
        text.push_str(value);
        former = Some(name);
    }
    Some(text)
}

/// How the service sorts header names: by all but hyphens and apostrophes, signs before digits before letters; of names that are
/// then equal, the one whose hyphen comes later is first.
fn service_order(name: &str) -> (Vec<usize>, Vec<Reverse<usize>>) {
    const ORDER: &str = "!#$%&*.^_`|~+0123456789abcdefghijklmnopqrstuvwxyz";
    let weights = name
        .chars()
        .filter_map(|character| ORDER.find(character))
        .collect();
    let hyphens = name.match_indices('-').map(|(place, _)| Reverse(place));
    let end = Reverse(usize::MAX);
    (weights, hyphens.chain([end]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_sorts_names_as_if_they_had_no_hyphens() {
        let mut names = [
            "x-ms-meta-b",
            "x-ms-meta-ab",
            "x-ms-meta-a-c",
            "x-ms-meta-a_c",
            "x-ms-meta-a1",
            "x-ms-version",
            "x-ms-meta-ac",
            "x-ms-date",
        ];
        names.sort_by_key(|name| service_order(name));
        assert_eq!(
            names,
            [
                "x-ms-date",
                "x-ms-meta-a_c",
                "x-ms-meta-a1",
                "x-ms-meta-ab",
                "x-ms-meta-ac",
                "x-ms-meta-a-c",
                "x-ms-meta-b",
                "x-ms-version"
            ]
        );
    }
}
