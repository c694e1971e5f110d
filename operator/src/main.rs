//! `weft-operator`.

fn main() {}
