//! `weft completion`

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::{Cli, Completion};
use crate::failure::Failure;

pub(crate) fn run(args: &Completion) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weft", &mut script);
    io::stdout().lock().write_all(&script).map_err(Failure::stdout)
}
