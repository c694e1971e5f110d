//! Where a Namespace is, and the key to it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::args;
use crate::dotenv;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};

/// The data folder of `weft dev`, unless told otherwise.
const DEFAULT_DATA: &str = ".weft";

/// Settings of one Namespace. `Debug` is not derived: it holds a key.
pub(crate) struct Connection {
    /// Without a slash at the end.
    pub(crate) endpoint: String,
    pub(crate) key: String,
    /// PEM certificates to trust, instead of the system's own.
    pub(crate) roots: Option<PathBuf>,
}

impl Connection {
    /// From `--endpoint` and `--key-file`; else a local Namespace, if one is named; else from the environment; else
    /// the only local Namespace.
    pub(crate) fn resolve(args: &args::Connection, environment: &Environment) -> Result<Self, Failure> {
        let endpoint = args.endpoint.as_ref().or(environment.endpoint.as_ref());
        let mut connection = match (local_data(args, environment), endpoint) {
            (None, Some(endpoint)) => Self::elsewhere(endpoint, args.key_file.as_deref(), environment)?,
            (data, _) => {
                let data = data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
                Self::local(&data, args.namespace.as_deref())?
            }
        };
        if let Some(file) = &args.ca_file {
            connection.roots = Some(file.clone());
        }
        Ok(connection)
    }

    fn elsewhere(
        endpoint: &str,
        key_file: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let key = match key_file {
            Some(file) => read_key(file)?,
            None => environment.key.clone().ok_or_else(|| {
                Failure::usage("no key for this endpoint")
                    .with_next("put the key into a file and give --key-file FILE, or set EVENTGRID_KEY")
            })?,
        };
        Self::new(endpoint, key, environment.roots.clone())
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
                "no endpoint or key in it",
            )
        };
        let endpoint = value("EVENTGRID_ENDPOINT").ok_or_else(missing)?;
        let key = value("EVENTGRID_KEY").ok_or_else(missing)?;
        Self::new(&endpoint, key, value("SSL_CERT_FILE").map(PathBuf::from))
    }

    fn new(endpoint: &str, key: String, roots: Option<PathBuf>) -> Result<Self, Failure> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Failure::usage(format!("the endpoint `{endpoint}` is not a URL"))
                .with_next("write it as http://HOST:PORT or https://HOST:PORT"));
        }
        Ok(Self { endpoint, key, roots })
    }
}

/// The data folder of the local Namespaces, if a command is about them: no endpoint is given, and none is in the
/// environment either, or a local Namespace is asked for.
pub(crate) fn local_data(args: &args::Connection, environment: &Environment) -> Option<PathBuf> {
    let wants_local = args.namespace.is_some() || args.data_dir.is_some();
    let is_elsewhere = environment.endpoint.is_some() && environment.key.is_some() && !wants_local;
    if args.endpoint.is_some() || is_elsewhere {
        return None;
    }
    Some(
        args.data_dir
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

fn only_namespace(data: &Path) -> Result<String, Failure> {
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

fn read_key(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|cause| Failure::machine(format!("read the key from {}", file.display()), cause))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(Failure::machine(
            format!("read the key from {}", file.display()),
            "it does not hold exactly one key",
        ));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(namespace: Option<&str>, data: Option<&Path>) -> args::Connection {
        args::Connection {
            namespace: namespace.map(str::to_owned),
            data_dir: data.map(Path::to_owned),
            endpoint: None,
            key_file: None,
            ca_file: None,
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
            (found.endpoint.as_str(), found.key.as_str()),
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
        assert_eq!(found.key, "k-bank");
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
}
