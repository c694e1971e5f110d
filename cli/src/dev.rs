//! `weft dev`
mod atomic_file;
mod data_folder;
mod ports;
mod state;
mod watch;
pub(crate) fn run(
    _: crate::args::Dev,
    _: &crate::environment::Environment,
) -> Result<(), crate::failure::Failure> {
    Ok(())
}
