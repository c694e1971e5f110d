//! Local mode's place for keys and certificates.
//!
//! ```text
//! ca.pem        authorities with their private keys        0600
//! serving.pem   serving certificate with its private key   0600
//! keys.json     two access keys per authorization rule     0600
//! ca.crt        what programs must trust                   0644
//! bundle.pem    the system's roots and ca.crt              0644
//! bundle.p12    the same for Java                          0644
//! python/       the same for Python: see PYTHON_TRUST      0700
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::access_keys::{AccessKeys, NoRandomness};
use crate::certificates::{self, Certificates};
use crate::file;
use crate::server_names::ServerNames;
use crate::{PYTHON_TRUST, java_trust_store};

const KEYS_FORMAT: u32 = 1;

/// A folder with the keys and certificates of one Namespace. What is missing is created; what is there and does not
/// parse is never overwritten. One process at a time: whoever opens it holds the data folder's lock.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refuses.
    #[error(transparent)]
    File(#[from] file::Error),
    /// A file is there, but it is not ours, or damaged.
    #[error(
        "{} cannot be used: {problem}; restore it from a backup, or move it away: the next start makes a new one, \
         and programs need the new settings then",
        path.display()
    )]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(certificates::Error),
    /// A key could not be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    format: u32,
    rules: BTreeMap<String, AccessKeys>,
}

