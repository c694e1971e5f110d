//! The token that programs would exchange: what it says about itself.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::report::Report;
use super::target::Target;
use crate::failure::Failure;
use crate::jwt::Claims;

/// For whom a ServiceAccount's token has to be meant. For whom those of an issuer outside of the cluster are, its
/// `audiences` in the Namespace's spec say.
const AUDIENCE: &str = config::objects::TOKEN_AUDIENCE;

pub(super) fn check(target: &Target, now: Timestamp, report: &mut Report) -> Result<(), Failure> {
    let Some(file) = target.setting("AZURE_FEDERATED_TOKEN_FILE") else {
        return report.skipped("token", "no AZURE_FEDERATED_TOKEN_FILE: programs here show keys");
    };
    let renew = match target.is_local {
        true => "`weft dev` renews it while it runs: start it",
        false => {
            "project a ServiceAccount token with the audience `weft` into the pod; the kubelet renews it, and a copy of \
             it is not renewed"
        }
    };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(cause) => return report.problem("token", format!("{file} cannot be read: {cause}"), renew),
    };
    if !Path::new(file).is_absolute() {
        report.note(
            "token",
            format!("{file} is found from this folder only"),
            "set AZURE_FEDERATED_TOKEN_FILE to an absolute path",
        )?;
    }
    let Some(claims) = Claims::read(text.trim()) else {
        return report.problem("token", format!("{file} does not hold a JWT"), renew);
    };
    match (fault(&claims, now), other_audience(&claims)) {
        (Some(fault), _) => report.problem("token", fault, renew),
        // Only the Namespace knows its issuers: it is asked below.
        (None, Some(other)) => report.note(
            "token",
            format!("{}; {other}", described(&claims)),
            format!("right only for an issuer of spec.identity.issuers with that audience; else {renew}"),
        ),
        (None, None) => report.ok("token", described(&claims)),
    }
}

/// What no Namespace would accept.
fn fault(claims: &Claims, now: Timestamp) -> Option<String> {
    let Some(end) = claims.expires() else {
        return Some("it does not say when it ends".to_owned());
    };
    if end <= now {
        return Some(format!("it ended at {end}"));
    }
    if let Some(begin) = claims.not_before().filter(|begin| *begin > now) {
        return Some(format!(
            "it is valid from {begin} on only: is the clock of this machine right?"
        ));
    }
    claims
        .audiences()
        .is_empty()
        .then(|| "it is meant for nobody".to_owned())
}

/// For whom it is meant, if not for us.
fn other_audience(claims: &Claims) -> Option<String> {
    let audiences = claims.audiences();
    let is_ours = audiences.iter().any(|audience| audience == AUDIENCE);
    (!is_ours).then(|| {
        let audiences = audiences.join("`, `");
        format!("it is meant for `{audiences}`, and not for `{AUDIENCE}`")
    })
}

fn described(claims: &Claims) -> String {
    let end = claims.expires().map(|end| end.to_string()).unwrap_or_default();
    format!("of {}, by {}, until {end}", claims.subject, claims.issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    fn fault_of(json: &str) -> Option<String> {
        fault(&claims(json), Timestamp::from_second(1_000).unwrap())
    }

    #[test]
    fn a_token_is_for_weft_and_holds_now() {
        assert_eq!(fault_of(r#"{"aud":["weft"],"exp":2000}"#), None);
        let fault = |json: &str| fault_of(json).unwrap();
        assert!(fault(r#"{"aud":"weft"}"#).contains("does not say when it ends"));
        assert!(fault(r#"{"aud":"weft","exp":1000}"#).contains("ended at 1970-01-01T00:16:40Z"));
        assert!(fault(r#"{"aud":"weft","exp":2000,"nbf":1500}"#).contains("is the clock"));
        assert!(fault(r#"{"exp":2000}"#).contains("meant for nobody"));
    }

    #[test]
    fn a_token_for_another_audience_may_be_right_and_is_told_for_whom_it_is() {
        let json = r#"{"iss":"https://login.example.com","aud":["shop","bank"],"exp":2000}"#;
        assert_eq!(fault_of(json), None);
        assert_eq!(
            other_audience(&claims(json)).unwrap(),
            "it is meant for `shop`, `bank`, and not for `weft`"
        );
        assert_eq!(other_audience(&claims(r#"{"aud":["shop","weft"]}"#)), None);
    }
}
