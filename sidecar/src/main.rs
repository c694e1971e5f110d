//! `weft-sidecar`.

fn main() {}
