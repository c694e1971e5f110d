//! `kubectl port-forward`, as people reach a Service from their own machine.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Stdio},
};

use anyhow::Context;

use super::space::Space;

/// Forwards until it is dropped.
#[derive(Debug)]
pub struct PortForward {
    child: Child,
    port: u16,
}

impl Space {
    /// Forwards a free port of localhost to a port of `svc/NAME` or `pod/NAME`.
    ///
    /// # Errors
    /// When kubectl refuses; it has said why on standard error.
    pub fn port_forward(&self, target: &str, port: u16) -> anyhow::Result<PortForward> {
        let mut kubectl = self.kubectl_command(["port-forward", target, &format!(":{port}")])?;
        kubectl.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = kubectl.spawn().context("start kubectl port-forward")?;
        let said = child.stdout.take().context("take its standard output")?;
        let mut forward = PortForward { child, port: 0 };
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        // Forwarding from 127.0.0.1:40123 -> 8443
        let found = lines.find_map(|line| {
            let (_, rest) = line.split_once("127.0.0.1:")?;
            rest.split(' ').next()?.parse().ok()
        });
        forward.port = found
            .with_context(|| format!("kubectl port-forward {target} :{port} ended without forwarding"))?;
        // It goes on to tell of every connection, and ends when nobody listens to it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(forward)
    }
}

impl PortForward {
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
