//! Which ports a Namespace listens on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// What a Namespace without `--port-base` gets when it is the first.
const STANDARD: Ports = Ports {
    http: 8080,
    https: 8443,
    amqp: 5672,
    amqps: 5671,
    blob: 10_000,
    operations: 9464,
};
/// The whole table of the first Namespace, later protocols included; no block of ten may meet any of them.
const STANDARD_TABLE: [u16; 8] = [8080, 8443, 5672, 5671, 1883, 8883, 10_000, 9464];
const BLOCK: u16 = 10;
/// The last port at which a block of ten can begin.
const LAST_BASE: u16 = u16::MAX - BLOCK + 1;

/// The ports of one Namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) amqp: u16,
    pub(crate) amqps: u16,
    pub(crate) blob: u16,
    pub(crate) operations: u16,
}

/// How a Namespace's ports were given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Block {
    /// The ports that everybody knows: 8080, 8443, 5672, 5671, 10000, 9464.
    Standard,
    /// Ten ports from here: +0 http, +1 https, +2 amqp, +3 amqps, +6 blob, +9 operations.
    Base(u16),
}

impl Block {
    pub(crate) fn ports(self) -> Ports {
        match self {
            Self::Standard => STANDARD,
            Self::Base(base) => Ports {
                http: base,
                https: base + 1,
                amqp: base + 2,
                amqps: base + 3,
                blob: base + 6,
                operations: base + 9,
            },
        }
    }

    /// Whether `--port-base BASE` could have given it.
    pub(crate) fn is_from(self, base: u16) -> bool {
        matches!(self, Self::Base(own) if own >= base && (own - base).is_multiple_of(BLOCK))
    }

    fn meets(self, base: u16) -> bool {
        let block = base..=base + (BLOCK - 1);
        match self {
            Self::Standard => STANDARD_TABLE.iter().any(|port| block.contains(port)),
            Self::Base(other) => other.abs_diff(base) < BLOCK,
        }
    }
}

/// Gives `namespace` the block it had before, or the next free one.
pub(crate) fn assign(
    blocks: &mut BTreeMap<String, Block>,
    namespace: &str,
    base: Option<u16>,
) -> Result<Block, Failure> {
    if let Some(block) = blocks.get(namespace) {
        return Ok(*block);
    }
    let block = free(blocks, base)?;
    blocks.insert(namespace.to_owned(), block);
    Ok(block)
}

fn free(blocks: &BTreeMap<String, Block>, base: Option<u16>) -> Result<Block, Failure> {
    let first = match base {
        Some(base) => base,
        None if blocks.is_empty() => return Ok(Block::Standard),
        None => STANDARD.http + BLOCK,
    };
    (first..=LAST_BASE)
        .step_by(BLOCK.into())
        .find(|base| !blocks.values().any(|block| block.meets(*base)))
        .map(Block::Base)
        .ok_or_else(|| {
            Failure::new(Exit::Machine, format!("no ten free ports from {first} on"))
                .with_next("give a lower --port-base, or another data folder with --data")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(
        blocks: &mut BTreeMap<String, Block>,
        namespace: &str,
        base: Option<u16>,
    ) -> Result<Ports, Failure> {
        super::assign(blocks, namespace, base).map(Block::ports)
    }

    #[test]
    fn the_first_namespace_gets_the_ports_that_everybody_knows() {
        let mut blocks = BTreeMap::new();
        assert_eq!(assign(&mut blocks, "shop", None).unwrap(), STANDARD);
        assert_eq!(assign(&mut blocks, "bank", None).unwrap().http, 8090);
        assert_eq!(assign(&mut blocks, "post", None).unwrap().http, 8100);
    }

    #[test]
    fn with_a_base_each_namespace_gets_the_next_ten() {
        let mut blocks = BTreeMap::new();
        let ports = assign(&mut blocks, "shop", Some(9000)).unwrap();
        assert_eq!(
            ports,
            Ports {
                http: 9000,
                https: 9001,
                amqp: 9002,
                amqps: 9003,
                blob: 9006,
                operations: 9009
            }
        );
        assert_eq!(assign(&mut blocks, "bank", Some(9000)).unwrap().http, 9010);
    }

    #[test]
    fn a_namespace_keeps_its_block_whatever_is_asked_for_later() {
        let mut blocks = BTreeMap::new();
        assign(&mut blocks, "shop", Some(9000)).unwrap();
        assert_eq!(assign(&mut blocks, "shop", Some(7000)).unwrap().http, 9000);
    }

    #[test]
    fn a_block_knows_which_base_it_could_come_from() {
        assert!(Block::Base(9000).is_from(9000) && Block::Base(9020).is_from(9000));
        assert!(!Block::Base(9005).is_from(9000) && !Block::Base(8990).is_from(9000));
        assert!(!Block::Standard.is_from(8080));
    }

    #[test]
    fn a_block_never_meets_the_standard_ports() {
        let mut blocks = BTreeMap::from([("shop".to_owned(), Block::Standard)]);
        assert_eq!(assign(&mut blocks, "bank", Some(8075)).unwrap().http, 8085);
        assert_eq!(assign(&mut blocks, "post", Some(9460)).unwrap().http, 9470);
    }

    #[test]
    fn when_no_block_is_left_it_says_so() {
        let mut blocks = BTreeMap::new();
        assign(&mut blocks, "shop", Some(LAST_BASE)).unwrap();
        assert!(assign(&mut blocks, "bank", Some(LAST_BASE)).is_err());
    }
}
