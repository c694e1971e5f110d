//! A set of manifests, as the API server would admit it or not.

use crds::Kind;
use plan::manifest::{self, Violation};
use serde_json::json;

use super::state::{Known, State};
use crate::manifest::{Mistake, Object, Set};

/// Objects that each make sense on their own.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) objects: Vec<Object>,
}

impl Checked {
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &Object> {
        self.objects
            .iter()
            .filter(|object| object.kind() == Kind::Namespace.as_str())
    }
}

/// Checks every object for itself, and against what it was: some fields cannot change.
///
/// # Errors
/// Every mistake in the set, in the order of files and lines.
pub(crate) fn check(set: Set, state: &State) -> Result<Checked, Vec<Mistake>> {
    let mut mistakes = set.mistakes;
    for object in &set.objects {
        mistakes.extend(
            violations(object, state.known(object))
                .into_iter()
                .map(|violation| mistake(object, violation)),
        );
    }
    if mistakes.is_empty() {
        return Ok(Checked { objects: set.objects });
    }
    Mistake::sort(&mut mistakes);
    Err(mistakes)
}

fn violations(object: &Object, known: Option<&Known>) -> Vec<Violation> {
    let kind = match manifest::kind_of(&object.value) {
        Ok(kind) => kind,
        Err(violation) => return vec![violation],
    };
    let violations = manifest::check(kind, &object.value);
    match known {
        Some(known) if violations.is_empty() && !known.spec.is_null() => {
            manifest::check_change(kind, &json!({"spec": known.spec}), &object.value)
        }
        _ => violations,
    }
}

/// The violation, where it was written.
pub(crate) fn mistake(object: &Object, violation: Violation) -> Mistake {
    object.mistake(&violation.path, violation.rule, violation.fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::objects_of;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn checked(text: &str, state: &State) -> Result<Checked, Vec<String>> {
        let set = Set {
            objects: objects_of(text),
            ..Set::default()
        };
        check(set, state).map_err(|mistakes| mistakes.iter().map(Mistake::text).collect())
    }

    fn topic(spec: &str) -> String {
        format!("apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: orders}}\nspec:\n  {spec}\n")
    }

    #[test]
    fn a_reference_cannot_be_turned_elsewhere() {
        let mut state = State::default();
        let before = topic("namespaceRef: {name: shop}");
        let objects = checked(&before, &state).unwrap().objects;
        state.take(&objects, NOW);
        // Not yet: it may have referred to something that does not exist.
        assert!(checked(&topic("namespaceRef: {name: bank}"), &state).is_ok());
        state.accept(&objects[0]);
        assert!(checked(&before, &state).is_ok());
        let mistakes = checked(&topic("namespaceRef: {name: bank}"), &state).unwrap_err();
        assert_eq!(mistakes.len(), 1);
        assert!(
            mistakes[0].starts_with("test.yaml:5:3: Topic orders: spec.namespaceRef\n"),
            "{}",
            mistakes[0]
        );
    }

    #[test]
    fn a_kind_that_is_not_ours_is_told_with_what_was_meant() {
        let mistakes =
            checked("apiVersion: weft.dev/v1alpha1\nkind: Topics\n", &State::default()).unwrap_err();
        assert!(
            mistakes[0].ends_with("fix:  did you mean Topic?"),
            "{}",
            mistakes[0]
        );
    }
}
