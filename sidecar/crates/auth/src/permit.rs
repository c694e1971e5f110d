//! The proof that somebody may do something.

use std::marker::PhantomData;

/// Publishing events.
#[derive(Clone, Copy, Debug)]
pub enum Send {}

/// Receiving, settling and looking at events.
#[derive(Clone, Copy, Debug)]
pub enum Listen {}

/// Changing what is stored: redrive, purge.
#[derive(Clone, Copy, Debug)]
pub enum Manage {}

/// The proof that a caller may do `Action` to the resource it named. Only an [`Authorizer`](crate::Authorizer) gives
/// it, so that no code can reach the broker around the check.
#[derive(Clone, Copy, Debug)]
pub struct Permit<Action>(PhantomData<fn() -> Action>);

impl<Action> Permit<Action> {
    pub(crate) const fn granted() -> Self {
        Self(PhantomData)
    }

    /// A permit for the data plane's own use: its readiness probe publishes and receives without a credential.
    /// Never call it on behalf of a request.
    pub const fn internal() -> Self {
        Self(PhantomData)
    }
}
