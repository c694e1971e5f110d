//! What is counted about the process and its configuration. The parts count for themselves.

use model::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use runtime::metrics::Registry;

use crate::report::Report;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// What is known about the process.
#[derive(Debug)]
pub(crate) struct Process {
    resident: Gauge,
}

impl Process {
    pub(crate) fn register(registry: &Registry, now: Timestamp) -> Self {
        let build = Family::<Build, Gauge>::default();
        let build = registry.register("build_info", "Always 1; the labels say what is running", build);
        build
            .get_or_create(&Build {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        let process = registry.part("process");
        let started: Gauge = process.register_with_unit(
            "start_time",
            "When this data plane started, since the Unix epoch",
            Unit::Seconds,
            Gauge::default(),
        );
        started.set(now.as_micros() / 1_000_000);
        let resident = process.register_with_unit(
            "resident_memory",
            "Memory of the process that is in RAM; all Namespaces of the process together",
            Unit::Bytes,
            Gauge::default(),
        );
        Self { resident }
    }

    /// Reads what changes by itself. Where the system does not tell (it is Linux that does), it stays 0.
    pub(crate) fn refresh(&self) {
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes);
        }
    }
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// How the configuration fares.
#[derive(Debug)]
pub(crate) struct ConfigurationMetrics {
    revision: Gauge,
    refused_entities: Gauge,
    is_behind: Gauge,
    rejected: Counter,
}

impl ConfigurationMetrics {
    pub(crate) fn register(registry: &Registry, report: &Report) -> Self {
        let part = registry.part("configuration");
        let metrics = Self {
            revision: part.register(
                "revision",
                "Revision of the configuration in effect",
                Gauge::default(),
            ),
            refused_entities: part.register(
                "refused_entities",
                "Topics and subscriptions of that revision that do not fit",
                Gauge::default(),
            ),
            is_behind: part.register(
                "is_behind",
                "1 while a newer configuration was not applied because it does not fit, else 0",
                Gauge::default(),
            ),
            rejected: part.register(
                "rejected",
                "Configurations that were not applied because they do not fit",
                Counter::default(),
            ),
        };
        metrics.on_report(report);
        metrics
    }

    pub(crate) fn on_report(&self, report: &Report) {
        self.revision
            .set(i64::try_from(report.applied_revision).unwrap_or(i64::MAX));
        self.refused_entities
            .set(i64::try_from(report.refused.len()).unwrap_or(i64::MAX));
        self.is_behind.set(i64::from(report.problem.is_some()));
        if report.problem.is_some() {
            self.rejected.inc();
        }
    }
}
