//! `weft exec`

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::args::Exec;
use crate::connection::local_settings;
use crate::failure::{Exit, Failure};
use crate::{environment, trust};

/// Becomes the program, so that its signals and exit code are its own. Returns only if that fails.
pub(crate) fn run(args: &Exec) -> Result<ExitCode, Failure> {
    let settings = local_settings(&args.data.data, &args.namespace)?;
    let bundle = settings.iter().find(|(key, _)| key == "SSL_CERT_FILE");
    let trust = bundle.map(|(_, bundle)| trust::variables(Path::new(bundle), environment::inherited));
    let (program, arguments) = args.command.split_first().expect("clap requires a command");
    let mut command = Command::new(program);
    command.args(arguments).envs(trust.into_iter().flatten());
    let cause = command.envs(settings).exec();
    let exit = match cause.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::NotExecutable,
    };
    Err(Failure::new(
        exit,
        format!("cannot run {}: {cause}", program.display()),
    ))
}
