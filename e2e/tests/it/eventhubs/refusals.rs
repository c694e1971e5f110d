//! What must be refused, with the condition and the words of the real service.

use std::{
    fs, thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    eventhubs::{Client, ConnectionString, Door, Mode, NewEvent, Outcome, Position, Report, Request, Sdk},
    manifests::{Manifests, NAMESPACE},
};
use serde_json::Value;

/// A request that must fail.
struct Refusal {
    /// The row of the table.
    scenario: &'static str,
    request: Request,
    /// The end of what SDKs show as the condition, if they show any: Python cuts off the beginning.
    condition: &'static str,
    /// One of these is in the text.
    texts: &'static [&'static str],
}

const UNAUTHORIZED: &str = "unauthorized-access";

/// What Python makes up for an answer of `$cbs` or `$management` that has a condition; it drops the description, too.
const MADE_UP: [&str; 2] = ["amqp:client-error", "amqp:unknown-error"];

/// What Python says of every token that `$cbs` refuses.
const CBS_FAILED: &str = "CBS Token authentication failed";

#[test]
fn what_must_be_refused_is_refused_with_the_words_that_every_sdk_expects() {
    let manifests = Manifests::new("1Gi")
        .rule("sender", "Send")
        .rule("listener", "Listen")
        .hub("telemetry", 2, &[])
        .hub("other", 2, &[]);
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    let (weft, refusals) = (&weft, &refusals(&weft).expect("the refusals are prepared"));
    let mut report = Report::default();
    let mut failures = Vec::new();
    thread::scope(|scope| {
        let runs: Vec<_> = Sdk::ALL
            .iter()
            .map(|&sdk| scope.spawn(move || (sdk, run(weft, sdk, refusals))))
            .collect();
        for run in runs {
            match run.join().expect("a run does not panic") {
                (_, Ok(seen)) => report.merge(seen),
                (sdk, Err(error)) => failures.push(format!("{sdk:?}: {error:#}\n")),
            }
        }
    });
    assert!(failures.is_empty(), "{}", failures.concat());
    report.check().expect("the page says what was seen");
}

fn run(weft: &Weft, sdk: Sdk, refusals: &[Refusal]) -> anyhow::Result<Report> {
    // Rust's SDK has no plain door; the others take a connection string with TLS through the other door as well.
    let mut client = Client::start(
        weft,
        sdk,
        if sdk == Sdk::Rust { Door::Tls } else { Door::Plain },
        "telemetry",
    )?;
    let event = vec![NewEvent::text("something to be received")];
    client
        .run(&Request::send(Mode::Batch, event).to_partition("0"))?
        .ok()?;
    let mut report = Report::default();
    let mut failures = String::new();
    for refusal in refusals {
        match check(&mut client, refusal) {
            Ok(outcome) => report.note(refusal.scenario, sdk, outcome),
            Err(error) => failures.push_str(&format!("\n  {}: {error:#}", refusal.scenario)),
        }
    }
    ensure!(failures.is_empty(), "{failures}");
    Ok(report)
}

/// The class of the error, after a look at its condition and text.
fn check(client: &mut Client, refusal: &Refusal) -> anyhow::Result<Outcome> {
    let lines = client.run(&refusal.request)?;
    if lines.failure().is_none() && lines.events().is_empty() && keeps_it_to_itself(client.sdk(), refusal) {
        return Ok(Outcome::Unsupported(
            "the SDK tries again and says nothing".to_owned(),
        ));
    }
    let failure = lines
        .failure()
        .with_context(|| format!("it was not refused: {lines:?}"))?;
    if let Some(condition) = failure
        .condition()
        .filter(|condition| !MADE_UP.contains(condition))
    {
        ensure!(condition.ends_with(refusal.condition), "{failure:?}");
    }
    let says = refusal.texts.iter().any(|text| failure.text.contains(text));
    ensure!(says, "none of {:?} is in {failure:?}", refusal.texts);
    Ok(Outcome::Refused(failure.class.clone()))
}

/// Python's asynchronous consumer takes the refusal of a link for its own end (unless the link was stolen).
fn keeps_it_to_itself(sdk: Sdk, refusal: &Refusal) -> bool {
    matches!(sdk, Sdk::PythonOldestAio | Sdk::PythonNewestAio) && refusal.request.is_receive()
}

fn refusals(weft: &Weft) -> anyhow::Result<Vec<Refusal>> {
    let connection = ConnectionString::of(weft)?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock is right")?
        .as_secs();
    let send = || Request::send(Mode::Batch, vec![NewEvent::text("never")]).to_partition("0");
    let patience = Duration::from_secs(5);
    let receive = || Request::receive("0", Position::Earliest, 1).timeout(patience);
    let unauthorized = |scenario, request: Request, texts| Refusal {
        scenario,
        request: request.retries(0),
        condition: UNAUTHORIZED,
        texts,
    };
    let unknown = |scenario, request: Request, condition, texts| Refusal {
        scenario,
        request: request.retries(0),
        condition,
        texts,
    };
    Ok(vec![
        unauthorized(
            "wrong key",
            Request::properties().connection(&connection.with_key("RootManageSharedAccessKey", "wrong")),
            &["InvalidSignature", "signature of the SAS token", CBS_FAILED],
        ),
        unauthorized(
            "expired token",
            Request::properties().connection(&connection.with_token("/", now - 60)),
            &["ExpiredToken", "expired", CBS_FAILED],
        ),
        unauthorized(
            "token of another hub",
            send().connection(&connection.with_token("/other", now + 600)),
            &["Unauthorized", "InvalidAudience", CBS_FAILED],
        ),
        unauthorized(
            "no right to send",
            send().connection(&connection.with_key("listener", &key(weft, "listener")?)),
            &["'Send' claim(s) are required"],
        ),
        unauthorized(
            "no right to listen",
            receive().connection(&connection.with_key("sender", &key(weft, "sender")?)),
            &["'Listen' claim(s) are required"],
        ),
        unknown(
            "unknown hub",
            Request::properties().hub("nowhere"),
            "not-found",
            &["could not be found", "Status code: 404"],
        ),
        unknown(
            "unknown consumer group",
            receive().consumer_group("nobody"),
            "not-found",
            &["could not be found", "nobody"],
        ),
        unknown(
            "unknown partition",
            Request::partition_properties("99"),
            "argument-out-of-range",
            &["partition", "Status code: 400"],
        ),
        Refusal {
            scenario: "offset that is none",
            request: Request::receive(
                "0",
                Position::Offset {
                    offset: "nonsense".to_owned(),
                    inclusive: false,
                },
                1,
            )
            .timeout(patience)
            .retries(0),
            condition: "argument-error",
            texts: &["is invalid"],
        },
    ])
}

/// The key of a rule, from where `weft dev` keeps it.
fn key(weft: &Weft, rule: &str) -> anyhow::Result<String> {
    let folder = weft.data_folder().join("namespaces");
    let namespaces = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    for namespace in namespaces {
        let file = namespace
            .context("list the namespaces")?
            .path()
            .join("credentials/keys.json");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let keys: Value = serde_json::from_str(&text).context("read the keys")?;
        if let Some(key) = keys["rules"][rule]["primary"].as_str() {
            return Ok(key.to_owned());
        }
    }
    anyhow::bail!("no rule of {NAMESPACE} is called {rule}")
}
