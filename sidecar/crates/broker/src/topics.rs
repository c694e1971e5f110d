//! Topics and event subscriptions as a machine without IO.

mod filter;
mod runs;
mod varint;
