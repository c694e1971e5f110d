//! Containers and blobs.

mod blobs;
mod claims;
mod crash;
mod durability;
mod incarnation;
mod lags;
mod limits;
mod model;
mod positions;