impl Directory {
    /// Opens the folder; creates it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        file::create_private_folder(&path)?;
        Ok(Self { path })
    }

    /// The keys of exactly these authorization rules. A new rule gets new keys; those of a rule that is gone are
    /// forgotten, so that a rule which returns does not revive keys that somebody believes revoked.
    ///
    /// # Errors
    /// When `keys.json` cannot be read, does not parse or cannot be written.
    pub fn access_keys<'a>(
        &self,
        rules: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, AccessKeys>, Error> {
        let stored = self.load_keys()?;
        let mut keys = BTreeMap::new();
        for rule in rules {
            let pair = stored.get(rule).cloned().map_or_else(AccessKeys::generate, Ok)?;
            keys.insert(rule.to_owned(), pair);
        }
        if keys != stored {
            self.store_keys(&keys)?;
        }
        Ok(keys)
    }

    /// Gives a rule a new primary key; the old one becomes its secondary.
    ///
    /// # Errors
    /// As for [`Directory::access_keys`].
    pub fn rotate(&self, rule: &str) -> Result<AccessKeys, Error> {
        let mut keys = self.load_keys()?;
        let rotated = keys
            .get(rule)
            .map_or_else(AccessKeys::generate, AccessKeys::rotated)?;
        keys.insert(rule.to_owned(), rotated.clone());
        self.store_keys(&keys)?;
        Ok(rotated)
    }

    /// Authorities and serving certificate for `names`, renewed if due, and `ca.crt` beside them.
    ///
    /// # Errors
    /// When a file cannot be read, does not parse or cannot be written.
    pub fn certificates(
        &self,
        owner: &str,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<Certificates, Error> {
        let (mut certificates, mut changed) = match self.load_certificates(owner, names, now)? {
            Some(loaded) => loaded,
            None => (
                Certificates::create(owner, names, now).map_err(Error::Certificate)?,
                true,
            ),
        };
        changed |= certificates.renew(names, now).map_err(Error::Certificate)?;
        if changed {
            // Authorities first: a serving certificate whose authority was lost would be worthless.
            file::write_private(&self.file("ca.pem"), certificates.authorities_pem().expose())?;
            file::write_private(&self.file("serving.pem"), certificates.serving_pem().expose())?;
        }
        file::write_public(&self.file("ca.crt"), certificates.trust_pem())?;
        Ok(certificates)
    }

    /// Writes `bundle.pem`, the public roots (see [`crate::system_roots`]) followed by ours, and returns its path. Beside
    /// it lies what Java and Python need to use it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn bundle(&self, system_roots: Option<&str>, certificates: &Certificates) -> Result<PathBuf, Error> {
        let mut text = system_roots.unwrap_or_default().to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&certificates.trust_pem());
        let path = self.file("bundle.pem");
        file::write_public(&path, &text)?;
        let store = java_trust_store(&text).map_err(|problem| Error::Unusable {
            path: path.clone(),
            problem,
        })?;
        file::write_public(&self.file("bundle.p12"), &store)?;
        let python = self.file("python");
        file::create_private_folder(&python)?;
        file::write_public(&python.join("sitecustomize.py"), PYTHON_TRUST)?;
        Ok(path)
    }

    fn load_certificates(
        &self,
        owner: &str,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<Option<(Certificates, bool)>, Error> {
        let (authorities, serving) = (self.file("ca.pem"), self.file("serving.pem"));
        let Some(authorities_pem) = file::read(&authorities)? else {
            return Ok(None);
        };
        let unusable = |path: &Path, cause: certificates::Error| match cause {
            certificates::Error::Malformed(problem) => Error::Unusable {
                path: path.to_owned(),
                problem,
            },
            cause @ certificates::Error::Create(_) => Error::Certificate(cause),
        };
        let authorities = certificates::parse_authorities(&authorities_pem)
            .map_err(|cause| unusable(&authorities, cause))?;
        let stored = match file::read(&serving)? {
            Some(pem) => Some(certificates::parse_serving(&pem).map_err(|cause| unusable(&serving, cause))?),
            None => None,
        };
        let is_fresh = stored.is_none();
        let certificates =
            Certificates::assemble(owner, authorities, stored, names, now).map_err(Error::Certificate)?;
        Ok(Some((certificates, is_fresh)))
    }

    fn load_keys(&self) -> Result<BTreeMap<String, AccessKeys>, Error> {
        let path = self.file("keys.json");
        let Some(text) = file::read(&path)? else {
            return Ok(BTreeMap::new());
        };
        let unusable = |problem: String| Error::Unusable {
            path: path.clone(),
            problem,
        };
        let keys: KeysFile = serde_json::from_str(&text).map_err(|cause| unusable(cause.to_string()))?;
        match keys.format {
            KEYS_FORMAT => Ok(keys.rules),
            other => Err(unusable(format!(
                "it has format {other}, and this version of weft reads {KEYS_FORMAT}"
            ))),
        }
    }

    fn store_keys(&self, keys: &BTreeMap<String, AccessKeys>) -> Result<(), Error> {
        let file = KeysFile {
            format: KEYS_FORMAT,
            rules: keys.clone(),
        };
        let text = serde_json::to_string_pretty(&file).expect("strings become JSON") + "\n";
        Ok(file::write_private(&self.file("keys.json"), &text)?)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn fixture() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path().join("shop")).unwrap();
        (folder, directory)
    }

    fn names() -> ServerNames {
        ServerNames::new(["localhost", "127.0.0.1"]).unwrap()
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn the_next_start_finds_the_same_keys_and_certificates() {
        let (_folder, directory) = fixture();
        let keys = directory.access_keys(["root", "sender"]).unwrap();
        let certificates = directory.certificates("shop", &names(), now()).unwrap();
        assert_eq!(directory.access_keys(["root", "sender"]).unwrap(), keys);
        let again = directory.certificates("shop", &names(), now()).unwrap();
        assert_eq!(again.serving(), certificates.serving());
        assert_eq!(again.trust_pem(), certificates.trust_pem());
    }

    #[test]
    fn a_rule_that_was_gone_returns_with_new_keys_and_leaves_the_others_alone() {
        let (_folder, directory) = fixture();
        let before = directory.access_keys(["root", "sender"]).unwrap();
        directory.access_keys(["root"]).unwrap();
        let after = directory.access_keys(["root", "sender"]).unwrap();
        assert_eq!(after["root"], before["root"]);
        assert_ne!(after["sender"], before["sender"]);
    }

    #[test]
    fn a_rotated_key_is_found_at_the_next_start() {
        let (_folder, directory) = fixture();
        let before = directory.access_keys(["root"]).unwrap();
        let rotated = directory.rotate("root").unwrap();
        assert_eq!(rotated.secondary, before["root"].primary);
        assert_eq!(directory.access_keys(["root"]).unwrap()["root"], rotated);
    }

    #[test]
    fn what_does_not_parse_is_named_and_kept() {
        for (name, text) in [
            ("keys.json", "{"),
            ("keys.json", r#"{"format":2,"rules":{}}"#),
            ("ca.pem", "not a certificate"),
            (
                "serving.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            ),
        ] {
            let (_folder, directory) = fixture();
            directory.certificates("shop", &names(), now()).unwrap();
            fs::write(directory.file(name), text).unwrap();
            let keys = directory.access_keys(["root"]).map(drop);
            let certificates = directory.certificates("shop", &names(), now()).map(drop);
            let error = keys.and(certificates).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("move it away"),
                "{name}: {error}"
            );
            assert_eq!(fs::read_to_string(directory.file(name)).unwrap(), text);
        }
    }

    #[test]
    fn a_missing_serving_certificate_is_issued_again_by_the_same_authority() {
        let (_folder, directory) = fixture();
        let before = directory.certificates("shop", &names(), now()).unwrap();
        fs::remove_file(directory.file("serving.pem")).unwrap();
        let after = directory.certificates("shop", &names(), now()).unwrap();
        assert_eq!(after.trust_pem(), before.trust_pem());
        assert_ne!(after.serving(), before.serving());
        let again = directory.certificates("shop", &names(), now()).unwrap();
        assert_eq!(again.serving(), after.serving());
    }

    #[test]
    fn a_lost_authority_takes_its_serving_certificate_with_it() {
        let (_folder, directory) = fixture();
        let before = directory.certificates("shop", &names(), now()).unwrap();
        fs::remove_file(directory.file("ca.pem")).unwrap();
        let after = directory.certificates("shop", &names(), now()).unwrap();
        assert_ne!(after.trust_pem(), before.trust_pem());
        assert_ne!(after.serving(), before.serving());
    }

    #[test]
    fn private_files_are_private_and_what_programs_read_is_not() {
        let (_folder, directory) = fixture();
        directory.access_keys(["root"]).unwrap();
        let certificates = directory.certificates("shop", &names(), now()).unwrap();
        directory.bundle(None, &certificates).unwrap();
        let mode = |name: &str| fs::metadata(directory.file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(["ca.pem", "serving.pem", "keys.json"].map(mode), [0o600; 3]);
        let public = ["ca.crt", "bundle.pem", "bundle.p12", "python/sitecustomize.py"];
        assert_eq!(public.map(mode), [0o644; 4]);
    }

    #[test]
    fn the_bundle_holds_the_public_roots_and_ours() {
        let (_folder, directory) = fixture();
        let certificates = directory.certificates("shop", &names(), now()).unwrap();
        let path = directory.bundle(Some("PUBLIC ROOTS"), &certificates).unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text, format!("PUBLIC ROOTS\n{}", certificates.trust_pem()));
    }

    /// What is imported stands in for the package of that name.
    #[test]
    fn python_programs_trust_the_bundle_and_keep_the_customization_that_they_had() {
        let (folder, directory) = fixture();
        let certificates = directory.certificates("shop", &names(), now()).unwrap();
        let bundle = directory.bundle(None, &certificates).unwrap();
        let packages = folder.path().join("packages");
        fs::create_dir_all(packages.join("certifi")).unwrap();
        fs::write(packages.join("certifi/__init__.py"), "from .core import where\n").unwrap();
        fs::write(packages.join("certifi/core.py"), "def where(): return 'theirs'\n").unwrap();
        fs::write(
            packages.join("sitecustomize.py"),
            "import os\nos.environ['CUSTOM'] = 'kept'\n",
        )
        .unwrap();
        let folders = [directory.file("python"), packages].map(|folder| folder.display().to_string());
        let program =
            "import certifi, os; print(certifi.where(), os.environ['SSL_CERT_FILE'], os.environ['CUSTOM'])";
        let output = Command::new("python3")
            .args(["-c", program])
            .env("PYTHONPATH", folders.join(":"))
            .env_remove("SSL_CERT_FILE")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let bundle = fs::canonicalize(bundle).unwrap().display().to_string();
        assert_eq!(said.trim(), format!("{bundle} {bundle} kept"), "{output:?}");
    }
}
