//! The port for whoever runs the process.

use front::{Listener, Operations};
use tokio::sync::watch;

use crate::client::Client;

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let scope = runtime::TaskScope::root();
    let (ready, watch) = watch::channel(false);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_address().unwrap();
    Operations::new(watch, || "# EOF\n".to_owned()).open(listener, &scope);
    let mut client = Client::connect(address).await;
    assert_eq!(client.call("GET", "/healthz", &[], "").await.text(), "ok\n");
    assert_eq!(client.call("GET", "/readyz", &[], "").await.status, 503);
    ready.send(true).unwrap();
    assert_eq!(client.call("GET", "/readyz", &[], "").await.status, 200);
    let metrics = client.call("GET", "/metrics", &[], "").await;
    assert_eq!(metrics.text(), "# EOF\n");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert_eq!(client.call("GET", "/", &[], "").await.status, 404);
    assert_eq!(client.call("POST", "/metrics", &[], "").await.status, 405);
    assert!(scope.shutdown(std::time::Duration::from_secs(5)).await.is_empty());
    assert!(client.is_closed().await);
}
