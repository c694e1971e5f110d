//! From nothing to a cluster that answers, with what it waits for.

use std::{fs, os::unix::fs::symlink, path::Path, process::Stdio, thread, time::Duration};

use anyhow::{Context, anyhow, ensure};
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::Api;

use super::{Machine, Node, Pki, Process, control_plane, names, network, stop};
use crate::{
    binary,
    cluster::{
        binaries::Binaries, command, connection::Cluster, images, progress::Progress, requirements,
        settings::Settings, wait,
    },
};

/// How long each step may take on a busy machine.
const STEP_DEADLINE: Duration = Duration::from_secs(90);

const DNS: &str = include_str!("../../../cluster/manifests/dns.yaml");
const STORAGE: &str = include_str!("../../../cluster/manifests/storage.yaml");

/// Starts the cluster of these settings, or finds it running. What an earlier one left behind is removed first.
///
/// # Errors
/// When something is missing on this machine, or does not start: then with the end of its log.
pub fn up(settings: &Settings, progress: Progress) -> anyhow::Result<Cluster> {
    if let Some(cluster) = running(settings) {
        progress.say(format!("the cluster `{}` is up already", settings.name));
        return Ok(cluster);
    }
    requirements::check()?;
    let binaries = Binaries::prepare(progress)?;
    stop::down(settings)?;
    start(settings, &binaries, progress).with_context(|| {
        format!(
            "start the cluster `{}`; `down` removes what is up of it",
            settings.name
        )
    })
}

fn running(settings: &Settings) -> Option<Cluster> {
    let machine = Machine::running(settings).ok().filter(Machine::is_alive)?;
    let cluster = Cluster::open(&machine.settings.kubeconfig().ok()?, Some(machine)).ok()?;
    cluster.check_ready().is_ok().then_some(cluster)
}

fn start(settings: &Settings, binaries: &Binaries, progress: Progress) -> anyhow::Result<Cluster> {
    let state = settings.state_folder()?;
    settings.save()?;
    symlink(binaries.folder(), state.join("bin")).context("link the programs")?;
    let pki = Pki::create(state.join("pki"))?;
    control_plane::write_credentials(settings, &pki)?;
    network::create(settings)?;
    let machine = Machine::running(settings)?;
    let nodes = machine.nodes()?;
    let first = nodes.first().context("a cluster has a node")?;
    let system_images = state.join("system-images.tar");
    // The API server takes the longest, so everything else happens while it starts.
    thread::scope(|scope| {
        let packing = scope.spawn(|| images::pack_system(binaries, &system_images));
        for node in &nodes {
            node.power_on(&pki)?;
        }
        control_plane::start_store(first, &pki)?;
        progress.say("etcd, the API server and the container runtime are starting");
        packing
            .join()
            .map_err(|_| anyhow!("packing the images panicked"))??;
        let runtimes: Vec<_> = nodes
            .iter()
            .map(|node| scope.spawn(|| start_runtime(node, &system_images)))
            .collect();
        for runtime in runtimes {
            runtime.join().map_err(|_| anyhow!("a node panicked"))??;
        }
        anyhow::Ok(())
    })?;
    let cluster = Cluster::open(&settings.kubeconfig()?, Some(machine.clone()))?;
    wait_for(first, "kube-apiserver", "the API server to be ready", || {
        cluster.check_ready()
    })?;
    progress.say("the API server is ready");
    control_plane::start_controllers(first, &pki)?;
    for node in &nodes {
        node.start_kubelet()?;
    }
    start_caretaker(settings)?;
    cluster.apply("kube-system", STORAGE)?;
    cluster.apply("kube-system", &dns(settings))?;
    for node in &nodes {
        wait_for(node, "kubelet", "the node to register", || {
            registered(&cluster, node).map(drop)
        })?;
        node.start_proxy()?;
    }
    for node in &nodes {
        wait_for(node, "kubelet", "the node to be Ready", || {
            is_node_ready(&cluster, node)
        })?;
    }
    progress.say("the nodes are Ready");
    wait_for(first, "kubelet", "names to be served", || names::check(settings))?;
    progress.say("names are served");
    Ok(cluster)
}

/// Waits for a condition that a daemon has to bring about.
fn wait_for(
    node: &Node,
    daemon: &str,
    what: &str,
    condition: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut ended = false;
    let outcome = wait::until(what, STEP_DEADLINE, || {
        // One that has ended brings about nothing more; its log says why.
        if !node.is_running(daemon) {
            ended = true;
            return Ok(());
        }
        condition()
    });
    let reason = if ended {
        anyhow!("waited for {what}")
    } else if let Err(error) = outcome {
        error
    } else {
        return Ok(());
    };
    Err(reason.context(node.why_not(daemon, &format!("not reached: {what}"))))
}

fn start_runtime(node: &Node, images: &Path) -> anyhow::Result<()> {
    wait_for(node, "containerd", "the container runtime to answer", || {
        node.ctr(&["version"]).map(drop)
    })?;
    node.import_image(images)
}

fn registered(cluster: &Cluster, node: &Node) -> anyhow::Result<NodeObject> {
    let api: Api<NodeObject> = Api::all(cluster.client());
    cluster
        .block_on(api.get(&node.name()))
        .with_context(|| format!("get node {}", node.name()))
}

fn is_node_ready(cluster: &Cluster, node: &Node) -> anyhow::Result<()> {
    let object = registered(cluster, node)?;
    let conditions = object
        .status
        .and_then(|status| status.conditions)
        .unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    let ready = ready.context("it has no condition Ready")?;
    ensure!(
        ready.status == "True",
        "Ready is {}: {}",
        ready.status,
        ready.message.as_deref().unwrap_or_default()
    );
    Ok(())
}

fn dns(settings: &Settings) -> String {
    DNS.replace("@IMAGE@", &images::coredns())
        .replace("@ADDRESS@", &settings.network.dns_service())
}

/// The part of us that stays: it provisions volumes and keeps logs.
fn start_caretaker(settings: &Settings) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let state = settings.state_folder()?;
    let program = binary::profile_folder()?.join("e2e");
    ensure!(
        program.is_file(),
        "{} is missing: cargo build -p e2e",
        program.display()
    );
    let log = fs::File::create(state.join("caretaker.log")).context("create the caretaker's log")?;
    let errors = log.try_clone().context("share the log")?;
    let child = command::local(program)
        .args(["caretaker", "--name", &settings.name])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .context("start the caretaker")?;
    let process = Process::of(child.id()).context("the caretaker has ended at once")?;
    process.save(&state.join("caretaker.process"))
}
