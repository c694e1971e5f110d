//! An API server in memory for what is asked now and then: objects with versions, reviews, the issuer's
//! documents.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::service_fn;

use super::ApiServer;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    config_maps: BTreeMap<String, Value>,
    version: u64,
    /// What is answered at a path, as it is.
    documents: BTreeMap<String, String>,
    /// Answers to reviews, by verb and name.
    allowed: Vec<(String, String)>,
    reviews: Vec<Value>,
    /// Status and message that every request gets.
    failure: Option<(u16, String)>,
    patches: Vec<String>,
    /// What `/readyz` says; nothing by itself.
    is_ready: Option<bool>,
    /// Whether requests are taken and never answered.
    hangs: bool,
    /// Requests that came while it hung.
    held: usize,
}

impl Fake {
    pub(super) fn server(&self) -> ApiServer {
        let fake = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.respond(request).await) }
        });
        ApiServer::with(Client::new(service, "team"))
    }

    pub(super) fn put_config_map(&self, name: &str, labels: Value) {
        let mut state = self.0.lock();
        state.version += 1;
        let version = state.version.to_string();
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "team", "resourceVersion": version, "labels": labels},
        });
        state.config_maps.insert(name.to_owned(), object);
    }

    pub(super) fn config_map(&self, name: &str) -> ConfigMap {
        serde_json::from_value(self.0.lock().config_maps[name].clone()).unwrap()
    }

    /// As `kubectl edit` does it.
    pub(super) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut state = self.0.lock();
        state.version += 1;
        let version = state.version.to_string();
        let object = state.config_maps.get_mut(name).unwrap();
        edit(object);
        object["metadata"]["resourceVersion"] = json!(version);
    }

    pub(super) fn remove_config_map(&self, name: &str) {
        self.0.lock().config_maps.remove(name);
    }

    pub(super) fn publish(&self, path: &str, document: &Value) {
        self.0
            .lock()
            .documents
            .insert(path.to_owned(), document.to_string());
    }

    pub(super) fn allow(&self, verb: &str, name: &str) {
        self.0.lock().allowed.push((verb.to_owned(), name.to_owned()));
    }

    /// What was asked, as it was asked.
    pub(super) fn reviews(&self) -> Vec<Value> {
        self.0.lock().reviews.clone()
    }

    /// Names of the objects that were patched, in their order.
    pub(super) fn patches(&self) -> Vec<String> {
        self.0.lock().patches.clone()
    }

    pub(super) fn fail_with(&self, failure: Option<(u16, &str)>) {
        self.0.lock().failure = failure.map(|(status, message)| (status, message.to_owned()));
    }

    pub(super) fn be_ready(&self, is_ready: bool) {
        self.0.lock().is_ready = Some(is_ready);
    }

    /// From now on it takes requests and answers none.
    pub(super) fn hang(&self) {
        self.0.lock().hangs = true;
    }

    /// How many requests it has left without an answer.
    pub(super) fn held(&self) -> usize {
        self.0.lock().held
    }

    fn holds(&self) -> bool {
        let mut state = self.0.lock();
        state.held += usize::from(state.hangs);
        state.hangs
    }

    async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if self.holds() {
            std::future::pending::<()>().await;
        }
        let path = head.uri.path();
        let mut state = self.0.lock();
        if let Some((status, message)) = &state.failure {
            return failure(*status, message);
        }
        if let ("/readyz", Some(is_ready)) = (path, state.is_ready) {
            return match is_ready {
                true => answer(200, "ok".to_owned()),
                false => failure(500, "[-]informer-sync failed"),
            };
        }
        if let Some(document) = state.documents.get(path) {
            return answer(200, document.clone());
        }
        if let Some(name) = path.strip_prefix("/api/v1/namespaces/team/configmaps/") {
            return match head.method {
                Method::GET => state.get(name),
                Method::PATCH => state.patch(name, &body),
                _ => failure(405, "not allowed"),
            };
        }
        let reviews = "/apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews";
        match (head.method, path == reviews) {
            (Method::POST, true) => state.review(&body),
            _ => failure(404, "the server could not find the requested resource"),
        }
    }
}

impl State {
    fn get(&self, name: &str) -> Response<Body> {
        match self.config_maps.get(name) {
            Some(object) => answer(200, object.to_string()),
            None => failure(404, &format!("configmaps \"{name}\" not found")),
        }
    }

    /// RFC 7386, with the precondition that Kubernetes makes of a version in the patch.
    fn patch(&mut self, name: &str, body: &[u8]) -> Response<Body> {
        let patch: Value = serde_json::from_slice(body).unwrap();
        self.version += 1;
        let version = self.version;
        let Some(object) = self.config_maps.get_mut(name) else {
            return failure(404, &format!("configmaps \"{name}\" not found"));
        };
        let wanted = &patch["metadata"]["resourceVersion"];
        if !wanted.is_null() && *wanted != object["metadata"]["resourceVersion"] {
            return failure(409, "the object has been modified");
        }
        for kind in ["data", "binaryData"] {
            if let Some(values) = patch[kind].as_object() {
                for (key, value) in values {
                    object[kind][key] = value.clone();
                }
            }
        }
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.patches.push(name.to_owned());
        answer(200, object.to_string())
    }

    fn review(&mut self, body: &[u8]) -> Response<Body> {
        let mut review: Value = serde_json::from_slice(body).unwrap();
        self.reviews.push(review.clone());
        let attributes = &review["spec"]["resourceAttributes"];
        let asked = |key: &str| attributes[key].as_str().unwrap_or_default().to_owned();
        let is_allowed = self.allowed.contains(&(asked("verb"), asked("name")));
        review["status"] = json!({"allowed": is_allowed});
        answer(201, review.to_string())
    }
}

fn failure(status: u16, message: &str) -> Response<Body> {
    let object = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": message,
        "reason": "", "code": status,
    });
    answer(status, object.to_string())
}

fn answer(status: u16, text: String) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    response.body(Body::from(text.into_bytes())).unwrap()
}
