//! A load generator for any server of AMQP 1.0 that costs little: one thread, frames encoded beforehand, answers of
//! which only what matters is read.

mod message;
mod receiver;
mod sender;
mod session;
mod tls;
mod window;

use std::net::{SocketAddr, TcpStream};

use anyhow::Context;

pub(crate) use self::{
    message::{EVENT_BYTES, Message},
    receiver::{Receivers, Settling},
    sender::Senders,
    session::Session,
    tls::Tls,
};

/// A server, and who we are to it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Peer {
    pub(crate) fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).context("connect")?;
        stream.set_nodelay(true).context("set no delay")?;
        Ok(stream)
    }

    /// A session of a connection of its own, in clear.
    pub(crate) fn session(&self) -> anyhow::Result<Session<TcpStream>> {
        Session::open(self.connect()?, self)
    }
}
