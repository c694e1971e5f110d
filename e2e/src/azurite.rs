//! Azurite, the emulator of Azure Storage: its blobs, from npm. It checks signatures, and forgets everything at its end.

use std::{
    net::{IpAddr, SocketAddr},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    http::{Connection, Request},
    running::{self, Running},
    toolbox,
};

/// Of Azurite.
pub const VERSION: &str = "3.37.0";
/// Known to everybody, as is its key.
pub const ACCOUNT: &str = "devstoreaccount1";
/// The account's.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The version of the protocol in which access is signed.
const SIGNED_VERSION: &str = "2019-07-07";

/// A running server with empty folders, ended when dropped.
#[derive(Debug)]
pub struct Server {
    running: Running,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts it at an address of this machine.
    ///
    /// # Errors
    /// When it cannot be installed, or does not come up.
    pub fn start(host: IpAddr) -> anyhow::Result<Self> {
        let modules = toolbox::npm("azurite", VERSION)?;
        let folder = tempfile::tempdir().context("create a folder")?;
        let [address] = running::free_addresses_of(host)?;
        let mut command = Command::new("node");
        command
            .arg(modules.join("node_modules/azurite/dist/src/blob/main.js"))
            .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
        command.args(["--blobHost", &address.ip().to_string()]);
        command.args(["--blobPort", &address.port().to_string()]);
        command.arg("--location").arg(folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self {
            running: Running::start(&mut command, address)?,
            address,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of its process.
    pub fn pid(&self) -> u32 {
        self.running.id()
    }

    /// The URL of its account.
    pub fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    /// Makes a container.
    ///
    /// # Errors
    /// When it is refused, which it is if there is one of that name.
    pub fn create_container(&self, name: &str) -> anyhow::Result<()> {
        let target = format!(
            "/{ACCOUNT}/{name}?restype=container&{}",
            account_sas(ACCOUNT, KEY)?
        );
        let request = Request::post(target).header("x-ms-version", SIGNED_VERSION);
        let response = Connection::open(self.address)?.send("PUT", &request)?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        ensure!(response.status == 201, "{}: {text}", response.status);
        Ok(())
    }
}

/// A query that opens all blobs of a storage account for a day.
///
/// # Errors
/// When the key is not Base64.
pub fn account_sas(account: &str, key: &str) -> anyhow::Result<String> {
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let end = end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let text = format!("{account}\nrwdlac\nb\nsco\n\n{end}\n\n\n{SIGNED_VERSION}\n");
    let key = BASE64_STANDARD.decode(key).context("decode the key")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("HMAC takes keys of any length")?;
    mac.update(text.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let end = end.replace(':', "%3A");
    Ok(format!(
        "sv={SIGNED_VERSION}&ss=b&srt=sco&sp=rwdlac&se={end}&sig={signature}"
    ))
}
