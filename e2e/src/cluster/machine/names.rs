//! Whether the cluster's DNS answers, asked from the host by its Service: by way of kube-proxy to a pod and back.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::cluster::settings::Settings;

/// A name that every cluster has.
const NAME: &str = "kubernetes.default.svc.cluster.local";

/// Asks once.
///
/// # Errors
/// When no address comes within a moment.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let server = (settings.network.dns_service(), 53);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("open a socket")?;
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .context("set a timeout")?;
    socket
        .connect((server.0.as_str(), server.1))
        .context("reach the DNS")?;
    socket.send(&question(NAME)).context("ask the DNS")?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).context("wait for the DNS")?;
    // RFC 1035, 4.1.1: the response code in the low half of byte 3, the number of answers in bytes 6 and 7.
    ensure!(length >= 12, "the DNS answered with {length} bytes");
    let (code, answers) = (answer[3] & 0x0f, u16::from_be_bytes([answer[6], answer[7]]));
    ensure!(
        code == 0 && answers > 0,
        "the DNS answered with code {code} and {answers} addresses"
    );
    Ok(())
}

/// A question for the address (type A, class IN) of a name.
fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0x57, 0x65, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.extend(u8::try_from(label.len()));
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}
