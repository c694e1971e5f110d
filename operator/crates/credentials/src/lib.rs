//! What a Namespace and its programs need to trust each other: a CA and certificates, access keys, and the settings
//! that tell a program where to connect and with what.
//!
//! The operator keeps the results in Secrets, local mode in a [`Directory`]; the rules are the same. This crate knows
//! neither Kubernetes nor the data plane, reads no environment, and has no clock: `now` is an argument.
//!
//! ```
//! use credentials::{AccessKeys, Certificates, ServerNames};
//!
//! let names = ServerNames::new(["localhost", "127.0.0.1"])?;
//! let certificates = Certificates::create("shop", &names, std::time::UNIX_EPOCH)?;
//! assert!(certificates.serving().certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//!
//! let keys = AccessKeys::generate()?;
//! assert_eq!(keys.primary.expose().len(), 44);
//! assert_eq!(format!("{:?}", keys.primary), "\"***\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_keys;
mod authority;
mod certificates;
mod connection;
mod directory;
mod examination;
mod file;
mod secret;
mod server_names;
mod serving;
mod system_roots;
mod trust_store;
mod x509;

pub use access_keys::{AccessKeys, NoRandomness};
pub use certificates::{Certificates, Error as CertificateError};
pub use connection::{Blob, Connection, EventHubs, Format, Identity, MultiLineValue, Settings};
pub use directory::{Directory, Error as DirectoryError};
pub use examination::{Examination, examine};
pub use file::{Error as FileError, write_private};
pub use secret::Secret;
pub use server_names::{BadServerName, ServerNames};
pub use serving::Serving;
pub use system_roots::system_roots;
pub use trust_store::java_trust_store;
pub use x509::to_pem as certificate_pem;

/// A Python module that makes every program trust the `bundle.pem` in its folder, or one folder up. It has to be called
/// `sitecustomize.py`, in a folder on `PYTHONPATH`.
pub const PYTHON_TRUST: &str = include_str!("sitecustomize.py");
