//! Where a Namespace is, and what opens it.

mod credential;

use std::fs;
use std::path::{Path, PathBuf};

use crate::args;
use crate::dotenv;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};
pub(crate) use credential::Credential;

/// The data folder of `weft dev`, unless told otherwise.
const DEFAULT_DATA: &str = ".weft";

/// Settings of one Namespace.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Without a slash at the end.
    pub(crate) endpoint: String,
    pub(crate) credential: Credential,
    /// PEM certificates to trust, instead of the system's own.
    pub(crate) roots: Option<PathBuf>,
}

impl Connection {
    /// From `--endpoint` and `--key-file` or `--token-file`; else a local Namespace, if one is named; else from the environment; else
    /// the only local Namespace.
    pub(crate) fn resolve(args: &args::Connection, environment: &Environment) -> Result<Self, Failure> {
        let endpoint = args.place.endpoint.as_ref().or(environment.endpoint.as_ref());
        let mut connection = match (local_data(args, environment), endpoint) {
            (None, Some(endpoint)) => Self::elsewhere(endpoint, args, environment)?,
            (data, _) => {
                let data = data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
                Self::local(&data, args.namespace.as_deref())?
            }
        };
        if let Some(file) = &args.place.ca_file {
            connection.roots = Some(file.clone());
        }
        Ok(connection)
    }

    fn elsewhere(
        endpoint: &str,
        args: &args::Connection,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let credential = Credential::elsewhere(args, environment)?.ok_or_else(|| {
            Failure::usage("no key and no token for this endpoint").with_next(
                "put one into a file and give --key-file FILE or --token-file FILE, or set EVENTGRID_KEY or \
                 AZURE_FEDERATED_TOKEN_FILE",
            )
        })?;
        Self::new(endpoint, credential, environment.roots.clone())
    }

    fn local(data: &Path, namespace: Option<&str>) -> Result<Self, Failure> {
        let namespace = match namespace {
            Some(name) => name.to_owned(),
            None => only_namespace(data)?,
        };
        let variables = local_settings(data, &namespace)?;
        let value = |key: &str| {
            variables
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        let missing = || {
            Failure::machine(
                format!("use {}", env_file(data, &namespace).display()),
                "no endpoint, or neither key nor token in it",
            )
        };
        // Where keys are not accepted there is none, and tokens go to a door with TLS only.
        let (endpoint, credential) = match value("EVENTGRID_KEY") {
            Some(key) => (value("EVENTGRID_ENDPOINT"), Some(Credential::Key(key))),
            None => {
                let file = value("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from);
                (value("AZURE_AUTHORITY_HOST"), file.map(Credential::TokenFile))
            }
        };
        let (endpoint, credential) = endpoint.zip(credential).ok_or_else(missing)?;
        Self::new(&endpoint, credential, value("SSL_CERT_FILE").map(PathBuf::from))
    }

    fn new(endpoint: &str, credential: Credential, roots: Option<PathBuf>) -> Result<Self, Failure> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Failure::usage(format!("the endpoint `{endpoint}` is not a URL"))
                .with_next("write it as http://HOST:PORT or https://HOST:PORT"));
        }
        credential.may_be_shown_to(&endpoint)?;
        Ok(Self {
            endpoint,
            credential,
            roots,
        })
    }
}

/// The data folder of the local Namespaces, if a command is about them: no endpoint is given, and none is in the
/// environment either, or a local Namespace is asked for.
pub(crate) fn local_data(args: &args::Connection, environment: &Environment) -> Option<PathBuf> {
    let wants_local = args.namespace.is_some() || args.place.data_dir.is_some();
    let has_credential = environment.key.is_some() || environment.token_file.is_some();
    let is_elsewhere = environment.endpoint.is_some() && has_credential && !wants_local;
    if args.place.endpoint.is_some() || is_elsewhere {
        return None;
    }
    Some(
        args.place
            .data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)),
    )
}

/// The settings that `weft dev` wrote for `namespace`.
pub(crate) fn local_settings(data: &Path, namespace: &str) -> Result<Vec<(String, String)>, Failure> {
    let file = env_file(data, namespace);
    let text = fs::read_to_string(&file).map_err(|cause| no_settings(data, namespace, &cause))?;
    dotenv::parse(&text).map_err(|line| {
        Failure::machine(
            format!("read {}", file.display()),
            format!("line {line} is not KEY='value'"),
        )
    })
}

/// `DATA/NAMESPACE.env`.
pub(crate) fn env_file(data: &Path, namespace: &str) -> PathBuf {
    data.join(format!("{namespace}.env"))
}

