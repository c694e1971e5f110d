//! The token that programs would exchange: what it says about itself.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::report::Report;
use super::target::Target;
use crate::failure::Failure;
use crate::jwt::Claims;

/// For whom it has to be meant, unless an issuer outside of the cluster says otherwise.
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
    match fault(&claims, now) {
        Some(fault) => report.problem("token", fault, renew),
        None => report.ok("token", described(&claims)),
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
    if claims.audiences().iter().any(|audience| audience == AUDIENCE) {
        return None;
    }
    Some(format!(
        "it is meant for {}, and not for `{AUDIENCE}`",
        match claims.audiences() {
            [] => "nobody".to_owned(),
            audiences => format!("`{}`", audiences.join("`, `")),
        }
    ))
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
        assert!(
            fault(r#"{"aud":["https://kubernetes.default.svc"],"exp":2000}"#).contains("and not for `weft`")
        );
        assert!(fault(r#"{"exp":2000}"#).contains("meant for nobody"));
    }
}
