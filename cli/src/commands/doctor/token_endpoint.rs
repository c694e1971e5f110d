//! Where programs exchange their token: what `DefaultAzureCredential` does, step by step.

use std::path::Path;

use serde_json::Value;
use ureq::http::{Method, Uri};

use super::clock;
use super::report::Report;
use super::target::Target;
use crate::client::Client;
use crate::connection::Credential;
use crate::failure::Failure;
use crate::percent::encode;

const CHECK: &str = "token endpoint";
/// The tenant with which every SDK asks this endpoint and nobody else.
const TENANT: &str = "adfs";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn check(target: &Target, roots: Option<&Path>, report: &mut Report) -> Result<(), Failure> {
    let Some(authority) = target.setting("AZURE_AUTHORITY_HOST") else {
        return report.skipped(
            CHECK,
            "no AZURE_AUTHORITY_HOST: programs here do not exchange tokens",
        );
    };
    if let Some(fault) = fault(target, authority) {
        return report.problem(
            CHECK,
            fault,
            "take the settings as `weft env` or the connection Secret gives them: AZURE_TENANT_ID=adfs, \
             AZURE_AUTHORITY_HOST=https://HOST/, any AZURE_CLIENT_ID",
        );
    }
    let client = clock::client(authority.trim_end_matches('/'), roots)?;
    let path = format!("/{TENANT}/.well-known/openid-configuration");
    let document = match client.ask(&Method::GET, &path, &[], None) {
        Ok(answer) if answer.is_success() => serde_json::from_str::<Value>(&answer.body).unwrap_or_default(),
        Ok(answer) => {
            return report.problem(
                CHECK,
                format!("{path}: {}", answer.message()),
                "check AZURE_AUTHORITY_HOST",
            );
        }
        Err(failure) => return report.problem(CHECK, format!("{failure}"), target.absent()),
    };
    let issuer = document["issuer"].as_str().and_then(host);
    if issuer != host(authority) {
        return report.problem(
            CHECK,
            format!(
                "the issuer that it names is at {}, and not at {authority}: JavaScript and Go refuse that",
                issuer.unwrap_or_default()
            ),
            "check that nothing on the way changes the Host header",
        );
    }
    exchange(target, &client, report)
}

/// What SDKs refuse before they ask anybody.
fn fault(target: &Target, authority: &str) -> Option<String> {
    let url: Option<Uri> = authority.parse().ok();
    let is_root = url.as_ref().is_some_and(|url| url.path() == "/");
    if !authority.starts_with("https://") || !is_root {
        return Some(format!(
            "AZURE_AUTHORITY_HOST is {authority}: it must be https, without a path"
        ));
    }
    match (
        target.setting("AZURE_TENANT_ID"),
        target.setting("AZURE_CLIENT_ID"),
    ) {
        (Some(TENANT), Some(_)) => None,
        (Some(TENANT), None) => {
            Some("AZURE_CLIENT_ID is not set: SDKs leave the credential out then".to_owned())
        }
        (tenant, _) => Some(format!(
            "AZURE_TENANT_ID is {}: with any tenant but `{TENANT}`, SDKs ask Microsoft first",
            tenant.unwrap_or("not set")
        )),
    }
}

fn exchange(target: &Target, client: &Client, report: &mut Report) -> Result<(), Failure> {
    let Some(file) = target.setting("AZURE_FEDERATED_TOKEN_FILE") else {
        return report.ok(CHECK, "it answers; there is no token to exchange");
    };
    let Ok(shown) = Credential::TokenFile(file.into()).authorization() else {
        return report.skipped(CHECK, "there is no token to exchange");
    };
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_assertion_type={}&client_assertion={}&scope={}",
        encode(target.setting("AZURE_CLIENT_ID").unwrap_or_default()),
        encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        encode(shown.trim_start_matches("Bearer ")),
        encode("https://eventhubs.azure.net/.default"),
    );
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let answer = match client.ask(
        &Method::POST,
        &path,
        &[("content-type", FORM)],
        Some(body.as_bytes()),
    ) {
        Ok(answer) => answer,
        Err(failure) => return report.problem(CHECK, format!("{failure}"), target.absent()),
    };
    if !answer.is_success() {
        let fix = match target.is_local {
            true => "restart `weft dev` on this data folder: it makes the token anew",
            false => {
                "the token has to be of this cluster, or of an issuer in the Namespace's spec.identity.issuers"
            }
        };
        return report.problem(CHECK, answer.message(), fix);
    }
    let token: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match (token["access_token"].is_string(), token["expires_in"].as_u64()) {
        (true, Some(seconds)) => report.ok(CHECK, format!("it gives a token for {seconds} s")),
        _ => report.problem(
            CHECK,
            "the answer has no access_token, or no expires_in that is a number",
            "check that AZURE_AUTHORITY_HOST is a Weft Namespace",
        ),
    }
}

fn host(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    url.host().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::target::tests::target;
    use super::*;

    #[test]
    fn what_sdks_refuse_by_themselves_is_said_before_anybody_is_asked() {
        let fault_of = |authority: &str, tenant: &str, client: &str| {
            let target = target(&[("AZURE_TENANT_ID", tenant), ("AZURE_CLIENT_ID", client)]);
            fault(&target, authority)
        };
        for authority in [
            "https://shop.apps.svc/",
            "https://127.0.0.1:8443",
            "https://[::1]:8443/",
        ] {
            assert_eq!(fault_of(authority, "adfs", "weft"), None, "{authority}");
        }
        for (authority, tenant, client, why) in [
            ("http://127.0.0.1:8080/", "adfs", "weft", "must be https"),
            ("https://shop.apps.svc/adfs", "adfs", "weft", "without a path"),
            ("https://shop.apps.svc/", "ADFS", "weft", "ask Microsoft first"),
            ("https://shop.apps.svc/", "", "weft", "AZURE_TENANT_ID is not set"),
            ("https://shop.apps.svc/", "adfs", "", "AZURE_CLIENT_ID is not set"),
        ] {
            let fault = fault_of(authority, tenant, client).unwrap_or_default();
            assert!(fault.contains(why), "{authority} {tenant} {client}: {fault}");
        }
    }
}
