//! Blocks of ten free ports, below the range that the kernel hands out to clients; and addresses of this machine's own
//! on which the usual ports are free.

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

/// The ports that a Namespace has unless it is told others.
const USUAL: [u16; 8] = [8080, 8443, 5672, 5671, 1883, 8883, 10_000, 9464];
/// How many addresses are tried: 127.1.0.1 and those after it.
const ADDRESSES: u32 = 10_000;

/// A loopback address at which nobody listens on a usual port. Programs that take no port can be told apart by it.
pub(super) fn free_address() -> anyhow::Result<Ipv4Addr> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    let offset = std::process::id().wrapping_mul(97);
    let mut taken = 0;
    for _ in 0..ADDRESSES {
        let number = offset.wrapping_add(LOOKED_AT.fetch_add(1, Ordering::Relaxed)) % ADDRESSES;
        let address = Ipv4Addr::from(first + number);
        match USUAL
            .iter()
            .find(|port| TcpListener::bind((address, **port)).is_err())
        {
            None => return Ok(address),
            Some(port) => taken = *port,
        }
    }
    bail!("port {taken} is free at no address of this machine: does somebody listen on all of them?")
}

fn is_free(port: u32) -> bool {
    u16::try_from(port).is_ok_and(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}
