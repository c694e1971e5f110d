//! Which pod template a StatefulSet gets: the one that is there, or a new one, and with which image.
//!
//! A change that the user makes to the pod's *shape* rolls the pod. A new version of Weft alone does not: it waits for
//! approval, because a pod that restarts is a gap of seconds for its clients. So long as the pod may not be upgraded,
//! its template stays as it is, to the last field that another version would write otherwise.
//!
//! ```text
//! shape    version and image   approved   template   image
//! same     same                           new        the same
//! same     other               no         live       live      UpgradeAvailable
//! same     other               yes        new        new
//! other    same                           new        the same
//! other    other               no         new        live      UpgradeAvailable
//! other    other               yes        new        new
//! ```

use config::Digest;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::annotations;

/// The name of the one container.
pub const CONTAINER: &str = "weft";

/// What this operator would have pods run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Version of Weft.
    pub version: String,
    /// Image of the sidecar.
    pub image: String,
}

/// What decides about a Namespace's pod.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What this operator brings.
    pub release: &'a Release,
    /// The version that the user approved, by annotation.
    pub approved: Option<&'a str>,
    /// Whether upgrades go without approval.
    pub automatic: bool,
    /// Digest of what the user says about the pod.
    pub shape: Digest,
}

/// The template that a StatefulSet gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Where it comes from.
    pub template: Template,
    /// The version of Weft in it.
    pub version: String,
    /// The shape of it.
    pub shape: Digest,
    /// What waits for approval.
    pub upgrade_available: Option<UpgradeAvailable>,
}

/// Where a pod template comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// It is built by this version of the operator.
    New {
        /// The image in it.
        image: String,
    },
    /// It is the one that the StatefulSet has.
    Live(Box<PodTemplateSpec>),
}

/// An upgrade that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeAvailable {
    /// What the pod runs.
    pub from: Release,
    /// What it would run.
    pub to: Release,
}

/// Chooses the template for the StatefulSet `live`, or for one that does not exist yet.
pub fn decide(live: Option<&StatefulSet>, wanted: &Wanted<'_>) -> Decision {
    let new = |image: &str, version: &str| Decision {
        template: Template::New {
            image: image.to_owned(),
        },
        version: version.to_owned(),
        shape: wanted.shape,
        upgrade_available: None,
    };
    let to = wanted.release;
    let approved = wanted.automatic || wanted.approved == Some(to.version.as_str());
    let Some((live, template, from)) = live.and_then(what_runs) else {
        return new(&to.image, &to.version);
    };
    if approved || from == *to {
        return new(&to.image, &to.version);
    }
    let shape = wanted.shape.to_string();
    let decision = match annotations::get(&live.metadata, annotations::SHAPE) == Some(&shape) {
        true => Decision {
            template: Template::Live(Box::new(template.clone())),
            ..new(&from.image, &from.version)
        },
        false => new(&from.image, &from.version),
    };
    Decision {
        upgrade_available: Some(UpgradeAvailable { from, to: to.clone() }),
        ..decision
    }
}

