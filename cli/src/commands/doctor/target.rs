//! Whom a program would talk to, with what.

use std::path::PathBuf;

use super::doors::{self, Door};
use super::ports::Open;
use crate::args;
use crate::connection::{local_data, local_settings, only_namespace};
use crate::dev;
use crate::environment::{self, Environment};
use crate::failure::Failure;

/// What a program uses of a Namespace. `weft dev` tells nobody: a program has it from its own environment.
const ENTITIES: [&str; 3] = [
    "EVENTGRID_TOPIC_NAME",
    "EVENTGRID_EVENT_SUBSCRIPTION_NAME",
    "EVENT_HUB_NAME",
];

/// The other settings that decide how a program gets through.
const SETTINGS: [&str; 12] = [
    "EVENTGRID_ENDPOINT",
    "EVENTGRID_KEY",
    "EVENT_HUB_FULLY_QUALIFIED_NAMESPACE",
    "EVENT_HUB_CONNECTION_STR",
    "BLOB_STORAGE_ACCOUNT_URL",
    "BLOB_STORAGE_CONNECTION_STRING",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "SSL_CERT_FILE",
    "WEFT_OPERATIONS_URL",
];

/// A Namespace, as a program is told about it.
pub(super) struct Target {
    pub(super) what: String,
    /// Whether `weft dev` wrote the settings; else they are those of the environment.
    pub(super) is_local: bool,
    pub(super) doors: Vec<Door>,
    /// By which the settings say that it is known.
    pub(super) roots: Option<PathBuf>,
    /// Whether programs that are started from here would be told nothing else than what the environment says.
    pub(super) is_environment: bool,
    settings: Vec<(String, String)>,
}

impl Target {
    pub(super) fn resolve(args: &args::Connection, environment: &Environment) -> Result<Self, Failure> {
        let endpoint = args.place.endpoint.as_ref().or(environment.endpoint.as_ref());
        match (local_data(args, environment), endpoint) {
            (None, Some(endpoint)) => Self::elsewhere(endpoint, args),
            (data, _) => {
                let data = data.unwrap_or_default();
                let namespace = match &args.namespace {
                    Some(name) => name.clone(),
                    None => only_namespace(&data)?,
                };
                let mut settings = local_settings(&data, &namespace)?;
                settings.extend(inherited(ENTITIES));
                let mut target = Self::new(
                    format!("the Namespace {namespace} in {}", data.display()),
                    settings,
                );
                target.is_local = true;
                target.doors = doors::local(&target, dev::ports_of(&data, &namespace)?);
                target.roots = args.place.ca_file.clone().or(target.roots);
                Ok(target)
            }
        }
    }

    fn elsewhere(endpoint: &str, args: &args::Connection) -> Result<Self, Failure> {
        let mut settings: Vec<_> = inherited(SETTINGS).chain(inherited(ENTITIES)).collect();
        let mut set = |key: &str, value: String| {
            settings.retain(|(name, _)| name != key);
            settings.push((key.to_owned(), value));
        };
        set("EVENTGRID_ENDPOINT", endpoint.trim_end_matches('/').to_owned());
        if let Some(file) = &args.place.key_file {
            let key = std::fs::read_to_string(file)
                .map_err(|cause| Failure::machine(format!("read the key from {}", file.display()), cause))?;
            set("EVENTGRID_KEY", key.trim().to_owned());
        }
        if let Some(file) = &args.place.token_file {
            set("AZURE_FEDERATED_TOKEN_FILE", file.to_string_lossy().into_owned());
        }
        let mut target = Self::new(endpoint.to_owned(), settings);
        target.doors = doors::named(&target);
        target.is_environment = args.place.ca_file.is_none();
        target.roots = args.place.ca_file.clone().or(target.roots);
        if target.doors.is_empty() {
            return Err(Failure::usage(format!("the endpoint `{endpoint}` is not a URL"))
                .with_next("write it as http://HOST:PORT or https://HOST:PORT"));
        }
        Ok(target)
    }

    fn new(what: String, settings: Vec<(String, String)>) -> Self {
        let mut target = Self {
            what,
            is_local: false,
            doors: Vec::new(),
            roots: None,
            is_environment: false,
            settings,
        };
        target.roots = target.setting("SSL_CERT_FILE").map(PathBuf::from);
        target
    }

    /// As a program finds it. An empty one is none.
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(name, _)| name == key);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A door at which questions can be asked; one with TLS if there is one.
    pub(super) fn http_door<'o>(&self, open: &'o [Open]) -> Option<&'o Door> {
        let doors = open.iter().map(|open| &open.door);
        doors
            .filter(|door| ["http", "https"].contains(&door.name))
            .max_by_key(|door| door.has_tls)
    }

    /// What helps when nothing answers.
    pub(super) fn absent(&self) -> &'static str {
        match self.is_local {
            true => "start `weft dev`, or give the --data-dir of the one that runs",
            false => {
                "check that the Namespace is ready (`kubectl get eventnamespaces.weft.dev`), and that no NetworkPolicy \
                 is in the way; a few seconds after it became ready, not every node leads to it yet"
            }
        }
    }
}

fn inherited<const N: usize>(keys: [&str; N]) -> impl Iterator<Item = (String, String)> {
    let text = |key: &str| Some((key.to_owned(), environment::inherited(key)?.into_string().ok()?));
    keys.into_iter().filter_map(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn target(settings: &[(&str, &str)]) -> Target {
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Target::new("x".to_owned(), settings.collect())
    }

    #[test]
    fn an_empty_setting_is_none() {
        assert_eq!(target(&[("EVENTGRID_KEY", "")]).setting("EVENTGRID_KEY"), None);
    }
}
