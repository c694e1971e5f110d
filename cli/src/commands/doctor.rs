//! `weft doctor`: the way from a program to a Namespace, step by step, until it is clear where it ends.

mod amqp;
mod clock;
mod configuration;
mod doors;
mod ports;
mod questions;
mod report;
mod rights;
mod signatures;
mod stores;
mod target;
mod tls;
mod token;
mod token_endpoint;
mod trust;

use std::process::ExitCode;

use jiff::Timestamp;
use runtime::Clock;

use crate::args::Doctor;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};
use report::Report;
use target::Target;

pub(crate) fn run(args: Doctor, environment: &Environment) -> Result<ExitCode, Failure> {
    let output = args.output;
    let target = Target::resolve(&args.into_connection(), environment)?;
    let mut report = Report::new(output);
    examine(&target, &mut report)?;
    match report.end()? {
        0 => Ok(ExitCode::SUCCESS),
        _ => Err(Failure::silent(Exit::Machine)),
    }
}

/// What a later step needs of an earlier one decides whether it is worth while.
fn examine(target: &Target, report: &mut Report) -> Result<(), Failure> {
    let now = now();
    report.ok("settings", format!("of {}", target.what))?;
    let open = ports::check(target, report)?;
    let roots = trust::check(target, &open, now, report)?;
    let asked = target.http_door(&open).map(|door| door.endpoint());
    clock::check(asked.as_deref(), roots.as_deref(), report)?;
    signatures::check(target, now, report)?;
    token::check(target, now, report)?;
    rights::check(target, &open, roots.as_deref(), report)?;
    token_endpoint::check(target, roots.as_deref(), report)?;
    configuration::check(target, report)?;
    amqp::check(&open, report)
}

fn now() -> Timestamp {
    Timestamp::from_microsecond(Clock::system().now().as_micros()).unwrap_or_default()
}
