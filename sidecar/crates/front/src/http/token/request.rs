//! What a program sends: RFC 6749, section 4.4, with the assertion of RFC 7523.

use super::scope;
use crate::http::error::Refusal;

const GRANT: &str = "client_credentials";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request that is in order; nothing is known of the assertion yet. The client's id is whatever the program has: who it
/// is, the assertion says.
pub(super) struct Request {
    /// Trimmed: several SDKs send the file as it is, with the line feed at its end.
    pub(super) assertion: String,
}

/// The parameters that are looked at. Telemetry and the like are not.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    assertion_type: Option<String>,
    assertion: Option<String>,
    secret: Option<String>,
    scope: Option<String>,
}

impl Request {
    /// `has_secret`: the client showed something in `Authorization`. `host` is what it calls this endpoint.
    ///
    /// # Errors
    /// OAuth's, with what to do about it.
    pub(super) fn read(body: &[u8], has_secret: bool, host: &str) -> Result<Self, Refusal> {
        let form = Form::read(body)?;
        match form.grant_type.as_deref() {
            Some(GRANT) => {}
            Some(other) => return Err(unsupported_grant(other)),
            None => return Err(missing("grant_type", GRANT)),
        }
        let assertion = form.assertion.as_deref().map(str::trim).unwrap_or_default();
        if assertion.is_empty() {
            return Err(no_assertion(has_secret || form.secret.is_some()));
        }
        match form.assertion_type.as_deref() {
            Some(ASSERTION) => {}
            Some(_) => {
                let message = format!("The client_assertion_type must be {ASSERTION}");
                return Err(Refusal::of_token("invalid_client", message));
            }
            None => return Err(missing("client_assertion_type", ASSERTION)),
        }
        match form.scope.as_deref() {
            Some(scope) if scope::is_served(scope, host) => {}
            Some(scope) => return Err(unknown_scope(scope)),
            None => return Err(missing("scope", "https://eventhubs.azure.net/.default")),
        }
        Ok(Self {
            assertion: assertion.to_owned(),
        })
    }
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match &*name {
                "grant_type" => &mut form.grant_type,
                "client_assertion_type" => &mut form.assertion_type,
                "client_assertion" => &mut form.assertion,
                "client_secret" => &mut form.secret,
                "scope" => &mut form.scope,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                let message = format!("The parameter {name} must stand in the request once");
                return Err(Refusal::of_token("invalid_request", message));
            }
        }
        Ok(form)
    }
}

fn missing(parameter: &str, value: &str) -> Refusal {
    let message = format!("The parameter {parameter} is missing: send {parameter}={value}");
    Refusal::of_token("invalid_request", message)
}

fn unsupported_grant(found: &str) -> Refusal {
    let message = format!(
        "The grant_type '{}' is not supported: use {GRANT} with a client_assertion, as WorkloadIdentityCredential and \
         DefaultAzureCredential do",
        shortened(found)
    );
    Refusal::of_token("unsupported_grant_type", message)
}

fn no_assertion(has_secret: bool) -> Refusal {
    let message = match has_secret {
        true => {
            "There are no client secrets here. Remove AZURE_CLIENT_SECRET, and set AZURE_FEDERATED_TOKEN_FILE to the file \
             of a ServiceAccount token with the audience of this Namespace"
        }
        false => {
            "The client_assertion is missing or empty. Set AZURE_FEDERATED_TOKEN_FILE to the file of a ServiceAccount \
             token with the audience of this Namespace, and see that the file is not empty"
        }
    };
    Refusal::of_token("invalid_client", message)
}

fn unknown_scope(found: &str) -> Refusal {
    let message = format!(
        "The scope '{}' is of no service that stands here. Ask for one of https://eventhubs.azure.net/.default, \
         https://servicebus.azure.net/.default, https://eventgrid.azure.net/.default, \
         https://storage.azure.com/.default and https://webpubsub.azure.com/.default, or for this host's own name",
        shortened(found)
    );
    Refusal::of_token("invalid_scope", message)
}

/// What a client sent, as far as it is worth repeating.
fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 200;
    text.chars().take(CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(changes: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut pairs = vec![
            ("grant_type", GRANT),
            ("client_id", "c"),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", "a.b.c\n"),
            ("scope", "https://eventhubs.azure.net//.default"),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.extend(value.map(|value| (*name, value)));
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        form.finish().into_bytes()
    }

    fn refused(body: &[u8]) -> (&'static str, String) {
        let refusal = Request::read(body, false, "shop").err().expect("a refusal");
        (refusal.code(), refusal.message().to_owned())
    }

    #[test]
    fn an_assertion_loses_the_line_feed_of_its_file() {
        let request = Request::read(&form(&[]), false, "shop").unwrap();
        assert_eq!(request.assertion, "a.b.c");
    }

    #[test]
    fn every_refusal_has_its_code_and_says_what_to_do() {
        for (change, code, hint) in [
            (
                ("grant_type", Some("password")),
                "unsupported_grant_type",
                "client_credentials",
            ),
            (
                ("grant_type", None),
                "invalid_request",
                "grant_type=client_credentials",
            ),
            (
                ("client_assertion", Some(" \n")),
                "invalid_client",
                "AZURE_FEDERATED_TOKEN_FILE",
            ),
            (
                ("client_assertion", None),
                "invalid_client",
                "AZURE_FEDERATED_TOKEN_FILE",
            ),
            (
                ("client_assertion_type", Some("saml2-bearer")),
                "invalid_client",
                "jwt-bearer",
            ),
            (("client_assertion_type", None), "invalid_request", "jwt-bearer"),
            (
                ("scope", Some("https://vault.azure.net/.default")),
                "invalid_scope",
                "eventhubs",
            ),
            (("scope", None), "invalid_request", "scope="),
        ] {
            let (found, message) = refused(&form(&[change]));
            assert_eq!(found, code, "{change:?}");
            assert!(message.contains(hint), "{change:?}: {message}");
        }
        let (code, message) = refused(&form(&[
            ("client_assertion", None),
            ("client_secret", Some("hunter2")),
        ]));
        assert_eq!(code, "invalid_client");
        assert!(
            message.contains("AZURE_CLIENT_SECRET") && !message.contains("hunter2"),
            "{message}"
        );
        let twice = [form(&[]), b"&scope=x".to_vec()].concat();
        assert_eq!(refused(&twice).0, "invalid_request");
    }
}
