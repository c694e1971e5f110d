//! Conditions of objects, as far as they speak of the object as it is now.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use serde::Serialize;
use serde_json::Value;

use super::{
    connection::{Cluster, Kind},
    wait,
};

impl Cluster {
    /// Waits until a condition has this status for the object's current generation.
    ///
    /// # Errors
    /// When the deadline has passed; the message holds the conditions that were seen last.
    pub fn wait_for<K: Kind + Serialize>(
        &self,
        namespace: &str,
        name: &str,
        condition: &str,
        status: &str,
        deadline: Duration,
    ) -> anyhow::Result<Condition> {
        let what = format!("{} {namespace}/{name} to be {condition}={status}", K::kind(&()));
        wait::until(&what, deadline, || {
            let object = self.get::<K>(namespace, name)?;
            let generation = object.meta().generation;
            let conditions = conditions(&object)?;
            let found = conditions.iter().find(|found| found.type_ == condition);
            let fits =
                found.filter(|found| found.status == status && found.observed_generation == generation);
            fits.cloned().with_context(|| {
                format!(
                    "generation {}: {}",
                    generation.unwrap_or_default(),
                    describe(&conditions)
                )
            })
        })
    }

    /// Waits until the object is not there any more.
    pub fn wait_gone<K: Kind>(&self, namespace: &str, name: &str, deadline: Duration) -> anyhow::Result<()> {
        let what = format!("{} {namespace}/{name} to be gone", K::kind(&()));
        wait::until(&what, deadline, || {
            let found = self.find::<K>(namespace, name)?;
            let finalizers = found.as_ref().map(|object| object.finalizers().to_vec());
            ensure!(found.is_none(), "it is there, with finalizers {finalizers:?}");
            Ok(())
        })
    }
}

/// Its `status.conditions`.
pub fn conditions(object: &impl Serialize) -> anyhow::Result<Vec<Condition>> {
    let object = serde_json::to_value(object).context("write an object")?;
    match &object["status"]["conditions"] {
        Value::Null => Ok(Vec::new()),
        conditions => serde_json::from_value(conditions.clone()).context("read the conditions"),
    }
}

/// One line of all of them.
pub(super) fn describe(conditions: &[Condition]) -> String {
    if conditions.is_empty() {
        return "no conditions".to_owned();
    }
    let one = |condition: &Condition| {
        format!(
            "{}={} ({}, generation {}: {})",
            condition.type_,
            condition.status,
            condition.reason,
            condition.observed_generation.unwrap_or_default(),
            condition.message
        )
    };
    conditions.iter().map(one).collect::<Vec<_>>().join("; ")
}
