//! SharedKey and shared access signatures, computed as the documentation of Azure Storage says.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::issuer::now;

/// `method target`, with `x-ms-date: now`, signed by the account's owner: all headers of the request.
pub(crate) fn signed(key: &str, account: &str, method: &str, target: &str, headers: &[&str]) -> Vec<String> {
    let now = Duration::from_secs(now().cast_unsigned());
    let date = httpdate::fmt_http_date(UNIX_EPOCH + now);
    signed_at(&date, key, account, method, target, headers)
}

pub(crate) fn signed_at(
    date: &str,
    key: &str,
    account: &str,
    method: &str,
    target: &str,
    headers: &[&str],
) -> Vec<String> {
    let mut lines: Vec<String> = headers.iter().map(|&line| line.to_owned()).collect();
    lines.push(format!("x-ms-date: {date}"));
    let value = |name: &str| {
        let found = lines.iter().filter_map(|line| line.split_once(": "));
        found
            .filter(|(header, _)| *header == name)
            .map(|(_, value)| value)
            .next()
            .unwrap_or_default()
    };
    let standard = [
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
    let mut text = format!("{method}\n");
    for name in standard {
        text.push_str(value(name));
        text.push('\n');
    }
    let mut own: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    own.sort_unstable();
    for (name, value) in own {
        text.push_str(&format!("{name}:{value}\n"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    text.push_str(&format!("/{account}{path}"));
    let mut parameters: Vec<(&str, &str)> =
        query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    parameters.sort_unstable();
    for (name, value) in parameters {
        text.push_str(&format!("\n{name}:{}", value.replace("%2F", "/")));
    }
    let signature = sign(key, &text);
    lines.push(format!("authorization: SharedKey {account}:{signature}"));
    lines
}

/// An account SAS for containers and blobs.
pub(crate) fn account_sas(key: &str, account: &str, permissions: &str, expiry: &str) -> String {
    account_sas_over("", key, account, permissions, expiry)
}

/// One for `protocol` only, unless that is empty.
pub(crate) fn account_sas_over(
    protocol: &str,
    key: &str,
    account: &str,
    permissions: &str,
    expiry: &str,
) -> String {
    let text = format!("{account}\n{permissions}\nb\nsco\n\n{expiry}\n\n{protocol}\n2019-07-07\n");
    let signature = encoded(&sign(key, &text));
    let expiry = encoded(expiry);
    format!("sv=2019-07-07&ss=b&srt=sco&sp={permissions}&spr={protocol}&se={expiry}&sig={signature}")
}

fn sign(key: &str, text: &str) -> String {
    let key = STANDARD.decode(key).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn encoded(text: &str) -> String {
    text.replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace(':', "%3A")
}
