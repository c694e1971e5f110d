//! Asking before something is done that cannot be undone.

use std::io::{self, IsTerminal};

use crate::failure::Failure;

/// Asks on the terminal; `question` says what is about to happen, and is only made up if somebody can be asked. Whoever
/// cannot be asked must say `--yes`.
///
/// # Errors
/// Nobody can be asked: `what`, such as `a purge`, needs it.
pub(crate) fn confirmed(
    what: &str,
    question: impl FnOnce() -> Result<String, Failure>,
) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{what} needs a confirmation"))
            .with_next("run it in a terminal, or give --yes"));
    }
    eprint!("{} Type yes: ", question()?);
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|cause| Failure::machine("read the answer", cause))?;
    Ok(answer.trim() == "yes")
}
