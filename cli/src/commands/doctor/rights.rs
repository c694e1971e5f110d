//! Whether the key and the token are accepted, and what they allow. The questions change nothing: each is refused for
//! another reason if it is allowed.

use std::path::{Path, PathBuf};

use ureq::http::Method;

use super::ports::Open;
use super::report::Report;
use super::target::Target;
use crate::client::{Answer, Client};
use crate::connection::{Connection, Credential};
use crate::failure::Failure;
use crate::percent::encode;

/// A hub that nobody has, where the settings name none.
const NO_HUB: &str = "weft-doctor-asks";

pub(super) fn check(
    target: &Target,
    open: &[Open],
    roots: Option<&Path>,
    report: &mut Report,
) -> Result<(), Failure> {
    let key = target
        .setting("EVENTGRID_KEY")
        .map(|key| Credential::Key(key.to_owned()));
    let file = target.setting("AZURE_FEDERATED_TOKEN_FILE");
    let token = file.map(|file| Credential::TokenFile(PathBuf::from(file)));
    let Some(door) = target.http_door(open) else {
        return report.skipped("rights", "no door to ask at answers");
    };
    if key.is_none() && token.is_none() {
        return report.problem(
            "key",
            "there is neither a key nor a token",
            "set EVENTGRID_KEY or AZURE_FEDERATED_TOKEN_FILE, or give --key-file or --token-file",
        );
    }
    for (name, credential) in [("key", key), ("token accepted", token)] {
        let Some(credential) = credential else {
            continue;
        };
        if let Err(failure) = credential.may_be_shown_to(&door.endpoint()) {
            report.problem(
                name,
                format!("{failure}"),
                "set EVENTGRID_ENDPOINT to the https endpoint",
            )?;
            continue;
        }
        let client = Client::new(Connection {
            endpoint: door.endpoint(),
            credential,
            roots: roots.map(Path::to_owned),
        })?;
        if is_accepted(target, &client, name, report)? {
            allowed(target, &client, name, report)?;
        }
    }
    Ok(())
}

/// Whether it is known who asks, whatever the rights are.
fn is_accepted(target: &Target, client: &Client, name: &str, report: &mut Report) -> Result<bool, Failure> {
    let answer = match ask(client, &Method::GET, &receive_path(target)) {
        Ok(answer) => answer,
        Err(failure) => {
            report.problem(name, format!("{failure}"), target.absent())?;
            return Ok(false);
        }
    };
    match answer.status {
        401 => {
            let fix = match name {
                "key" => "`weft env NAMESPACE` and the connection Secret have a key that is valid",
                _ => {
                    "see what the message asks for; identity.issuers in the Namespace's spec names issuers beside the cluster"
                }
            };
            report.problem(name, answer.message(), fix)?;
            Ok(false)
        }
        500.. => {
            report.problem(
                name,
                answer.message(),
                "look at the log of the Namespace, then try again",
            )?;
            Ok(false)
        }
        _ => {
            report.ok(name, "the Namespace accepts it")?;
            Ok(true)
        }
    }
}

fn allowed(target: &Target, client: &Client, name: &str, report: &mut Report) -> Result<(), Failure> {
    let hub = encode(target.setting("EVENT_HUB_NAME").unwrap_or(NO_HUB));
    let mut refusals = Vec::new();
    let mut count = 0;
    for (verb, method, path) in [
        ("receive", Method::GET, receive_path(target)),
        (
            "send",
            Method::POST,
            format!("/{hub}/partitions/{NO_HUB}/messages"),
        ),
        ("checkpoints", Method::GET, "/checkpoints/?comp=list".to_owned()),
    ] {
        let answer = match ask(client, &method, &path) {
            Ok(answer) => answer,
            Err(failure) => {
                report.problem(&right(name, verb), format!("{failure}"), target.absent())?;
                continue;
            }
        };
        match answer.status {
            401 | 403 => refusals.push((verb, answer.message())),
            500.. => report.problem(
                &right(name, verb),
                answer.message(),
                "look at the log of the Namespace",
            )?,
            _ => {
                count += 1;
                report.ok(&right(name, verb), "allowed")?;
            }
        }
    }
    for (verb, message) in refusals {
        let check = right(name, verb);
        match count {
            // Not even one: whatever the program does, it cannot do it.
            0 => report.problem(&check, message, fix(name, verb))?,
            _ => report.note(
                &check,
                message,
                format!("only if programs need it: {}", fix(name, verb)),
            )?,
        }
    }
    Ok(())
}

fn right(name: &str, verb: &str) -> String {
    let what = if name == "key" { "key" } else { "token" };
    format!("{what} {verb}")
}

fn fix(name: &str, verb: &str) -> &'static str {
    match (name, verb) {
        ("key", "send") => "use the key of a rule with the right Send",
        ("key", _) => "use the key of a rule with the right Listen",
        (_, "send") => "bind a role with the verb `send`, such as azure-event-hubs-data-sender",
        (_, "receive") => "bind a role with the verb `receive`, such as azure-event-hubs-data-receiver",
        (_, _) => "bind the role storage-blob-data-contributor",
    }
}

fn receive_path(target: &Target) -> String {
    match target.setting("EVENT_HUB_NAME") {
        Some(hub) => format!("/$weft/v1/hubs/{}", encode(hub)),
        None => "/$weft/v1/hubs".to_owned(),
    }
}

fn ask(client: &Client, method: &Method, path: &str) -> Result<Answer, Failure> {
    let body = (*method == Method::POST).then_some(&[][..]);
    client.ask_authorized(method, path, &[("x-ms-version", "2021-12-02")], body)
}
