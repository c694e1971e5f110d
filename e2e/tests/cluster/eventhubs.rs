//! Event hubs on a cluster: programs on Azure's SDKs in pods, by connection string and over TLS, with nothing but the
//! settings and the trust that the operator made for them.

#[path = "../it/eventhubs/scenarios.rs"]
#[allow(dead_code, reason = "local mode tries several doors, and some of it on each")]
pub(crate) mod scenarios;
#[path = "../it/eventhubs/streams.rs"]
mod streams;

use std::{thread, time::Duration};

use crds::v1alpha1::{Hub, Namespace};
use e2e::{
    cluster::{Running, Space, until},
    eventhubs::{Client, Sdk},
    manifests::NAMESPACE,
};

use self::{
    scenarios::Stage,
    streams::{Streams, truth},
};
use crate::{
    fixture::{self, SOON},
    harness,
};

const KILLS: u32 = 20;
/// One of each language. Their older releases and other styles are tried in local mode.
const SDKS: [Sdk; 5] = [Sdk::PythonNewest, Sdk::JavaScript, Sdk::Go, Sdk::Java, Sdk::Rust];
/// Those that go on by themselves whenever the pod was killed. JavaScript's does so in local mode, and once stood still here.
const STEADY: [Sdk; 4] = [Sdk::PythonNewest, Sdk::Go, Sdk::Java, Sdk::Rust];

/// A space with a Namespace and these hubs, ready.
fn hubs(prefix: &str, names: &[String], partitions: u32) -> Space {
    let space = Space::create(prefix).expect("a space");
    let namespace = "
apiVersion: weft.dev/v1alpha1
kind: Namespace
metadata: {name: shop}
spec: {storage: {persistentVolume: {size: 2Gi}}}
";
    let hub = |name: &String| {
        format!(
            "---
apiVersion: weft.dev/v1alpha1
kind: Hub
metadata: {{name: {name}}}
spec: {{namespaceRef: {{name: shop}}, eventHub: {{partitionCount: {partitions}, consumerGroups: [{{name: dashboards}}]}}}}
"
        )
    };
    let manifests = names
        .iter()
        .map(hub)
        .fold(namespace.to_owned(), |text, hub| text + &hub);
    space.apply(&manifests).expect("the manifests are accepted");
    space
        .wait_ready::<Namespace>(NAMESPACE, SOON)
        .expect("the Namespace becomes ready");
    for name in names {
        space
            .wait_ready::<Hub>(name, SOON)
            .expect("the Hub becomes ready");
    }
    space
}

/// A pod for programs that use this hub.
fn pod<'a>(space: &'a Space, hub: &str, sdks: &[Sdk]) -> Running<'a> {
    let name = format!("programs-of-{hub}");
    let program = space.program(&name).eventhubs(sdks, NAMESPACE, hub);
    let pod = program.expect("the SDKs are there").start().expect("it starts");
    pod.wait_until_it_runs(SOON).expect("it runs");
    pod
}

#[test]
fn programs_in_pods_find_the_service_they_know() {
    let _together = harness::together();
    let names: Vec<String> = (0..SDKS.len()).map(|number| format!("hub-{number}")).collect();
    let space = hubs("eventhubs", &names, scenarios::PARTITIONS);
    thread::scope(|scope| {
        let runs = SDKS.iter().zip(&names).map(|(sdk, hub)| {
            let space = &space;
            scope.spawn(move || {
                let pod = pod(space, hub, &[*sdk]);
                let mut stage = Stage::new(Client::in_pod(&pod, *sdk).expect("the program starts"), hub);
                for (scenario, play) in &scenarios::ALL {
                    let outcome = play(&mut stage);
                    outcome.unwrap_or_else(|error| panic!("{sdk:?}, {scenario}: {error:#}"));
                }
            })
        });
        let runs: Vec<_> = runs.collect();
        let failed = runs
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .filter(Result::is_err);
        assert_eq!(failed.count(), 0, "what went wrong is said above");
    });
}

#[test]
fn nothing_acknowledged_is_lost_and_every_partition_keeps_its_order_in_twenty_kills_of_the_pod() {
    let _together = harness::together();
    let partitions = u32::try_from(STEADY.len()).expect("few SDKs");
    let space = hubs("hub-crash", &["telemetry".to_owned()], partitions);
    let pod = pod(&space, "telemetry", &STEADY);
    let start = |sdk| Client::in_pod(&pod, sdk).expect("the client starts");
    let streams = Streams::new(&STEADY);
    let clients = STEADY.iter().map(|sdk| [start(*sdk), start(*sdk)]).collect();
    streams.during(clients, |streams| {
        for cycle in 0..KILLS {
            streams.everybody_sends(&format!("after {cycle} kills"));
            let before = until("the broker to be ready", SOON, || {
                fixture::life(&space, NAMESPACE)
            });
            space.kill_broker(NAMESPACE).expect("killed");
            until("the broker to be back", SOON, || {
                let after = fixture::life(&space, NAMESPACE)?;
                anyhow::ensure!(Some(&after) != before.as_ref().ok(), "it has not gone yet");
                Ok(())
            })
            .expect("it comes back");
            thread::sleep(Duration::from_millis(100));
        }
        streams.everybody_sends("after the last kill");
    });
    streams.check(|partition| truth(start(Sdk::Go), partition));
}
