//! What the API server gets.

#[path = "it/golden.rs"]
mod golden;
#[path = "it/structural.rs"]
mod structural;
