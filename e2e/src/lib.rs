//! The harness of the end-to-end tests and of the benchmarks: it starts the product as a user would, as a process of
//! its own over manifests and a data folder, and talks to it through real clients and plain sockets.
//!
//! Nothing here knows the product's code. What a test may use of it is what a user may use: the command line, the
//! ports, the files that `weft dev` writes, and `/proc`.
#![allow(
    clippy::disallowed_methods,
    reason = "a harness is a main: it reads the environment and measures with the real clock"
)]

pub mod azurite;
pub mod binary;
pub mod blobs;
pub mod clients;
pub mod cluster;
pub mod eventgrid;
pub mod eventhubs;
pub mod http;
pub mod issuer;
pub mod ledger;
pub mod manifests;
pub mod procfs;
pub mod random;
pub mod running;
pub mod tokens;
pub mod toolbox;
pub mod weft;

pub use eventgrid::EventGrid;
pub use weft::Weft;
