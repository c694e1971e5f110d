//! Servers that run for as long as they are needed.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// How long a server may take until it can be connected to.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it and waits until somebody listens on `address`.
    ///
    /// # Errors
    /// When it ends, or when nobody does.
    pub fn start(command: &mut Command, address: SocketAddr) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut running = Self(child);
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.0.try_wait().context("look after a server")? {
                bail!("{} ended ({status})", program.display());
            }
            if start.elapsed() > PATIENCE {
                bail!("{} does not listen on {address}", program.display());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Addresses of the loopback interface that nobody listens on at the moment; different ones.
pub fn free_addresses<const COUNT: usize>() -> anyhow::Result<[SocketAddr; COUNT]> {
    free_addresses_of(Ipv4Addr::LOCALHOST.into())
}

/// The same of another address of this machine.
pub fn free_addresses_of<const COUNT: usize>(host: IpAddr) -> anyhow::Result<[SocketAddr; COUNT]> {
    let mut addresses = [SocketAddr::from((host, 0)); COUNT];
    let mut held = Vec::new();
    for address in &mut addresses {
        let listener = TcpListener::bind(*address).context("find a free port")?;
        *address = listener.local_addr().context("read the port")?;
        held.push(listener);
    }
    Ok(addresses)
}
