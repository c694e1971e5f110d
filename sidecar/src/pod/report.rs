//! What the pod says about its configuration: to the operator, and in the log.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use config::{
    Digest, FORMAT, GROUPS_LISTED, GroupLag, IssuersReport, LAGS_LISTED, PodReport, REFUSED_LISTED,
    SHARD_COUNT,
};
use serde::Serialize;

use crate::{Configuration, Lag, Report, Standing};

/// A reason is for people; an absurdly long name in a document must not make the report too large to be stored.
const REASON_CHARS: usize = 1000;

/// What a report takes at most. Kubernetes takes 1 MiB, of the whole object.
const REPORT_BYTES: usize = 1_000_000;

/// The longest name of a consumer group.
const GROUP_BYTES: usize = 50;

/// Who reports.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) namespace: String,
    pub(super) namespace_uid: String,
    pub(super) pod_uid: String,
}

impl Author {
    /// `problem` is of something that never became a configuration; the report's own is about one that did, so it is
    /// closer to what the user wants.
    pub(super) fn report(
        &self,
        report: &Report,
        standing: &Standing,
        problem: Option<config::Problem>,
    ) -> PodReport {
        let own = report.problem.as_ref().map(|problem| config::Problem {
            revision: problem.revision,
            reason: shortened(&problem.reason),
        });
        let fenced = standing.fenced.as_ref().map(|words| config::Problem {
            revision: report.applied_revision,
            reason: shortened(words),
        });
        let copy_trouble = standing.fenced.as_deref().or(standing.copy_trouble.as_deref());
        let refused = report.refused.iter().take(REFUSED_LISTED);
        let refused = refused.map(|refused| config::Refused {
            uid: shortened(&refused.uid),
            reason: shortened(&refused.reason),
        });
        let mut told = PodReport {
            revision: report.applied_revision,
            shards: report.shards,
            secrets_revision: report.secrets_revision,
            refused: refused.collect(),
            problem: own.or(problem).or(fenced),
            pending_restart: report.pending_restart.clone(),
            incarnation: Some(standing.incarnation),
            data_lost: standing.data_lost.clone(),
            copy_trouble: copy_trouble.map(shortened),
            issuers: standing.issuers.as_ref().map(|issuers| IssuersReport {
                trouble: issuers.trouble.as_deref().map(shortened),
            }),
            ..self.nothing()
        };
        let mut room = REPORT_BYTES.saturating_sub(bytes(&told));
        told.groups = groups(standing, &mut room);
        told.lags = lags(standing, &mut room);
        told
    }

    /// Nothing is in effect, because of `reason`.
    pub(super) fn failure(&self, configuration: Option<&Configuration>, reason: &str) -> PodReport {
        let revision = configuration.map_or(0, |configuration| configuration.document.head.revision);
        PodReport {
            problem: Some(config::Problem {
                revision,
                reason: shortened(reason),
            }),
            ..self.nothing()
        }
    }

    /// Nothing is in effect, because what there is never became a configuration.
    pub(super) fn unusable(&self, problem: config::Problem) -> PodReport {
        PodReport {
            problem: Some(problem),
            ..self.nothing()
        }
    }

    fn nothing(&self) -> PodReport {
        PodReport {
            format: FORMAT,
            pod_uid: self.pod_uid.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            namespace_uid: self.namespace_uid.clone(),
            serves_hubs: true,
            stores_dead_letters: true,
            revision: 0,
            shards: [Digest::of(b""); SHARD_COUNT],
            secrets_revision: 0,
            refused: Vec::new(),
            problem: None,
            pending_restart: Vec::new(),
            incarnation: None,
            data_lost: None,
            copy_trouble: None,
            issuers: None,
            groups: Vec::new(),
            lags: Vec::new(),
        }
    }
}

/// A checkpoint may be called anything; of what no consumer group can be called, nobody hears.
fn told(standing: &Standing) -> impl Iterator<Item = &Lag> {
    let lags = standing.lags.iter();
    lags.filter(|lag| lag.group.len() <= GROUP_BYTES)
}

