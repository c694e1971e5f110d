//! Laws, under whatever order of events.

mod anything;
mod cuts;
mod receiving;
mod sending;
