//! The requests about the Lease.

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};

use super::LEASE;

pub(super) struct LeaseApi(Api<Lease>);

/// What became of a write.
pub(super) enum Written {
    /// It is the newest version now.
    Stored(Box<Lease>),
    /// Somebody else wrote first.
    Lost,
    /// Nobody knows.
    Failed(kube::Error),
}

impl LeaseApi {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    pub(super) async fn read(&self) -> Result<Option<Lease>, kube::Error> {
        self.0.get_opt(LEASE).await
    }

    /// Creates a Lease without resourceVersion, replaces one with. Either succeeds for one writer only.
    pub(super) async fn write(&self, lease: &Lease) -> Written {
        let parameters = PostParams {
            field_manager: Some(crate::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let outcome = match lease.metadata.resource_version {
            None => self.0.create(&parameters, lease).await,
            Some(_) => self.0.replace(LEASE, &parameters, lease).await,
        };
        match outcome {
            Ok(lease) => Written::Stored(Box::new(lease)),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Written::Lost,
            Err(error) => Written::Failed(error),
        }
    }
}
