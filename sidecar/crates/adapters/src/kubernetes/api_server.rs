//! The API server, for whoever asks it something now and then.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::OnceCell;

use super::access::Access;

/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to the API server that is prepared when it is first needed. Cheap to clone; clones share
/// connections.
#[derive(Clone)]
pub struct ApiServer(Arc<Inner>);

struct Inner {
    access: Access,
    client: OnceCell<Client>,
}

impl ApiServer {
    /// Does not connect yet.
    pub fn new(access: Access) -> Self {
        Self(Arc::new(Inner {
            access,
            client: OnceCell::new(),
        }))
    }

    #[cfg(test)]
    pub(super) fn with(client: Client) -> Self {
        Self(Arc::new(Inner {
            access: Access::InCluster,
            client: OnceCell::new_with(Some(client)),
        }))
    }

    /// What `ask` says, or that nobody answered in time.
    pub(super) async fn ask<T, F>(&self, ask: impl FnOnce(Client) -> F) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.ask_within(PATIENCE, ask).await
    }

    /// The same for who cannot wait that long.
    pub(super) async fn ask_within<T, F>(
        &self,
        patience: Duration,
        ask: impl FnOnce(Client) -> F,
    ) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let answer = async {
            let prepare = || self.0.access.client();
            let client = self.0.client.get_or_try_init(prepare).await;
            let client = client.map_err(|reason| kube::Error::Service(reason.into()))?;
            ask(client.clone()).await
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(kube::Error::Service(
                "the API server did not answer in time".into(),
            )),
        }
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ApiServer").field(&self.0.access).finish()
    }
}
