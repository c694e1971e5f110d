//! A cluster's rights in front of `weft dev`, where everybody has every right.
//!
//! Whoever asks through a [`Guard`] holds roles of the chart, whatever the token. What they allow is passed on; the rest is
//! refused in the words of the doors, with what `auth::names` would ask the API server about.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use ureq::Agent;
use ureq::http::{Request, Response};

use crate::home::Home;

/// The Namespace, and what it has. Clients call them as Kubernetes does.
const NAMESPACE: &str = "eventnamespaces.weft.dev/shop";
const HUBS: [&str; 1] = ["telemetry"];
const TOPICS: [&str; 1] = ["orders"];
const SUBSCRIPTIONS: [&str; 1] = ["billing"];

/// Resources and the verbs on them.
type Rule = (Vec<String>, Vec<String>);

/// A door that refuses. It is there until the end of the tests.
pub(crate) struct Guard {
    pub(crate) endpoint: String,
    token_file: String,
}

/// What is wanted: a verb, and the things on each of which it is enough.
struct Wanted {
    verb: &'static str,
    objects: Vec<String>,
}

struct Door {
    rules: Vec<Rule>,
    agent: Agent,
    endpoint: String,
    key: String,
}

impl Guard {
    /// For who has these roles, before the Namespace `shop` of `home`, which runs.
    pub(crate) fn before(home: &Home, roles: &[&str]) -> Self {
        let mut of_chart = chart();
        let rules = roles.iter().flat_map(|role| of_chart.remove(*role).unwrap());
        let config = Agent::config_builder().http_status_as_error(false);
        let door = Arc::new(Door {
            rules: rules.collect(),
            agent: config.build().new_agent(),
            endpoint: format!("http://127.0.0.1:{}", home.port_base),
            key: home.setting("shop", "EVENTGRID_KEY"),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let door = door.clone();
                thread::spawn(move || door.serve(stream.unwrap()));
            }
        });
        Self {
            endpoint,
            token_file: home.setting("shop", "AZURE_FEDERATED_TOKEN_FILE"),
        }
    }

    /// `weft` with these arguments, for the one who has the roles.
    pub(crate) fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        let place = ["--endpoint", &self.endpoint, "--token-file", &self.token_file];
        home.command(&[arguments, &place].concat())
    }
}

impl Door {
    /// One request a connection. A peer that leaves early is none of ours.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let headers: Vec<_> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        let (method, path) = lines[0].split_once(' ').unwrap();
        let path = path.strip_suffix(" HTTP/1.1").unwrap();
        let wanted = wanted(method, path);
        let answer = match wanted.filter(|wanted| !wanted.is_allowed_by(&self.rules)) {
            Some(refused) => refused.refusal(),
            None => self.pass_on(method, path, &headers, &body),
        };
        reader.get_mut().write_all(&answer).ok()
    }

    fn pass_on(&self, method: &str, path: &str, headers: &[(String, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint));
        for (name, value) in headers {
            if name == "content-type" || name.starts_with("x-ms-") || name.starts_with("if-") {
                request = request.header(name, *value);
            }
        }
        let request = request.header("authorization", format!("SharedAccessKey {}", self.key));
        let answer = match method {
            "GET" => self.agent.run(request.body(()).unwrap()),
            _ => self.agent.run(request.body(body).unwrap()),
        };
        told(answer.unwrap())
    }
}

fn told(mut answer: Response<ureq::Body>) -> Vec<u8> {
    let body = answer.body_mut().read_to_string().unwrap();
    let date = answer.headers()["date"].to_str().unwrap();
    let status = answer.status().as_u16();
    format!(
        "HTTP/1.1 {status} x\r\ndate: {date}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Wanted {
    /// Rules name resources with what may be below them.
    fn is_allowed_by(&self, rules: &[Rule]) -> bool {
        let resource = |object: &str| match object.strip_prefix(NAMESPACE) {
            Some(below) => format!("eventnamespaces{below}"),
            None => object.split('.').next().unwrap_or_default().to_owned(),
        };
        self.objects.iter().any(|object| {
            rules.iter().any(|(resources, verbs)| {
                resources.contains(&resource(object)) && verbs.iter().any(|verb| verb == self.verb)
            })
        })
    }

    fn refusal(&self) -> Vec<u8> {
        let message = format!(
            "`system:serviceaccount:default:web` may not `{}` on {}: bind a role that has the verb, such as another",
            self.verb,
            self.objects.join(" or ")
        );
        let body = serde_json::json!({"error": {"code": "Forbidden", "message": message}}).to_string();
        let length = body.len();
        format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes()
    }
}

/// None if it takes no right.
fn wanted(method: &str, path: &str) -> Option<Wanted> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<_> = path.trim_start_matches('/').split([':', '/']).collect();
    let (verb, own): (_, Vec<Option<String>>) = match segments[..] {
        ["checkpoints", ..] => {
            let verb = if method == "GET" { "receive" } else { "send" };
            return Some(Wanted {
                verb,
                objects: vec![format!("{NAMESPACE}/checkpoints")],
            });
        }
        ["$weft", "v1", "hubs", hub, ..] => ("receive", vec![known("hubs", &HUBS, hub)]),
        ["$weft", "v1", "topics", topic, ..] => ("receive", vec![known("topics", &TOPICS, topic)]),
        ["$weft", ..] => ("receive", vec![]),
        ["topics", topic, "publish"] => ("send", vec![known("topics", &TOPICS, topic)]),
        ["topics", topic, _, subscription, _] => (
            "receive",
            vec![
                known("eventsubscriptions", &SUBSCRIPTIONS, subscription),
                known("topics", &TOPICS, topic),
            ],
        ),
        [hub, .., "messages"] => ("send", vec![known("hubs", &HUBS, hub)]),
        _ => return None,
    };
    let objects = own.into_iter().flatten().chain([NAMESPACE.to_owned()]);
    Some(Wanted {
        verb,
        objects: objects.collect(),
    })
}

/// Of what is not there, nobody can have a right.
fn known(resource: &str, names: &[&str], name: &str) -> Option<String> {
    names
        .contains(&name)
        .then(|| format!("{resource}.weft.dev/{name}"))
}

/// The chart's roles for data.
fn chart() -> BTreeMap<String, Vec<Rule>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/weft/templates/_data-roles.tpl");
    let text = fs::read_to_string(file).unwrap();
    let mut roles: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    let mut role = String::new();
    let mut resources = Vec::new();
    for line in text.lines() {
        let list = |rest: &str| {
            let items = rest.trim_matches(['[', ']']).split(", ");
            items.map(str::to_owned).collect::<Vec<_>>()
        };
        let (key, rest) = line.split_once(':').unwrap_or_default();
        match key.trim() {
            _ if !line.starts_with(' ') => key.clone_into(&mut role),
            "resources" => resources = list(rest.trim()),
            "verbs" => roles
                .entry(role.clone())
                .or_default()
                .push((resources.clone(), list(rest.trim()))),
            _ => {}
        }
    }
    roles
}
