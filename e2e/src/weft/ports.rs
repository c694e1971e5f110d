//! Blocks of ten free ports, below the range that the kernel hands out to clients.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::bail;

const BLOCK: u32 = 10;
const FIRST: u32 = 20_000;
const BLOCKS: u32 = 1_200;

/// Counts the blocks that this process has looked at; test threads never look at the same one.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// The first port of a block in which nobody listens.
pub(super) fn free_block() -> anyhow::Result<u16> {
    // Test runs at the same time begin at different places.
    let offset = std::process::id().wrapping_mul(97);
    for _ in 0..BLOCKS {
        let block = offset.wrapping_add(LOOKED_AT.fetch_add(1, Ordering::Relaxed)) % BLOCKS;
        let base = FIRST + block * BLOCK;
        if (base..base + BLOCK).all(is_free) {
            return Ok(u16::try_from(base).expect("the last block ends below 32,768"));
        }
    }
    bail!(
        "no ten neighbouring ports are free between {FIRST} and {}",
        FIRST + BLOCKS * BLOCK
    )
}

fn is_free(port: u32) -> bool {
    u16::try_from(port).is_ok_and(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}
