//! Everything of the data plane that talks to a system we do not own.
