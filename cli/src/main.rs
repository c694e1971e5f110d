//! `weft`: the tool people hold in their hands.
//!
//! Local mode (`weft dev`) is `plan` over YAML files plus the sidecar library in one process; every other command
//! is a small HTTP client of a running Namespace, with the settings that `weft dev` wrote beside its log. It never
//! takes a key as an argument, and it never reads a broker's files.

mod age;
mod args;
mod blobs;
mod client;
mod commands;
mod confirmation;
mod connection;
mod dev;
mod dotenv;
mod environment;
mod event;
mod failure;
mod jwt;
mod listed;
mod manifest;
mod output;
mod percent;
mod progress;
mod trust;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = args::Cli::parse().command;
    let output = command.output();
    let environment = environment::Environment::read();
    match commands::run(command, &environment) {
        Ok(code) => code,
        Err(failure) => failure.report(output),
    }
}
