//! What is said of objects that do not go together.

use crds::Kind;
use crds::shared::Reason;

use crate::decision::Refusal;
use crate::inputs::Key;
use crate::name::ClientName;

/// `Namespace "prod/shop"`, or `Namespace "shop"` where nobody says where it is. Local mode knows no Kubernetes
/// namespaces but by their names.
fn title(kind: Kind, (kubernetes_namespace, name): Key<'_>) -> String {
    match kubernetes_namespace {
        "" | "default" => format!("{kind} {name:?}"),
        place => format!("{kind} \"{place}/{name}\""),
    }
}

pub(crate) fn not_found(path: &str, kind: Kind, parent: Key<'_>) -> Refusal {
    let rule = format!("there is no {}", title(kind, parent));
    let fix = format!("apply that {kind} (order does not matter), or correct the reference");
    Refusal::new(Reason::ParentNotFound, path, rule, fix)
}

pub(crate) fn not_accepted(path: &str, kind: Kind, (_, name): Key<'_>) -> Refusal {
    let rule = format!("the {kind} {name:?} is not accepted");
    Refusal::new(
        Reason::ParentNotAccepted,
        path,
        rule,
        format!("look at what is said of that {kind}"),
    )
}

pub(crate) fn name_conflict(
    kind: Kind,
    older: &str,
    name: &ClientName,
    parent: Kind,
    (_, parent_name): Key<'_>,
) -> Refusal {
    let rule = format!(
        "the older {kind} {older:?} of {parent} {parent_name:?} has the name {:?} already (ignoring case)",
        name.as_str()
    );
    Refusal::new(
        Reason::NameConflict,
        "spec.azureName",
        rule,
        "create it with another azureName",
    )
}

pub(crate) fn twice(kind: Kind, (_, name): Key<'_>) -> Refusal {
    let rule = format!("an older {kind} has the name {name:?} already");
    Refusal::new(Reason::NameConflict, "metadata.name", rule, "choose another name")
}

const DEAD_LETTERS: &str = "spec.deadLetter.topicRef";

pub(crate) fn no_dead_letter_topic(topic: Key<'_>) -> Refusal {
    let rule = format!(
        "there is no {}, where dead letters should go",
        title(Kind::Topic, topic)
    );
    let fix = "apply that Topic, or correct the reference";
    Refusal::new(Reason::DeadLetterTopicNotFound, DEAD_LETTERS, rule, fix)
}

pub(crate) fn dead_letter_topic_not_accepted((_, name): Key<'_>) -> Refusal {
    let rule = format!("the Topic {name:?} for dead letters is not accepted");
    let fix = "look at what is said of that Topic";
    Refusal::new(Reason::DeadLetterTopicNotFound, DEAD_LETTERS, rule, fix)
}

pub(crate) fn dead_letters_leave((_, name): Key<'_>, own: Key<'_>, other: Key<'_>) -> Refusal {
    let (own, other) = (own.1, other.1);
    let rule =
        format!("the Topic {name:?} for dead letters is in Namespace {other:?}, the subscription in {own:?}");
    let fix = format!("name a Topic of Namespace {own:?}");
    Refusal::new(Reason::DeadLetterTopicNotFound, DEAD_LETTERS, rule, fix)
}

pub(crate) fn dead_letters_return(from: &str, to: &str) -> Refusal {
    let rule = format!("dead letters that go from Topic {from:?} to Topic {to:?} would come back");
    let fix = "name a Topic whose own dead letters do not lead here";
    Refusal::new(Reason::DeadLetterCycle, DEAD_LETTERS, rule, fix)
}
