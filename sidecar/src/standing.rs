//! How things stand beside the configuration: which incarnation of the log this is, and how far consumers are behind.

use std::time::Duration;

use adapters::oidc::Trouble;
use broker::{Broker, Lag};
use checkpoint::{Claim, CopyState};
use runtime::TaskScope;
use tokio::sync::watch;

/// Between two looks at consumers.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a change may take to be durable, which is when it shows.
const GATHER: Duration = Duration::from_secs(1);

/// What the data plane knows about its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// How often the log began on an empty disk before this one.
    pub incarnation: u64,
    /// There were events before this incarnation, and they are lost. In words for the user.
    pub data_lost: Option<String>,
    /// Another pod serves this Namespace from a log of its own, so that nothing is copied any more. In words for the user.
    pub fenced: Option<String>,
    /// What consumers save does not get into the copy, and is only on the disk meanwhile. In words for the user.
    pub copy_trouble: Option<String>,
    /// Of the issuers outside of the cluster; nothing if none is trusted, or as long as it is not known of all of them.
    pub issuers: Option<Issuers>,
    /// How far each consumer group was behind in each partition, in the order of hub, group and partition.
    pub lags: Vec<Lag>,
}

/// How it goes with the issuers of bearer tokens outside of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuers {
    /// Who does not say its keys, and what that means. In words for the user.
    pub trouble: Option<String>,
}

impl Standing {
    pub(crate) fn of(claim: &Claim) -> Self {
        let incarnation = claim.incarnation;
        Self {
            incarnation,
            data_lost: claim.lost.then(|| {
                format!(
                    "the disk was empty when incarnation {incarnation} of the log began: events from before it are \
                     lost, consumers go on from their checkpoints, and numbers from {}",
                    incarnation << 40
                )
            }),
            fenced: None,
            copy_trouble: None,
            issuers: None,
            lags: Vec::new(),
        }
    }
}

/// Tells which issuers outside of the cluster do not say their keys.
pub(crate) async fn watch_issuers(
    mut troubles: watch::Receiver<Option<Vec<Trouble>>>,
    standing: watch::Sender<Standing>,
) {
    loop {
        let told = troubles.borrow_and_update().clone();
        let issuers = told.map(|troubles| Issuers {
            trouble: (!troubles.is_empty()).then(|| in_words(&troubles)),
        });
        standing.send_if_modified(|standing| {
            let differs = standing.issuers != issuers;
            standing.issuers = issuers;
            differs
        });
        // Whoever follows them ends with it.
        if troubles.changed().await.is_err() {
            return;
        }
    }
}

/// All their names come first: somebody may cut the text short.
fn in_words(troubles: &[Trouble]) -> String {
    let names: Vec<_> = troubles.iter().map(|trouble| trouble.url.as_str()).collect();
    let details: Vec<_> = troubles.iter().map(detail).collect();
    match names.as_slice() {
        [name] => format!("{name} does not say the keys of its tokens. {}", details.concat()),
        names => format!(
            "{} do not say the keys of their tokens. {}",
            names.join(" and "),
            details.join(" ")
        ),
    }
}

fn detail(trouble: &Trouble) -> String {
    let tokens = match trouble.has_keys {
        true => "the keys that it said last still count",
        false => "its tokens are refused as temporary (503)",
    };
    let next = match trouble.is_asked_again {
        true => "it is asked again until it answers",
        false => "it is not asked before that is corrected",
    };
    format!("{}; {next}, and meanwhile {tokens}.", trouble.reason)
}

/// Tells what becomes of the copy in `place`.
pub(crate) async fn watch_copy(
    place: String,
    mut states: watch::Receiver<CopyState>,
    standing: watch::Sender<Standing>,
) {
    loop {
        let state = states.borrow_and_update().clone();
        standing.send_if_modified(|standing| {
            let (fenced, trouble) = words(&place, &state);
            let differs = (&standing.fenced, &standing.copy_trouble) != (&fenced, &trouble);
            (standing.fenced, standing.copy_trouble) = (fenced, trouble);
            differs
        });
        // Whoever copies ends with it.
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Whether another log has taken over, and what else does not get into the copy.
fn words(place: &str, state: &CopyState) -> (Option<String>, Option<String>) {
    match state {
        CopyState::Current => (None, None),
        CopyState::Behind(why) => {
            let words = format!(
                "checkpoints are not copied to {place}: {why}. They are on the pod's disk, and would be lost with it; it is \
                 tried again until it works"
            );
            (None, Some(words))
        }
        CopyState::Fenced => {
            let words = format!(
                "another log has taken over the checkpoints in {place}, so this pod copies none any more, and what \
                 consumers save in it is only on its disk. Only one pod may serve a Namespace, and only one Namespace may \
                 use a place: stop the other one, or give this one an empty disk or a place of its own"
            );
            (Some(words), None)
        }
    }
}

/// Looks again, some time after something changed.
pub(crate) async fn follow(broker: Broker, standing: watch::Sender<Standing>, scope: TaskScope) {
    let mut changes = broker.changes();
    loop {
        changes.mark_unchanged();
        let lags = broker.lags();
        standing.send_if_modified(|standing| {
            let differs = standing.lags != lags;
            standing.lags = lags;
            differs
        });
        tokio::select! {
            () = scope.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        tokio::select! {
            () = scope.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        tokio::select! {
            () = scope.cancelled() => return,
            () = tokio::time::sleep(GATHER) => {}
        }
    }
}
