//! `weft-sidecar`: the data plane of one Namespace, in a pod. See `sidecar::pod`.

use std::process::ExitCode;

use clap::Parser;
use sidecar::pod::{self, Args};

fn main() -> ExitCode {
    match pod::run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: its last line is what Kubernetes shows as the reason, whatever the filter says.
            eprintln!("weft-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}
