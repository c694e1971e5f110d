//! The bridge between the host and the nodes, and the host's routes to pods and Services.

use anyhow::{bail, ensure};

use crate::cluster::{command::call, settings::Settings};

/// Its own, because a bridge without one takes that of a port, and changes it when a node's port goes: connections then
/// stall until neighbours forget the old one.
const BRIDGE_ADDRESS: &str = "02:57:65:66:74:01";

/// Makes the bridge.
///
/// # Errors
/// When the machine uses these addresses already.
pub(super) fn create(settings: &Settings) -> anyhow::Result<()> {
    refuse_clashes(settings)?;
    let (bridge, network) = (settings.name.as_str(), settings.network);
    call(
        "ip",
        ["link", "add", bridge, "address", BRIDGE_ADDRESS, "type", "bridge"],
    )?;
    call(
        "ip",
        ["address", "add", &format!("{}/24", network.host()), "dev", bridge],
    )?;
    call("ip", ["link", "set", bridge, "up"])?;
    call(
        "ip",
        ["route", "replace", &network.services(), "via", &network.node(0)],
    )?;
    Ok(())
}

/// Gives a node a link to the bridge (`eth0` inside), and the host a route to its pods.
pub(super) fn attach(settings: &Settings, number: u8, init: u32) -> anyhow::Result<()> {
    let (bridge, network) = (settings.name.as_str(), settings.network);
    let link = format!("{bridge}-n{number}");
    // That of an earlier life of the node may take a moment to vanish with its namespace.
    let _ = call("ip", ["link", "delete", &link]);
    let inside = ["peer", "name", "eth0", "netns", &init.to_string()];
    call(
        "ip",
        ["link", "add", &link, "type", "veth"].into_iter().chain(inside),
    )?;
    call("ip", ["link", "set", &link, "master", bridge, "up"])?;
    let (pods, node) = (network.pods_of(number), network.node(number));
    call("ip", ["route", "replace", &pods, "via", &node])?;
    Ok(())
}

/// Takes the bridge away; routes and what is left of links go with it.
pub(super) fn remove(settings: &Settings) -> anyhow::Result<()> {
    let exists = |link: &str| std::path::Path::new("/sys/class/net").join(link).exists();
    for number in 0..settings.nodes {
        let link = format!("{}-n{number}", settings.name);
        if exists(&link) {
            let _ = call("ip", ["link", "delete", &link]);
        }
    }
    if exists(&settings.name) {
        call("ip", ["link", "delete", &settings.name])?;
    }
    ensure!(
        !exists(&settings.name),
        "the link {} does not go away",
        settings.name
    );
    Ok(())
}

fn refuse_clashes(settings: &Settings) -> anyhow::Result<()> {
    let routes = call("ip", ["-4", "route", "show"])?;
    let prefixes = settings.network.prefixes();
    for route in routes.lines() {
        if prefixes
            .iter()
            .any(|prefix| route.trim_start().starts_with(prefix))
        {
            bail!(
                "this machine has a route already where the cluster's addresses would be: {route}; choose others with --network"
            )
        }
    }
    Ok(())
}