/// The template that is there, and the release in it; `None` if there is no container of ours in it.
fn what_runs(live: &StatefulSet) -> Option<(&StatefulSet, &PodTemplateSpec, Release)> {
    let template = &live.spec.as_ref()?.template;
    let containers = &template.spec.as_ref()?.containers;
    let image = containers
        .iter()
        .find(|container| container.name == CONTAINER)?
        .image
        .clone()?;
    let version = annotations::get(&live.metadata, annotations::TEMPLATE_VERSION).unwrap_or("unknown");
    let version = version.to_owned();
    Some((live, template, Release { version, image }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::api::apps::v1::StatefulSetSpec;
    use k8s_openapi::api::core::v1::{Container, PodSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn release(version: &str) -> Release {
        Release {
            version: version.to_owned(),
            image: format!("weft-sidecar:{version}"),
        }
    }

    fn shape(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn live(release: &Release, shape: Digest) -> StatefulSet {
        let container = Container {
            name: CONTAINER.to_owned(),
            image: Some(release.image.clone()),
            ..Container::default()
        };
        let template = PodTemplateSpec {
            spec: Some(PodSpec {
                containers: vec![container],
                ..PodSpec::default()
            }),
            ..PodTemplateSpec::default()
        };
        let annotations = BTreeMap::from([
            (annotations::TEMPLATE_VERSION.to_owned(), release.version.clone()),
            (annotations::SHAPE.to_owned(), shape.to_string()),
        ]);
        StatefulSet {
            metadata: ObjectMeta {
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            spec: Some(StatefulSetSpec {
                template,
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        }
    }

    fn decide_for(live: &StatefulSet, approved: Option<&str>, automatic: bool, wanted: &str) -> Decision {
        let wanted = Wanted {
            release: &release("2"),
            approved,
            automatic,
            shape: shape(wanted),
        };
        decide(Some(live), &wanted)
    }

    fn image(decision: &Decision) -> &str {
        match &decision.template {
            Template::New { image } => image,
            Template::Live(_) => "live",
        }
    }

    #[test]
    fn a_first_pod_runs_what_the_operator_brings() {
        let wanted = Wanted {
            release: &release("2"),
            approved: None,
            automatic: false,
            shape: shape("a"),
        };
        let decision = decide(None, &wanted);
        assert_eq!(
            (image(&decision), decision.version.as_str()),
            ("weft-sidecar:2", "2")
        );
        assert_eq!(decision.upgrade_available, None);
    }

    #[test]
    fn a_new_version_alone_leaves_the_template_as_it_is_and_says_so() {
        let live = live(&release("1"), shape("a"));
        for approved in [None, Some("1"), Some("3")] {
            let decision = decide_for(&live, approved, false, "a");
            assert_eq!(image(&decision), "live");
            assert_eq!(decision.version, "1");
            let upgrade = decision.upgrade_available.unwrap();
            assert_eq!((upgrade.from, upgrade.to), (release("1"), release("2")));
        }
    }

    #[test]
    fn approval_or_the_policy_lets_the_upgrade_go() {
        let live = live(&release("1"), shape("a"));
        for (approved, automatic) in [(Some("2"), false), (None, true)] {
            for wanted in ["a", "b"] {
                let decision = decide_for(&live, approved, automatic, wanted);
                assert_eq!(
                    (image(&decision), decision.version.as_str()),
                    ("weft-sidecar:2", "2")
                );
                assert_eq!(decision.upgrade_available, None);
            }
        }
    }

    #[test]
    fn a_change_of_the_shape_rolls_the_pod_with_the_image_that_it_has() {
        let decision = decide_for(&live(&release("1"), shape("a")), None, false, "b");
        assert_eq!(
            (image(&decision), decision.version.as_str()),
            ("weft-sidecar:1", "1")
        );
        assert_eq!(decision.shape, shape("b"));
        assert!(decision.upgrade_available.is_some());
    }

    #[test]
    fn after_a_change_of_the_shape_the_template_rests_again() {
        let mut live = live(&release("1"), shape("a"));
        let decision = decide_for(&live, None, false, "b");
        let annotations = live.metadata.annotations.as_mut().unwrap();
        annotations.insert(annotations::TEMPLATE_VERSION.to_owned(), decision.version);
        annotations.insert(annotations::SHAPE.to_owned(), decision.shape.to_string());
        assert_eq!(image(&decide_for(&live, None, false, "b")), "live");
    }

    #[test]
    fn the_same_version_from_another_registry_waits_for_approval_too() {
        let moved = Release {
            image: "mirror/weft-sidecar:2".to_owned(),
            ..release("2")
        };
        let live = live(&moved, shape("a"));
        assert!(decide_for(&live, None, false, "a").upgrade_available.is_some());
        assert_eq!(image(&decide_for(&live, Some("2"), false, "a")), "weft-sidecar:2");
    }

    #[test]
    fn with_nothing_new_the_template_is_built_anew_so_that_drift_heals() {
        let decision = decide_for(&live(&release("2"), shape("a")), None, false, "a");
        assert_eq!(image(&decision), "weft-sidecar:2");
        assert_eq!(decision.upgrade_available, None);
    }
}
