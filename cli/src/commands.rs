//! A file per command.

mod checkpoint;
mod completion;
mod data;
mod dead_letters;
mod doctor;
mod env;
mod exec;
mod hub;
mod publish;
mod receive;
mod tail;

use std::process::ExitCode;

use crate::args::Command;
use crate::dev;
use crate::environment::Environment;
use crate::failure::Failure;

/// Does what the command line asked for.
pub(crate) fn run(command: Command, environment: &Environment) -> Result<ExitCode, Failure> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Dev(args) => dev::run(args, environment).map(done),
        Command::Env(args) => env::run(&args).map(done),
        Command::Exec(args) => exec::run(&args),
        Command::Publish(args) => publish::run(args, environment).map(done),
        Command::Receive(args) => receive::run(&args, environment).map(done),
        Command::Tail(args) => tail::run(&args, environment).map(done),
        Command::DeadLetters(command) => dead_letters::run(command, environment).map(done),
        Command::Hub(command) => hub::run(command, environment).map(done),
        Command::Checkpoint(command) => checkpoint::run(command, environment).map(done),
        Command::Data(command) => data::run(command, environment).map(done),
        Command::Doctor(args) => doctor::run(args, environment),
        Command::Completion(args) => completion::run(&args).map(done),
    }
}
