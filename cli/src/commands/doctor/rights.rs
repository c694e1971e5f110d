//! Whether the key and the token are accepted, and what they allow of what the settings name.

use std::path::{Path, PathBuf};

use ureq::http::Method;

use super::ports::Open;
use super::questions::{Question, Right, Thing, Verdict};
use super::report::Report;
use super::target::Target;
use crate::client::{Answer, Client};
use crate::connection::{Connection, Credential};
use crate::failure::Failure;

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
    unnamed(target, report)
}

/// Whether it is known who asks, whatever the rights are.
fn is_accepted(target: &Target, client: &Client, name: &str, report: &mut Report) -> Result<bool, Failure> {
    let mut named = Thing::ALL.into_iter().flat_map(|thing| thing.questions(target));
    let (method, path) = named.next().map_or_else(Question::of_any_namespace, |question| {
        (question.method, question.path)
    });
    let answer = match ask(client, &method, &path) {
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
    for thing in Thing::ALL {
        let questions = thing.questions(target);
        let verdicts: Vec<_> = questions
            .iter()
            .map(|question| verdict(client, question))
            .collect();
        let is_out_of_reach = thing.is_out_of_reach(&verdicts);
        for (question, verdict) in questions.iter().zip(verdicts) {
            let finding = Finding {
                thing,
                right: question.right,
                is_out_of_reach,
                credential: name,
            };
            finding.say(verdict, report)?;
        }
    }
    Ok(())
}

/// About one right.
struct Finding<'n> {
    thing: Thing,
    right: Right,
    /// Nothing of the thing is allowed: whatever the program does with it, it cannot.
    is_out_of_reach: bool,
    credential: &'n str,
}

impl Finding<'_> {
    fn say(&self, verdict: Verdict, report: &mut Report) -> Result<(), Failure> {
        let what = if self.credential == "key" { "key" } else { "token" };
        let check = format!("{what} {}", self.right.name());
        match verdict {
            Verdict::Allowed => report.ok(&check, "allowed"),
            Verdict::Absent(message) => report.problem(&check, message, self.thing.find()),
            Verdict::Failed(message) => report.problem(&check, message, "look at the log of the Namespace"),
            Verdict::Refused(message) if self.is_out_of_reach => {
                let fix = self.fix(&message);
                report.problem(&check, message, fix)
            }
            Verdict::Refused(message) => {
                let fix = format!("only if programs need it: {}", self.fix(&message));
                report.note(&check, message, fix)
            }
        }
    }

    fn fix(&self, refusal: &str) -> &'static str {
        match self.credential {
            "key" => self.right.rule(),
            _ if self.right.is_of_nothing(refusal) => self.thing.find(),
            _ => self.right.role(),
        }
    }
}

/// What nobody was asked about.
fn unnamed(target: &Target, report: &mut Report) -> Result<(), Failure> {
    let unnamed = Thing::ALL
        .into_iter()
        .filter(|thing| thing.questions(target).is_empty());
    unnamed
        .map(Thing::unnamed)
        .try_for_each(|(check, why)| report.skipped(check, why))
}

fn verdict(client: &Client, question: &Question) -> Verdict {
    let answer = match ask(client, &question.method, &question.path) {
        Ok(answer) => answer,
        Err(failure) => return Verdict::Failed(failure.to_string()),
    };
    match answer.status {
        401 | 403 => Verdict::Refused(answer.message()),
        404 => Verdict::Absent(answer.message()),
        500.. => Verdict::Failed(answer.message()),
        _ => Verdict::Allowed,
    }
}

fn ask(client: &Client, method: &Method, path: &str) -> Result<Answer, Failure> {
    let body = (*method == Method::POST).then_some(&[][..]);
    client.ask_authorized(method, path, &[("x-ms-version", "2021-12-02")], body)
}
