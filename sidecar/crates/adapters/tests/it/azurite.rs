//! Azure Blob Storage, as Azurite speaks it.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::object_checkpoints::{check, options};
use crate::server::Server;
use crate::toolbox;

/// The account that every Azurite has; its key is in Microsoft's documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn start() -> Server {
    let mut command = Command::new("node");
    command.arg(toolbox::azurite().join("node_modules/azurite/dist/src/blob/main.js"));
    command.args(["--blobHost", "127.0.0.1", "--blobPort", "0"]);
    command.args([
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
    ]);
    Server::start(&mut command)
}

fn create_container(server: &Server, name: &str) {
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&jiff::Timestamp::now())
        .unwrap();
    let version = "2021-12-02";
    let to_sign = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64_STANDARD.decode(KEY).unwrap()).unwrap();
    mac.update(to_sign.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let headers = format!(
        "x-ms-date: {date}\r\nx-ms-version: {version}\r\nAuthorization: SharedKey {ACCOUNT}:{signature}\r\n"
    );
    let status = server.put(&format!("/{ACCOUNT}/{name}?restype=container"), &headers);
    assert_eq!(status, 201);
}

#[tokio::test]
async fn azure_blob_storage_keeps_what_a_store_has_to() {
    let server = start();
    create_container(&server, "weft");
    let endpoint = format!("http://{}/{ACCOUNT}", server.address);
    let options = options(&[
        ("azure_storage_account_name", ACCOUNT),
        ("azure_storage_account_key", KEY),
        ("azure_storage_endpoint", &endpoint),
        ("azure_allow_http", "true"),
    ]);
    check("az://weft/some/path", &options).await;
}
