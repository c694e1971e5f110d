//! `weft checkpoint`

mod groups;
mod list;
mod mark;
mod reset;
mod show;
mod standing;

use crate::args::{self, Checkpoint};
use crate::client::Client;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};
use groups::{Group, Groups};

pub(crate) fn run(command: Checkpoint, environment: &Environment) -> Result<(), Failure> {
    match command {
        Checkpoint::List(args) => list::run(&args, environment),
        Checkpoint::Show(args) => show::run(&args, environment),
        Checkpoint::Reset(args) => reset::run(&args, environment),
    }
}

fn client(connection: &args::Connection, environment: &Environment) -> Result<Client, Failure> {
    Client::new(Connection::resolve(connection, environment)?)
}

/// The group's blobs: one [`Group`] for each address that its programs know the Namespace by.
fn find(groups: Groups, target: &args::Target) -> Result<Vec<Group>, Failure> {
    let found = groups.of(&target.hub, &target.group);
    let Some(first) = found.first() else {
        let message = format!(
            "the consumer group {} of {} has no checkpoints here",
            target.group, target.hub
        );
        return Err(Failure::new(Exit::Refused, message).with_next(
            "`weft checkpoint list` shows which there are; a program writes its first one some events after its start",
        ));
    };
    if found.iter().any(|group| group.container != first.container) {
        let mut containers: Vec<_> = found.iter().map(|group| group.container.name.as_str()).collect();
        containers.dedup();
        let message = format!(
            "several containers have checkpoints of that group: {}",
            containers.join(", ")
        );
        return Err(Failure::usage(message).with_next("choose one with --container NAME"));
    }
    Ok(found)
}
