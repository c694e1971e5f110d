//! Whether the names lead somewhere, and whether somebody answers there.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::doors::Door;
use super::report::Report;
use super::target::Target;
use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(5);

/// A door that answers, and where.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) door: Door,
    pub(super) address: SocketAddr,
}

impl Open {
    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

/// The doors that answer.
pub(super) fn check(target: &Target, report: &mut Report) -> Result<Vec<Open>, Failure> {
    let mut known: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
    let mut open = Vec::new();
    for door in &target.doors {
        if !known.contains_key(door.host.as_str()) {
            known.insert(&door.host, resolve(door, report)?);
        }
        let check = format!("port {}", door.name);
        let addresses = known.get(door.host.as_str()).map_or(&[][..], Vec::as_slice);
        if addresses.is_empty() {
            report.skipped(&check, format!("nobody knows where {} is", door.host))?;
            continue;
        }
        match dial(addresses, door.port) {
            Ok(address) => {
                report.ok(&check, format!("{door} answers"))?;
                open.push(Open {
                    door: door.clone(),
                    address,
                });
            }
            Err(cause) => report.problem(&check, format!("{door}: {}", told(&cause)), target.absent())?,
        }
    }
    Ok(open)
}

fn resolve(door: &Door, report: &mut Report) -> Result<Vec<SocketAddr>, Failure> {
    let found = (door.host.as_str(), door.port).to_socket_addrs();
    let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    match addresses.first() {
        Some(first) => report.ok("name", format!("{} is {}", door.host, first.ip()))?,
        None => report.problem(
            "name",
            format!("{} cannot be resolved", door.host),
            "check the spelling; a Service is NAME.NAMESPACE.svc from other Kubernetes namespaces, and only there inside \
             of the cluster",
        )?,
    }
    Ok(addresses)
}

/// The first address that answers, as SDKs do it.
fn dial(addresses: &[SocketAddr], port: u16) -> io::Result<SocketAddr> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let address = SocketAddr::new(address.ip(), port);
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(address),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

/// The cause in words; a wait that was too long has several names.
pub(super) fn told(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nobody listens there".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer within {} s", PATIENCE.as_secs())
        }
        _ => cause.to_string(),
    }
}
