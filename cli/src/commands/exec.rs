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
    let mut settings = local_settings(&args.data.data, &args.namespace)?;
    let bundle = settings.iter().find(|(key, _)| key == "SSL_CERT_FILE");
    let trust = bundle.map(|(_, bundle)| trust::variables(Path::new(bundle), environment::inherited));
    secure(&mut settings);
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

/// Token credentials insist on HTTPS, and a program that is started here trusts it.
fn secure(settings: &mut [(String, String)]) {
    let value = |key: &str| {
        let setting = settings.iter().find(|(name, _)| name == key);
        setting.map(|(_, value)| value.trim_end_matches('/').to_owned())
    };
    let Some(authority) = value("AZURE_AUTHORITY_HOST") else {
        return;
    };
    for (_, value) in settings
        .iter_mut()
        .filter(|(name, _)| name == "EVENTGRID_ENDPOINT")
    {
        value.clone_from(&authority);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_the_one_that_takes_tokens_too() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut settings = vec![pair("EVENTGRID_ENDPOINT", "http://127.0.0.1:8080")];
        secure(&mut settings);
        assert_eq!(settings[0].1, "http://127.0.0.1:8080", "there is no other");
        settings.push(pair("AZURE_AUTHORITY_HOST", "https://127.0.0.1:8443/"));
        secure(&mut settings);
        assert_eq!(settings[0].1, "https://127.0.0.1:8443");
    }
}
