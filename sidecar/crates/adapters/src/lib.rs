//! Everything of the data plane that talks to a system we do not own.
//!
//! [`kubernetes`] is where a pod's configuration comes from and where it reports to.

pub mod kubernetes;
