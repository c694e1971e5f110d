//! The harness itself: pods run, volumes come, grow and go, the host reaches what is inside.

use std::{path::Path, time::Duration};

use anyhow::ensure;
use e2e::{
    clients::Sdk,
    cluster::{Space, until},
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use serde_json::json;

use crate::harness;

const MINUTE: Duration = Duration::from_secs(60);

const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: holder}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 65532, fsGroup: 65532}
  containers:
  - name: pause
    image: weft.local/pause:1
    volumeMounts: [{name: data, mountPath: /data}]
  volumes:
  - name: data
    persistentVolumeClaim: {claimName: data}
";

#[test]
fn a_pod_runs_the_machines_own_python_with_an_sdk() {
    let _together = harness::together();
    let space = Space::create("python").expect("a space");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("look.py");
    let text = "import azure.eventgrid, socket\nprint('sdk', azure.eventgrid.__version__)\n\
                print('dns', socket.gethostbyname('kubernetes.default.svc'))\n";
    std::fs::write(&file, text).expect("write it");
    readable(folder.path());
    let program = space.program("look").python(Sdk::PythonNewest, &file, &[]);
    let said = program.expect("an environment").run(MINUTE).expect("it runs");
    assert!(said.contains("sdk 4."), "{said}");
    assert!(said.contains("dns 10."), "{said}");
}

#[test]
fn a_claim_gets_a_volume_that_grows_and_goes() {
    let _together = harness::together();
    let space = Space::create("claim").expect("a space");
    space.apply(CLAIM).expect("it applies");
    until("the pod to run", MINUTE, || {
        let pod: Pod = space.get("holder")?;
        let phase = pod.status.and_then(|status| status.phase);
        ensure!(phase.as_deref() == Some("Running"), "it is {phase:?}");
        Ok(())
    })
    .expect("the pod runs");
    let larger = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
    space
        .patch::<PersistentVolumeClaim>("data", &larger)
        .expect("it may grow");
    until("the claim to have grown", MINUTE, || {
        let claim: PersistentVolumeClaim = space.get("data")?;
        let capacity = claim
            .status
            .and_then(|status| status.capacity)
            .unwrap_or_default();
        ensure!(
            capacity.get("storage").is_some_and(|size| size.0 == "2Gi"),
            "it has {capacity:?}"
        );
        Ok(())
    })
    .expect("it grows");
    space.delete::<Pod>("holder").expect("delete the pod");
    space
        .delete::<PersistentVolumeClaim>("data")
        .expect("delete the claim");
    space
        .wait_gone::<PersistentVolumeClaim>("data", MINUTE)
        .expect("it goes");
}

#[test]
fn a_killed_container_comes_back() {
    let _together = harness::together();
    let space = Space::create("killed").expect("a space");
    let pod = CLAIM.rsplit("---").next().expect("a text");
    let alone = pod.split("    volumeMounts").next().expect("a text");
    space.apply(alone).expect("it applies");
    let restarts = |wanted: i32| {
        until("the container to run", MINUTE, || {
            let pod: Pod = space.get("holder")?;
            let statuses = pod.status.and_then(|status| status.container_statuses);
            let status = statuses.unwrap_or_default();
            let ready = status
                .iter()
                .any(|status| status.ready && status.restart_count == wanted);
            ensure!(ready, "{status:?}");
            Ok(())
        })
    };
    restarts(0).expect("it runs");
    space.kill_container("holder").expect("kill it");
    restarts(1).expect("it runs again");
}

#[test]
fn the_api_server_and_the_kubelet_can_be_stopped_and_come_back() {
    let _alone = harness::alone();
    let space = Space::create("stopped").expect("a space");
    let cluster = space.cluster();
    let node = cluster
        .machine()
        .and_then(|machine| machine.node(0))
        .expect("a node");
    for daemon in ["kubelet", "kube-apiserver"] {
        node.kill_daemon(daemon).expect("it stops");
        assert!(!node.is_running(daemon));
    }
    cluster
        .check_ready()
        .expect_err("nobody answers without an API server");
    for daemon in ["kube-apiserver", "kubelet"] {
        node.restart_daemon(daemon).expect("it starts");
    }
    until("the API server to answer", MINUTE, || cluster.check_ready()).expect("it answers");
    let pod = CLAIM.rsplit("---").next().expect("a text");
    let pod = pod.split("    volumeMounts").next().expect("a text");
    space.apply(pod).expect("it takes objects again");
    until("a new pod to run", MINUTE, || {
        let pod: Pod = space.get("holder")?;
        let phase = pod.status.and_then(|status| status.phase);
        ensure!(phase.as_deref() == Some("Running"), "it is {phase:?}");
        Ok(())
    })
    .expect("the kubelet starts pods again");
}

#[test]
fn a_machine_that_lost_its_power_comes_back_with_its_pods() {
    let _alone = harness::alone();
    let space = Space::create("power").expect("a space");
    let cluster = space.cluster();
    let node = cluster
        .machine()
        .and_then(|machine| machine.node(0))
        .expect("a node");
    space.apply(CLAIM).expect("it applies");
    let running = |restarts: i32| {
        until("the pod to run", MINUTE, || {
            let pod: Pod = space.get("holder")?;
            let statuses = pod.status.and_then(|status| status.container_statuses);
            let statuses = statuses.unwrap_or_default();
            let fits = statuses
                .iter()
                .any(|status| status.ready && status.restart_count >= restarts);
            ensure!(fits, "{statuses:?}");
            Ok(())
        })
    };
    running(0).expect("it runs");
    node.power_off().expect("it goes off");
    assert!(!node.is_on());
    node.power_on_again().expect("it goes on");
    running(1).expect("its container was started again");
}

/// Programs in pods are not root.
fn readable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("open the folder");
}