fn no_settings(data: &Path, namespace: &str, cause: &std::io::Error) -> Failure {
    if cause.kind() != std::io::ErrorKind::NotFound {
        return Failure::machine(format!("read {}", env_file(data, namespace).display()), cause);
    }
    let known = local_namespaces(data);
    let next = if known.is_empty() {
        "start it with `weft dev DIR`, or say where its data is (--data-dir)".to_owned()
    } else {
        format!("the Namespaces there are: {}", known.join(", "))
    };
    Failure::new(
        Exit::Machine,
        format!("no Namespace `{namespace}` in {}", data.display()),
    )
    .with_next(next)
}

pub(crate) fn only_namespace(data: &Path) -> Result<String, Failure> {
    let mut names = local_namespaces(data);
    match names.len() {
        1 => Ok(names.remove(0)),
        0 => Err(Failure::new(Exit::Machine, format!("no Namespace runs from {}", data.display())).with_next(
            "start one with `weft dev DIR`, or give --data-dir, --endpoint, or EVENTGRID_ENDPOINT and EVENTGRID_KEY",
        )),
        _ => Err(Failure::usage(format!("{} has several Namespaces: {}", data.display(), names.join(", ")))
            .with_next("choose one with --namespace NAME")),
    }
}

/// The Namespaces for which the data folder has settings.
pub(crate) fn local_namespaces(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".env")?.to_owned()))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(namespace: Option<&str>, data: Option<&Path>) -> args::Connection {
        args::Connection {
            namespace: namespace.map(str::to_owned),
            place: args::Place {
                data_dir: data.map(Path::to_owned),
                ..args::Place::default()
            },
        }
    }

    fn key(connection: &Connection) -> &str {
        match &connection.credential {
            Credential::Key(key) => key,
            Credential::TokenFile(file) => panic!("a token in {}", file.display()),
        }
    }

    fn data_with(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let text = format!("EVENTGRID_ENDPOINT='http://{name}:1/'\nEVENTGRID_KEY='k-{name}'\n");
            fs::write(env_file(dir.path(), name), text).unwrap();
        }
        dir
    }

    #[test]
    fn the_only_local_namespace_needs_no_name() {
        let data = data_with(&["shop"]);
        let found = Connection::resolve(&args(None, Some(data.path())), &Environment::default()).unwrap();
        assert_eq!(
            (found.endpoint.as_str(), key(&found)),
            ("http://shop:1", "k-shop")
        );
    }

    #[test]
    fn several_local_namespaces_need_a_name() {
        let data = data_with(&["shop", "bank"]);
        let failure = Connection::resolve(&args(None, Some(data.path())), &Environment::default())
            .err()
            .unwrap();
        assert!(failure.to_string().contains("bank, shop"), "{failure}");
        let found =
            Connection::resolve(&args(Some("bank"), Some(data.path())), &Environment::default()).unwrap();
        assert_eq!(key(&found), "k-bank");
    }

    #[test]
    fn the_environment_counts_unless_a_local_namespace_is_asked_for() {
        let data = data_with(&["shop"]);
        let environment = Environment {
            endpoint: Some("https://elsewhere".into()),
            key: Some("k".into()),
            ..Environment::default()
        };
        let found = Connection::resolve(&args(None, None), &environment).unwrap();
        assert_eq!(found.endpoint, "https://elsewhere");
        let found = Connection::resolve(&args(Some("shop"), Some(data.path())), &environment).unwrap();
        assert_eq!(found.endpoint, "http://shop:1");
    }

    #[test]
    fn where_keys_are_not_accepted_the_token_goes_to_the_door_with_tls() {
        let data = tempfile::tempdir().unwrap();
        let text = "EVENTGRID_ENDPOINT='https://127.0.0.1:1'\nAZURE_AUTHORITY_HOST='https://127.0.0.1:1/'\n\
                    AZURE_FEDERATED_TOKEN_FILE='/d/shop.token'\n";
        fs::write(env_file(data.path(), "shop"), text).unwrap();
        let found = Connection::resolve(&args(None, Some(data.path())), &Environment::default()).unwrap();
        assert_eq!(found.endpoint, "https://127.0.0.1:1");
        assert!(
            matches!(found.credential, Credential::TokenFile(file) if file == Path::new("/d/shop.token"))
        );
    }

    #[test]
    fn a_programs_environment_with_a_token_is_enough() {
        let environment = Environment {
            endpoint: Some("https://shop.apps.svc".into()),
            token_file: Some("/var/run/weft/token/token".into()),
            ..Environment::default()
        };
        let found = Connection::resolve(&args(None, None), &environment).unwrap();
        assert_eq!(found.endpoint, "https://shop.apps.svc");
        let plain = Environment {
            endpoint: Some("http://shop.apps.svc".into()),
            ..environment
        };
        let failure = Connection::resolve(&args(None, None), &plain).unwrap_err();
        assert!(failure.to_string().contains("https"), "{failure}");
    }
}