/// How far each group is behind in all its partitions, those that are not listed included. Where there is no room for all,
/// those that are furthest behind.
fn groups(standing: &Standing, room: &mut usize) -> Vec<GroupLag> {
    let mut sums: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for lag in told(standing) {
        let sum = sums.entry((lag.hub_uid.to_string(), &lag.group)).or_default();
        *sum = sum.saturating_add(lag.lag);
    }
    let sums = sums.into_iter().map(|((hub_uid, group), lag)| GroupLag {
        hub_uid,
        group: group.to_owned(),
        lag,
    });
    let mut groups: Vec<_> = sums.collect();
    groups.sort_by_key(|group| Reverse(group.lag));
    let mut groups = fitting(groups, GROUPS_LISTED, room);
    groups.sort_by(|a, b| (&a.hub_uid, &a.group).cmp(&(&b.hub_uid, &b.group)));
    groups
}

fn lags(standing: &Standing, room: &mut usize) -> Vec<config::Lag> {
    let lags = told(standing).map(|lag| config::Lag {
        hub_uid: lag.hub_uid.to_string(),
        group: lag.group.clone(),
        partition: lag.partition,
        sequence_number: lag.sequence_number,
        lag: lag.lag,
    });
    fitting(lags, LAGS_LISTED, room)
}

/// The first of them, `max` at most, as far as there is room for their JSON.
fn fitting<T: Serialize>(items: impl IntoIterator<Item = T>, max: usize, room: &mut usize) -> Vec<T> {
    let fitting = items.into_iter().take(max).map_while(|item| {
        *room = room.checked_sub(bytes(&item) + ",".len())?;
        Some(item)
    });
    fitting.collect()
}

