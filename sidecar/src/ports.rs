//! The ports, bound before anything else is touched.

use std::net::SocketAddr;

use front::Listener;
use tokio::net::TcpListener;

use crate::error::Error;
use crate::settings::{Addresses, Settings};

/// Bound, not yet accepting.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) http: Option<Listener>,
    pub(crate) https: Option<Listener>,
    pub(crate) amqp: Option<Listener>,
    pub(crate) amqps: Option<Listener>,
    pub(crate) blob: Option<Listener>,
    pub(crate) operations: Option<TcpListener>,
    pub(crate) addresses: Addresses,
}

impl Ports {
    pub(crate) async fn bind(settings: &Settings) -> Result<Self, Error> {
        let (http, http_address) = open("http", settings.http).await?.unzip();
        let (https, https_address) = open("https", settings.https).await?.unzip();
        let (amqp, amqp_address) = open("amqp", settings.amqp).await?.unzip();
        let (amqps, amqps_address) = open("amqps", settings.amqps).await?.unzip();
        let (blob, blob_address) = open("blob", settings.blob).await?.unzip();
        let operations = bind("operations", settings.operations).await?;
        let (operations, operations_address) = operations.unzip();
        let addresses = Addresses {
            http: http_address,
            https: https_address,
            amqp: amqp_address,
            amqps: amqps_address,
            blob: blob_address,
            operations: operations_address,
        };
        Ok(Self {
            http,
            https,
            amqp,
            amqps,
            blob,
            operations,
            addresses,
        })
    }
}

async fn open(
    door: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<(Listener, SocketAddr)>, Error> {
    let bound = bind(door, address).await?;
    Ok(bound.map(|(listener, address)| (Listener::from(listener), address)))
}

async fn bind(
    door: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<(TcpListener, SocketAddr)>, Error> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    let bound = listener.and_then(|listener| listener.local_addr().map(|bound| (listener, bound)));
    bound
        .map(Some)
        .map_err(|cause| Error::Bind { door, address, cause })
}
