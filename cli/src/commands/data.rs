pub(crate) fn run(
    _: crate::args::Data,
    _: &crate::environment::Environment,
) -> Result<(), crate::failure::Failure> {
    Ok(())
}
