pub(crate) fn run(
    _: crate::args::DeadLetters,
    _: &crate::environment::Environment,
) -> Result<(), crate::failure::Failure> {
    Ok(())
}