fn bytes(part: &impl Serialize) -> usize {
    let json = serde_json::to_string(part).expect("plain values become JSON");
    json.len()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Writes to the log what keeps something newer from becoming a configuration, if that is new.
pub(super) fn log_problem(problem: Option<&config::Problem>, before: Option<&config::Problem>) {
    if problem != before
        && let Some(problem) = problem
    {
        let revision = problem.revision;
        tracing::error!(revision, "configuration not applied: {}", problem.reason);
    }
}

/// Writes to the log what is new since the report before.
pub(super) fn log(report: &Report, before: Option<&Report>) {
    let is_new = |differs: fn(&Report, &Report) -> bool| before.is_none_or(|before| differs(before, report));
    if is_new(|one, other| {
        (one.applied_revision, one.secrets_revision) != (other.applied_revision, other.secrets_revision)
    }) {
        let (revision, secrets_revision) = (report.applied_revision, report.secrets_revision);
        tracing::info!(revision, secrets_revision, "configuration applied");
    }
    if is_new(|one, other| one.refused != other.refused) {
        for refused in &report.refused {
            tracing::warn!("not served: {refused}");
        }
    }
    if is_new(|one, other| one.problem != other.problem)
        && let Some(problem) = &report.problem
    {
        let revision = problem.revision;
        tracing::error!(revision, "configuration not applied: {}", problem.reason);
    }
    if is_new(|one, other| one.pending_restart != other.pending_restart) {
        for change in &report.pending_restart {
            tracing::warn!("{change}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Issuers, Kind, Problem, Refused};

    fn author() -> Author {
        Author {
            namespace: "shop".into(),
            namespace_uid: "n".into(),
            pod_uid: "p".into(),
        }
    }

    fn report() -> Report {
        Report {
            applied_revision: 7,
            shards: [Digest::of(b"s"); SHARD_COUNT],
            secrets_revision: 3,
            refused: Vec::new(),
            problem: None,
            pending_restart: vec!["storage".into()],
        }
    }

    fn problem(revision: u64) -> config::Problem {
        config::Problem {
            revision,
            reason: "r".into(),
        }
    }

    #[test]
    fn the_operator_is_told_what_is_in_effect_and_what_is_not() {
        let told = author().report(&report(), &Standing::default(), Some(problem(8)));
        assert_eq!((told.revision, told.secrets_revision), (7, 3));
        assert_eq!((told.namespace_uid.as_str(), told.pod_uid.as_str()), ("n", "p"));
        assert_eq!(told.shards, report().shards);
        assert_eq!(told.problem, Some(problem(8)));
        assert_eq!(told.pending_restart, ["storage"]);

        let mut own = report();
        own.problem = Some(Problem {
            revision: 9,
            reason: "r".into(),
        });
        assert_eq!(
            author()
                .report(&own, &Standing::default(), Some(problem(8)))
                .problem,
            Some(problem(9))
        );
    }

    #[test]
    fn a_pod_whose_copy_was_taken_over_says_so_unless_the_document_has_a_problem() {
        let standing = Standing {
            fenced: Some("another log".into()),
            ..Standing::default()
        };
        let told = author().report(&report(), &standing, None);
        assert_eq!(told.copy_trouble.as_deref(), Some("another log"));
        let told = told.problem.unwrap();
        assert_eq!((told.revision, told.reason.as_str()), (7, "another log"));
        let told = author().report(&report(), &standing, Some(problem(8)));
        assert_eq!(told.problem, Some(problem(8)));
    }

    #[test]
    fn a_copy_that_stays_behind_is_told_and_is_no_problem_of_the_configuration() {
        let standing = Standing {
            copy_trouble: Some("it refuses".into()),
            ..Standing::default()
        };
        let told = author().report(&report(), &standing, None);
        assert_eq!(
            (told.copy_trouble.as_deref(), told.problem),
            (Some("it refuses"), None)
        );
    }

    #[test]
    fn of_issuers_is_told_only_if_there_are_some() {
        let told = |issuers| {
            let standing = Standing {
                issuers,
                ..Standing::default()
            };
            author().report(&report(), &standing, None).issuers
        };
        assert_eq!(told(None), None);
        assert_eq!(told(Some(Issuers::default())), Some(IssuersReport::default()));
        let trouble = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(Some(Issuers {
                trouble: trouble("one is away")
            })),
            Some(IssuersReport {
                trouble: trouble("one is away")
            })
        );
    }

    /// Of a hub of which nothing matters but its uid, and of a group.
    fn lag(hub: u128, group: &str, partition: u32, lag: u64) -> Lag {
        Lag {
            hub: "telemetry".into(),
            hub_uid: model::Uid::from_u128(hub),
            group: group.into(),
            partition,
            sequence_number: Some(41),
            last: 41,
            lag,
            owner: None,
            modified: runtime::Clock::system().now(),
        }
    }

    fn told(lags: Vec<Lag>) -> PodReport {
        let standing = Standing {
            lags,
            ..Standing::default()
        };
        author().report(&report(), &standing, None)
    }

    #[test]
    fn a_group_is_told_whole_however_many_partitions_are_listed() {
        let groups = [(1, "archive"), (1, "dashboards"), (1, "mail"), (2, "archive")];
        let lags = groups.iter().flat_map(|(hub, group)| {
            let partitions = 0..1000;
            partitions.map(|partition| lag(*hub, group, partition, 2))
        });
        let told = told(lags.collect());
        assert_eq!(told.lags.len(), LAGS_LISTED);
        let told = told.groups.iter();
        let told: Vec<_> = told
            .map(|told| (told.hub_uid.as_str(), told.group.as_str(), told.lag))
            .collect();
        let uid = |number: u128| model::Uid::from_u128(number).to_string();
        let (first, second) = (uid(1), uid(2));
        let expected = [
            (first.as_str(), "archive", 2000),
            (&first, "dashboards", 2000),
            (&first, "mail", 2000),
            (&second, "archive", 2000),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn of_too_many_groups_those_furthest_behind_are_told() {
        let count = GROUPS_LISTED as u64 + 10;
        let lags = (0..count).map(|number| lag(1, &format!("{number:050}"), 0, number));
        let told = told(lags.collect());
        assert_eq!(told.groups.len(), GROUPS_LISTED);
        assert!(told.groups.iter().all(|group| group.lag >= 10));
        assert!(told.groups.is_sorted_by_key(|group| group.group.clone()));
        assert!(serde_json::to_string(&told).unwrap().len() < 1 << 19);
    }

    #[test]
    fn what_no_consumer_group_can_be_called_is_not_told() {
        let told = told(vec![lag(1, &"g".repeat(GROUP_BYTES + 1), 0, 3)]);
        assert!(told.groups.is_empty() && told.lags.is_empty());
    }

    #[test]
    fn a_report_stays_small_enough_to_be_stored() {
        let mut many = report();
        let refused = Refused {
            kind: Kind::Topic,
            resource_name: "orders".into(),
            uid: "u".into(),
            reason: "ä".repeat(100_000),
        };
        many.refused = vec![refused; 10_000];
        let standing = Standing {
            lags: (0..3000).map(|partition| lag(1, "mail", partition, 1)).collect(),
            ..Standing::default()
        };
        let told = author().report(&many, &standing, None);
        assert_eq!(told.refused.len(), REFUSED_LISTED);
        assert!(told.refused[0].reason.ends_with("ä…"));
        assert!(serde_json::to_string(&told).unwrap().len() < 1 << 20);
    }
}
