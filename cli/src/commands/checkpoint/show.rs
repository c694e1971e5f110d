//! `weft checkpoint show`

use serde_json::{Value, json};

use super::groups::Groups;
use crate::args::CheckpointShow;
use crate::blobs::Blob;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Output};

pub(super) fn run(args: &CheckpointShow, environment: &Environment) -> Result<(), Failure> {
    let client = super::client(&args.connection, environment)?;
    let groups = Groups::read(&client, args.target.container.as_deref())?;
    for group in super::find(groups, &args.target)? {
        for blob in group.partitions.values().flat_map(|progress| progress.blobs()) {
            match args.output {
                Output::Json => output::json(&document(&group.container.name, blob))?,
                Output::Text => output::line(&text(&group.container.name, blob))?,
            }
        }
    }
    Ok(())
}

fn document(container: &str, blob: &Blob) -> Value {
    json!({
        "container": container, "name": blob.name, "etag": blob.etag,
        "lastModified": blob.last_modified.to_string(), "contentLength": blob.length, "metadata": blob.metadata,
    })
}

fn text(container: &str, blob: &Blob) -> String {
    let mut text = format!(
        "{container}/{}  {} bytes  written {}  etag {}",
        blob.name, blob.length, blob.last_modified, blob.etag
    );
    for (name, value) in &blob.metadata {
        text.push_str(&format!("\n    {name}: {value}"));
    }
    text
}
