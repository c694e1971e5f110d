//! Other people's servers, built on demand into `~/.cache/weft/peers`.

pub(crate) mod nats;
