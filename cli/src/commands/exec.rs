//! `weft exec`

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use crate::args::Exec;
use crate::connection::local_settings;
use crate::failure::{Exit, Failure};

/// Becomes the program, so that its signals and exit code are its own. Returns only if that fails.
pub(crate) fn run(args: &Exec) -> Result<ExitCode, Failure> {
    let variables = local_settings(&args.data.data, &args.namespace)?;
    let (program, arguments) = args.command.split_first().expect("clap requires a command");
    let cause = Command::new(program).args(arguments).envs(variables).exec();
    let exit = match cause.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::NotExecutable,
    };
    Err(Failure::new(
        exit,
        format!("cannot run {}: {cause}", program.display()),
    ))
}
