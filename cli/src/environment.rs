//! The environment variables that mean something to `weft`, read once; and those that a program inherits from it.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Settings that a program would find in its environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `EVENTGRID_ENDPOINT`
    pub(crate) endpoint: Option<String>,
    /// `EVENTGRID_KEY`
    pub(crate) key: Option<String>,
    /// `AZURE_FEDERATED_TOKEN_FILE`: a bearer token.
    pub(crate) token_file: Option<PathBuf>,
    /// `SSL_CERT_FILE`: the roots to trust.
    pub(crate) roots: Option<PathBuf>,
    /// `WEFT_LOG`: what `weft dev` logs, as a list of directives.
    pub(crate) log: Option<String>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        Self {
            endpoint: text("EVENTGRID_ENDPOINT"),
            key: text("EVENTGRID_KEY"),
            token_file: variable("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
            roots: variable("SSL_CERT_FILE").map(PathBuf::from),
            log: text("WEFT_LOG"),
        }
    }
}

/// What a program that is started from here would find under that name.
pub(crate) fn inherited(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// All that are text, for whoever knows which of them concern it.
pub(crate) fn variables() -> Vec<(String, String)> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    env::vars_os().filter_map(text).collect()
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}
