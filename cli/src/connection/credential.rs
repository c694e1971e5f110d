//! What opens a Namespace: an access key, or a bearer token.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::args;
use crate::client::is_loopback;
use crate::environment::Environment;
use crate::failure::Failure;

/// What a command shows. `Debug` tells no secret.
#[derive(Clone)]
pub(crate) enum Credential {
    /// An access key.
    Key(String),
    /// A file with a bearer token. It is read for every request, because whoever keeps it there replaces it.
    TokenFile(PathBuf),
}

impl Credential {
    /// For an endpoint that is not local mode's: from files that are named, else from the environment.
    pub(super) fn elsewhere(
        args: &args::Connection,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        if let Some(file) = &args.place.key_file {
            return Ok(Some(Self::Key(read(file, "key")?)));
        }
        let token_file = args.place.token_file.as_ref();
        let key = environment.key.as_ref().filter(|_| token_file.is_none());
        let token_file = token_file.or(environment.token_file.as_ref());
        Ok(key
            .cloned()
            .map(Self::Key)
            .or_else(|| token_file.cloned().map(Self::TokenFile)))
    }

    /// The value of `Authorization`.
    ///
    /// # Errors
    /// The token cannot be read.
    pub(crate) fn authorization(&self) -> Result<String, Failure> {
        match self {
            Self::Key(key) => Ok(format!("SharedAccessKey {key}")),
            Self::TokenFile(file) => Ok(format!("Bearer {}", read(file, "token")?)),
        }
    }

    /// Whoever reads a token on its way may use it everywhere until it ends.
    ///
    /// # Errors
    /// The endpoint has no TLS, and is not on this machine.
    pub(crate) fn may_be_shown_to(&self, endpoint: &str) -> Result<(), Failure> {
        let is_safe = endpoint.starts_with("https://") || is_loopback(endpoint);
        match self {
            Self::TokenFile(_) if !is_safe => Err(Failure::usage(format!(
                "a token is shown to https endpoints only, and this is {endpoint}"
            ))
            .with_next("give the https endpoint of the Namespace")),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(_) => f.write_str("Key(***)"),
            Self::TokenFile(file) => f.debug_tuple("TokenFile").field(file).finish(),
        }
    }
}

/// The one word that the file holds.
fn read(file: &Path, what: &str) -> Result<String, Failure> {
    let failed = |cause: &dyn fmt::Display| {
        Failure::machine(format!("read the {what} from {}", file.display()), cause)
    };
    let text = fs::read_to_string(file).map_err(|cause| failed(&cause))?;
    let word = text.trim();
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Err(failed(&format!("it does not hold exactly one {what}")));
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_anew_for_every_request_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let credential = Credential::TokenFile(file.clone());
        for token in ["one", "two\n"] {
            fs::write(&file, token).unwrap();
            assert_eq!(
                credential.authorization().unwrap(),
                format!("Bearer {}", token.trim())
            );
        }
        fs::write(&file, "two words").unwrap();
        assert!(credential.authorization().is_err());
        assert_eq!(format!("{:?}", Credential::Key("hunter2".into())), "Key(***)");
    }

    #[test]
    fn a_token_that_is_named_goes_before_a_key_in_the_environment() {
        let environment = Environment {
            key: Some("k".into()),
            token_file: Some("/env/token".into()),
            ..Environment::default()
        };
        let named = |token_file: Option<&str>| args::Connection {
            namespace: None,
            place: args::Place {
                token_file: token_file.map(PathBuf::from),
                ..args::Place::default()
            },
        };
        let found = |args| Credential::elsewhere(&args, &environment).unwrap();
        assert!(matches!(found(named(None)), Some(Credential::Key(key)) if key == "k"));
        assert!(
            matches!(found(named(Some("/t"))), Some(Credential::TokenFile(file)) if file == Path::new("/t"))
        );
    }
}
