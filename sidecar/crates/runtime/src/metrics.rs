//! One registry for everything that is counted.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::registry::{self, Metric, Unit};

/// Where the parts register what they count, and what `/metrics` prints. Cheap to clone.
///
/// Every name gets the prefix `weft_` and that of the sub-registry. Rules of the house: histograms never carry an
/// entity label; per-entity counters are bounded in number by whoever registers them.
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Mutex<registry::Registry>>,
    prefix: String,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            inner: Arc::new(Mutex::new(registry::Registry::default())),
            prefix: String::from("weft"),
        }
    }
}

impl Registry {
    /// The same registry with `part` added to the prefix: `weft_PART_…`.
    pub fn part(&self, part: &str) -> Self {
        Self {
            inner: self.inner.clone(),
            prefix: format!("{}_{part}", self.prefix),
        }
    }

    /// Registers a metric under `name` with its help text and hands it back.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        let mut inner = self.inner.lock();
        inner
            .sub_registry_with_prefix(&self.prefix)
            .register(name, help, metric.clone());
        metric
    }

    /// As [`Registry::register`], for a metric with a unit, which becomes the suffix of its name.
    pub fn register_with_unit<M: Metric + Clone>(&self, name: &str, help: &str, unit: Unit, metric: M) -> M {
        let mut inner = self.inner.lock();
        inner
            .sub_registry_with_prefix(&self.prefix)
            .register_with_unit(name, help, unit, metric.clone());
        metric
    }

    /// Everything, in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.inner.lock())
            .expect("writing to a String cannot fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn metrics_appear_with_prefix_part_and_help() {
        let registry = Registry::default();
        let commits: Counter =
            registry
                .part("storage")
                .register("commits", "Group commits", Counter::default());
        commits.inc();
        let text = registry.encode();
        assert!(
            text.contains("# HELP weft_storage_commits Group commits."),
            "{text}"
        );
        assert!(text.contains("weft_storage_commits_total 1"), "{text}");
    }
}
