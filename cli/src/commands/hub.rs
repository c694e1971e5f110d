//! `weft hub`

mod event;
mod peek;
mod send;
mod show;
mod tail;

use crate::args;
use crate::args::Hub;
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::percent::encode;

pub(crate) fn run(command: Hub, environment: &Environment) -> Result<(), Failure> {
    match command {
        Hub::Show(args) => show::run(&args, environment),
        Hub::Peek(args) => peek::run(&args, environment),
        Hub::Send(args) => send::run(args, environment),
        Hub::Tail(args) => tail::run(&args, environment),
    }
}

fn client(connection: &args::Connection, environment: &Environment) -> Result<Client, Failure> {
    Client::new(Connection::resolve(connection, environment)?)
}

/// Where questions about the hub are answered.
fn path(hub: &str) -> String {
    format!("/$weft/v1/hubs/{}", encode(hub))
}
