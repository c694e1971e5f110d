//! Saying what became of the configuration, in an object that the operator reads.

use std::sync::Arc;
use std::time::Duration;

use config::{PodReport, objects};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use runtime::TaskScope;
use tokio::sync::watch;

use super::Pod;
use super::backoff::Backoff;
use super::reach::{is_refusal, why};

pub(super) const FIELD_MANAGER: &str = "weft-sidecar";

/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes the newest report, whenever there is another one or `again` says that the operator may have lost it. One that
/// was overtaken before it could be written is skipped.
pub(super) struct Reporter {
    pub(super) api: Api<ConfigMap>,
    pub(super) pod: Arc<Pod>,
    pub(super) reports: watch::Receiver<Option<Arc<PodReport>>>,
    pub(super) again: watch::Receiver<()>,
    /// What the API server took last.
    pub(super) written: watch::Sender<Option<Arc<PodReport>>>,
}

impl Reporter {
    pub(super) async fn run(mut self, scope: TaskScope) {
        let mut backoff = Backoff::default();
        let mut told = None;
        loop {
            let outcome = self.write_if_due().await;
            match &outcome {
                Ok(()) => {
                    backoff.reset();
                    told = None;
                }
                Err(error) => self.tell(error, &mut told),
            }
            let retry = async {
                match outcome {
                    Ok(()) => std::future::pending().await,
                    Err(_) => tokio::time::sleep(backoff.next()).await,
                }
            };
            tokio::select! {
                () = scope.cancelled() => return,
                changed = self.reports.changed() => if changed.is_err() { return },
                changed = self.again.changed() => match changed {
                    Ok(()) => { self.written.send_replace(None); }
                    Err(_) => return,
                },
                () = retry => {}
            }
        }
    }

    async fn write_if_due(&mut self) -> Result<(), kube::Error> {
        let report = self.reports.borrow_and_update().clone();
        if report.is_none() || report == *self.written.borrow() {
            return Ok(());
        }
        self.write(report.as_deref()).await?;
        tracing::debug!(?report, "reported");
        self.written.send_replace(report);
        Ok(())
    }

    async fn write(&self, report: Option<&PodReport>) -> Result<(), kube::Error> {
        let text = serde_json::to_string(&report).map_err(kube::Error::SerdeError)?;
        let patch = serde_json::json!({"data": {objects::REPORT_KEY: text}});
        let name = objects::report(&self.pod.pod);
        let (params, patch) = (PatchParams::apply(FIELD_MANAGER), Patch::Merge(patch));
        let answer = tokio::time::timeout(PATIENCE, self.api.patch_metadata(&name, &params, &patch)).await;
        match answer {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(kube::Error::Service(
                "the API server did not answer in time".into(),
            )),
        }
    }

    /// That the API server is away is said elsewhere.
    fn tell(&self, error: &kube::Error, told: &mut Option<String>) {
        let text = why(error);
        if is_refusal(error) && told.as_ref() != Some(&text) {
            let object = objects::report(&self.pod.pod);
            tracing::warn!("cannot report to the ConfigMap {object}: {text}; trying again until it works");
            *told = Some(text);
        } else {
            tracing::debug!("report: {text}");
        }
    }
}
