//! The port for whoever runs the process: health, readiness, metrics. Never reachable through a Service.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::TaskScope;
use crate::accept::accept_one;

/// Connections open at once. Further ones are closed without an answer.
const CONNECTIONS: usize = 64;
/// A connection without a request is closed after this long.
const PATIENCE: Duration = Duration::from_secs(30);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the operations port tells.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let (registry, scope) = (runtime::metrics::Registry::default(), runtime::TaskScope::root());
/// let (ready, is_ready) = tokio::sync::watch::channel(false);
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:9464").await?;
/// runtime::Operations::new(is_ready, move || registry.encode()).open(listener, &scope);
/// ready.send_replace(true);
/// # Ok(())
/// # }
/// ```
pub struct Operations {
    ready: watch::Receiver<bool>,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl Operations {
    /// `ready` decides `/readyz`; `metrics` is called for every `/metrics`.
    pub fn new(ready: watch::Receiver<bool>, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self {
            ready,
            metrics: Box::new(metrics),
        }
    }

    /// Serves on `listener` until `scope` is shut down:
    /// `/healthz` (200 as long as the process can answer), `/readyz` (200 or 503) and `/metrics` (OpenMetrics text).
    pub fn open(self, listener: TcpListener, scope: &TaskScope) {
        scope.spawn(
            "operations accept",
            accept(Arc::new(self), listener, scope.clone()),
        );
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if *self.ready.borrow() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => {
                let mut response = Response::new(Full::from((self.metrics)()));
                response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
                response
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "paths are /healthz, /readyz and /metrics\n",
            ),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

async fn accept(operations: Arc<Operations>, listener: TcpListener, scope: TaskScope) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = tokio::select! {
            biased;
            () = scope.cancelled() => return,
            (stream, _peer) = accept_one(&listener) => stream,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let serve = serve(operations.clone(), stream, scope.clone());
        scope.spawn("operations connection", async move {
            let _place = place;
            serve.await;
        });
    }
}

async fn serve(operations: Arc<Operations>, stream: TcpStream, scope: TaskScope) {
    let service = service_fn(async |request| Ok::<_, Infallible>(operations.answer(&request)));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = scope.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "operations connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn call(address: SocketAddr, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_readiness_and_metrics_are_told() {
        let scope = TaskScope::root();
        let (ready, is_ready) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Operations::new(is_ready, || "# EOF\n".to_owned()).open(listener, &scope);
        assert!(call(address, "GET", "/healthz").await.ends_with("\r\n\r\nok\n"));
        assert!(call(address, "GET", "/readyz").await.starts_with("HTTP/1.1 503 "));
        ready.send_replace(true);
        assert!(call(address, "GET", "/readyz").await.starts_with("HTTP/1.1 200 "));
        let metrics = call(address, "GET", "/metrics").await;
        assert!(
            metrics.contains("content-type: application/openmetrics-text"),
            "{metrics}"
        );
        assert!(metrics.ends_with("\r\n\r\n# EOF\n"), "{metrics}");
        assert!(call(address, "GET", "/").await.starts_with("HTTP/1.1 404 "));
        assert!(
            call(address, "POST", "/metrics")
                .await
                .starts_with("HTTP/1.1 405 ")
        );
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_up_the_stop() {
        let scope = TaskScope::root();
        let (_ready, is_ready) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Operations::new(is_ready, String::new).open(listener, &scope);
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: weft\r\n\r\n")
            .await
            .unwrap();
        idle.readable().await.unwrap();
        assert!(scope.shutdown(Duration::from_secs(5)).await.is_empty());
        let mut rest = String::new();
        idle.read_to_string(&mut rest).await.unwrap();
        assert!(rest.ends_with("ok\n"), "{rest}");
    }
}
