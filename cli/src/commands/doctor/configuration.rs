//! Whether the Namespace is ready, and whether it runs with the configuration that it was last given.

use ureq::http::Method;

use super::clock;
use super::report::Report;
use super::target::Target;
use crate::failure::Failure;

const CHECK: &str = "configuration";

pub(super) fn check(target: &Target, report: &mut Report) -> Result<(), Failure> {
    let Some(url) = target.setting("WEFT_OPERATIONS_URL") else {
        return report.skipped(
            CHECK,
            "only `weft dev` shows it here; in a cluster: `kubectl describe eventnamespaces.weft.dev NAME`",
        );
    };
    let client = clock::client(url, None)?;
    match client.ask(&Method::GET, "/readyz", &[], None) {
        Ok(answer) if answer.is_success() => report.ok("ready", "the Namespace says that it is")?,
        Ok(answer) => report.problem("ready", answer.message(), "look at the log of `weft dev`")?,
        Err(failure) => return report.problem("ready", format!("{failure}"), target.absent()),
    }
    let metrics = match client.ask(&Method::GET, "/metrics", &[], None) {
        Ok(answer) => answer.body,
        Err(failure) => return report.skipped(CHECK, format!("{failure}")),
    };
    let metric = |name: &str| value(&metrics, &format!("weft_configuration_{name}"));
    if metric("is_behind").unwrap_or_default() > 0.0 {
        return report.problem(
            CHECK,
            "the manifests changed, and the change could not be applied",
            "the log of `weft dev` says what does not fit; until then everything is as it was before",
        );
    }
    match metric("refused_entities").unwrap_or_default() {
        refused if refused > 0.0 => report.problem(
            CHECK,
            format!("{refused} topics, subscriptions or hubs are not served"),
            "the log of `weft dev` names them and says why",
        ),
        _ => {
            let revision = metric("revision").map(|revision| format!(", revision {revision}"));
            report.ok(
                CHECK,
                format!("all of it is in effect{}", revision.unwrap_or_default()),
            )
        }
    }
}

/// Of a metric without labels.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let mut samples = metrics.lines().filter_map(|line| line.split_once(' '));
    let sample = samples.find(|(sample, _)| *sample == name);
    sample.and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# TYPE weft_configuration_revision gauge\nweft_configuration_revision_x 1\nweft_configuration_revision 7\n";
        assert_eq!(value(metrics, "weft_configuration_revision"), Some(7.0));
        assert_eq!(value(metrics, "weft_configuration"), None);
    }
}
