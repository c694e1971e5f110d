//! Programs in pods without a password: one label, a ServiceAccount, and roles under Azure's names.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use crds::v1alpha1::{Hub, Namespace, Topic};
use e2e::{
    azurite,
    blobs::Blobs,
    clients,
    cluster::{Door, Running, Space, until},
    eventhubs::{Client, Event, Failure, Line, Mode, NewEvent, Outcome, Position, Request, Sdk},
    http::{self, Connection},
    issuer::OpenIdConnect,
    manifests::NAMESPACE,
    tokens::Signer,
    toolbox,
};
use k8s_openapi::api::{
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod},
    rbac::v1::RoleBinding,
};
use kube::{ResourceExt as _, api::DeleteParams};

use crate::{
    eventhubs::scenarios::{self, Stage},
    fixture::SOON,
    harness,
    outage::Outage,
};

/// One of each language, and Python's asynchronous clients.
const SDKS: [Sdk; 6] = [
    Sdk::PythonNewest,
    Sdk::PythonNewestAio,
    Sdk::JavaScript,
    Sdk::Go,
    Sdk::Java,
    Sdk::RustStable,
];
const ACCOUNT: &str = "web";
const CONTAINER: &str = "checkpoints";
const OWNER: &str = "azure-event-hubs-data-owner";
const SENDER: &str = "azure-event-hubs-data-sender";
const RECEIVER: &str = "azure-event-hubs-data-receiver";
const BLOBS: &str = "storage-blob-data-contributor";
/// A role that is granted or withdrawn counts within this: some times what is promised, for a machine that does other
/// things, too.
const SECONDS: Duration = Duration::from_secs(30);
/// A processor that has not spoken of a partition for this long has lost it.
const EXPIRATION: Duration = Duration::from_secs(10);
/// A pod that is gone without a goodbye answers nothing. Linux gives such a connection up after 127 s, and Python's asynchronous
/// client leaves that to it.
const PATIENCE: Duration = Duration::from_secs(180);
/// A copy in ConfigMaps is at most this old.
const COPIED: Duration = Duration::from_secs(10);
/// From where the first log that follows another one numbers its events.
const SECOND_LIFE: i64 = 1 << 40;

/// A space with a Namespace, these hubs, and a ServiceAccount with these roles.
fn shop(prefix: &str, spec: &str, hubs: &[String], roles: &[&str]) -> Space {
    let space = Space::create(prefix).expect("a space");
    fill(&space, spec, hubs, roles);
    space
}

/// The same in a space that there is.
fn fill(space: &Space, spec: &str, hubs: &[String], roles: &[&str]) {
    let mut manifests = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {ACCOUNT}}}\n---\n\
         apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\nspec: {{{spec}}}\n"
    );
    for hub in hubs {
        manifests.push_str(&format!(
            "---\napiVersion: weft.dev/v1alpha1\nkind: Hub\nmetadata: {{name: {hub}}}\n\
             spec: {{namespaceRef: {{name: {NAMESPACE}}}, eventHub: {{partitionCount: {}, \
             consumerGroups: [{{name: dashboards}}]}}}}\n",
            scenarios::PARTITIONS
        ));
    }
    space.apply(&manifests).expect("the manifests are accepted");
    for role in roles {
        bind(space, role, &account(space));
    }
    space
        .wait_ready::<Namespace>(NAMESPACE, SOON)
        .expect("the Namespace becomes ready");
    for hub in hubs {
        space.wait_ready::<Hub>(hub, SOON).expect("the Hub becomes ready");
    }
}

/// The address of this machine that pods reach.
fn host(space: &Space) -> IpAddr {
    let machine = space.cluster().machine().expect("a cluster of this machine");
    machine.settings().network.host().parse().expect("an address")
}

fn account(space: &Space) -> String {
    format!(
        "{{kind: ServiceAccount, name: {ACCOUNT}, namespace: {}}}",
        space.name()
    )
}

fn bind(space: &Space, role: &str, subject: &str) {
    let binding = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {role}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\nsubjects: [{subject}]\n"
    );
    space.apply(&binding).expect("the binding is accepted");
}

fn one(hub: &str) -> Vec<String> {
    vec![hub.to_owned()]
}

/// A pod for programs that use this hub, connected by its label.
fn pod<'a>(space: &'a Space, name: &str, hub: &str, sdks: &[Sdk]) -> Running<'a> {
    let program = space.program(name).passwordless(sdks, ACCOUNT, NAMESPACE, hub);
    let pod = program.expect("the SDKs are there").start().expect("it starts");
    pod.wait_until_it_runs(SOON).expect("it runs");
    pod
}

#[test]
fn programs_in_five_languages_need_nothing_but_a_label_and_a_role() {
    let _together = harness::together();
    let hubs: Vec<_> = (0..SDKS.len()).map(|number| format!("hub-{number}")).collect();
    let space = shop("passwordless", "", &hubs, &[OWNER, BLOBS]);
    thread::scope(|scope| {
        let runs = SDKS.iter().zip(&hubs).map(|(sdk, hub)| {
            let space = &space;
            scope.spawn(move || {
                let pod = pod(space, &format!("programs-of-{hub}"), hub, &[*sdk]);
                let client = Client::in_pod(&pod, *sdk).expect("the program starts");
                let mut stage = Stage::new(client, hub);
                for (scenario, play) in &scenarios::PASSWORDLESS {
                    let outcome = play(&mut stage);
                    let outcome = outcome.unwrap_or_else(|error| panic!("{sdk:?}, {scenario}: {error:#}"));
                    assert_eq!(outcome, Outcome::Works, "{sdk:?}, {scenario}");
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
fn the_quickstart_without_a_password_runs_in_a_pod_as_it_is() {
    let _together = harness::together();
    let hubs = [("", "hub-0"), ("_sync", "hub-1")];
    let names: Vec<_> = hubs.iter().map(|(_, hub)| (*hub).to_owned()).collect();
    let space = shop("quickstart", "", &names, &[OWNER, BLOBS]);
    thread::scope(|scope| {
        for (suffix, hub) in hubs {
            let space = &space;
            scope.spawn(move || {
                let start = |program: &str| {
                    let name = format!("{program}-{hub}");
                    let sdks = [Sdk::PythonNewest];
                    let waiting = space.program(&name).passwordless(&sdks, ACCOUNT, NAMESPACE, hub);
                    let example = waiting.and_then(|waiting| {
                        waiting.example(Sdk::PythonNewest, &format!("{program}{suffix}.py"))
                    });
                    example.expect("Python is there").start().expect("it starts")
                };
                let receiver = start("recv");
                let sent = start("send").wait(2 * SOON).expect("it sends");
                assert!(sent.contains(&format!("sent 3 events to {hub}")), "{sent}");
                receiver
                    .wait_until_it_says("received 'measurement 3'", 2 * SOON)
                    .expect("it receives");
            });
        }
    });
}

#[test]
fn event_grid_takes_the_token_of_a_pod() {
    let _together = harness::together();
    let space = shop("eventgrid-token", "", &[], &["eventgrid-data-contributor"]);
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders}\n\
             spec: {namespaceRef: {name: shop}}\n---\n\
             apiVersion: weft.dev/v1alpha1\nkind: EventSubscription\nmetadata: {name: billing}\n\
             spec: {topicRef: {name: orders}, queue: {}}\n",
        )
        .expect("accepted");
    space.wait_ready::<Topic>("orders", SOON).expect("ready");
    let client = toolbox::clients_folder().join("python/newest/client.py");
    space
        .program("events")
        .python(clients::Sdk::PythonNewest, &client, &["publish_and_receive"])
        .expect("an environment")
        .labelled_for(NAMESPACE)
        .service_account(ACCOUNT)
        .variable("EVENTGRID_TOPIC_NAME", "orders")
        .variable("EVENTGRID_EVENT_SUBSCRIPTION_NAME", "billing")
        .run(2 * SOON)
        .expect("it publishes, receives and acknowledges");
}

#[test]
fn a_role_that_is_missing_is_named_and_one_that_is_granted_or_withdrawn_counts_within_seconds() {
    let _together = harness::together();
    let space = shop("roles", "", &one("telemetry"), &[]);
    let pod = pod(&space, "program", "telemetry", &[Sdk::Go]);
    let mut client = Client::in_pod(&pod, Sdk::Go).expect("the program starts");
    let send = || {
        Request::send(Mode::Batch, vec![NewEvent::text("event")])
            .to_partition("0")
            .retries(0)
    };
    let receive = || Request::receive("0", Position::Earliest, 1).retries(0);

    let refused = refusal(&mut client, &send());
    for part in [
        format!("`system:serviceaccount:{}:{ACCOUNT}`", space.name()),
        "may not `send` on hubs.weft.dev/telemetry or eventnamespaces.weft.dev/shop".to_owned(),
        SENDER.to_owned(),
    ] {
        assert!(refused.text.contains(&part), "{refused:?} does not say {part:?}");
    }
    let refused = refusal(&mut client, &send().hub("telemetri"));
    let unknown = "there is no hub `telemetri` here";
    assert!(
        refused.text.contains(unknown),
        "{refused:?} does not say {unknown:?}"
    );
    // The wrong role: to receive is not to send.
    send_with_the_key(&space);
    bind(&space, RECEIVER, &account(&space));
    works_soon(&mut client, &receive(), "to receive");
    let refused = refusal(&mut client, &send());
    assert!(refused.text.contains("may not `send`"), "{refused:?}");
    bind(&space, SENDER, &account(&space));
    works_soon(&mut client, &send(), "to send");

    // Withdrawn while a link is open.
    client
        .begin(&Request::stream_receive("0", Position::Earliest).retries(0))
        .expect("it begins");
    next(&mut client, |line| matches!(line, Line::Event(_)));
    space.delete::<RoleBinding>(RECEIVER).expect("withdrawn");
    let withdrawn = Instant::now();
    let trouble = next(&mut client, |line| matches!(line, Line::Trouble(_)));
    println!(
        "detached {:.1?} after the role was withdrawn",
        withdrawn.elapsed()
    );
    let Line::Trouble(failure) = trouble else {
        unreachable!("it was chosen")
    };
    assert!(
        failure.text.contains("may not `receive`") || failure.condition() == Some("amqp:unauthorized-access"),
        "{failure:?}"
    );
    assert!(withdrawn.elapsed() < SECONDS, "{:?}", withdrawn.elapsed());
    // Granted again, the program goes on by itself.
    bind(&space, RECEIVER, &account(&space));
    let mut sender = Client::in_pod(&pod, Sdk::Go).expect("the program starts");
    works_soon(&mut sender, &send(), "to send");
    next(&mut client, |line| matches!(line, Line::Event(_)));

    // Checkpoints are a right of their own.
    let blobs = with_token(&space, &space.blobs(NAMESPACE).expect("a door"));
    let refused = blobs.send("GET", "/checkpoints?restype=container&comp=list", &[]);
    let refused = refused.expect("an answer");
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(refused.status, 403, "{text}");
    for part in [
        "may not `receive`",
        "eventnamespaces.weft.dev/shop/checkpoints",
        BLOBS,
    ] {
        assert!(text.contains(part), "{text} does not say {part:?}");
    }
    bind(&space, BLOBS, &account(&space));
    until("the granted role to count", SOON, || {
        blobs.list(CONTAINER, "").map(drop)
    })
    .expect("it does");
}

#[test]
fn a_token_for_another_audience_is_refused_and_told_which_one_it_needs() {
    let _together = harness::together();
    let space = shop("audience", "", &one("telemetry"), &[OWNER, BLOBS]);
    let blobs = space.blobs(NAMESPACE).expect("a door");
    let good = with_token(&space, &blobs);
    until("the token to be accepted", SOON, || {
        good.list(CONTAINER, "").map(drop)
    })
    .expect("it is");
    let foreign = space.token(ACCOUNT, "somebody-else").expect("a token");
    let refused = blobs
        .showing(format!("Bearer {foreign}"))
        .send("GET", "/checkpoints?restype=container&comp=list", &[])
        .expect("an answer");
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(refused.status, 401, "{text}");
    assert!(
        text.contains("is meant for `somebody-else`, not for `weft`"),
        "{text}"
    );
}

#[test]
fn an_issuer_outside_of_the_cluster_is_believed_while_it_publishes_the_key() {
    let _together = harness::together();
    let space = Space::create("issuer").expect("a space");
    let issuer = OpenIdConnect::serve(host(&space)).expect("an issuer");
    let (first, second) = (
        Signer::stranger().expect("a key"),
        Signer::stranger().expect("a key"),
    );
    let reached = |status: &str| {
        let told = space.wait_for::<Namespace>(NAMESPACE, "IssuersReached", status, 3 * SOON);
        told.unwrap_or_else(|error| panic!("the Namespace says {status} of its issuers: {error:#}"))
    };
    let authority = issuer.certificate().replace('\n', "\\n");
    let spec = format!(
        "identity: {{issuers: [{{url: '{}', audiences: [weft], prefix: 'corp:', certificateAuthority: \"{authority}\"}}]}}",
        issuer.url()
    );
    fill(&space, &spec, &one("telemetry"), &[]);
    // It says no key yet.
    reached("False");
    issuer.publish(&[&first]);
    let group = "{kind: Group, name: 'corp:payments', apiGroup: rbac.authorization.k8s.io}";
    bind(&space, BLOBS, group);
    let blobs = space.blobs(NAMESPACE).expect("a door");
    let show = |signer: &Signer, groups: &[&str]| {
        let token = signer.sign(&issuer.claims("alice", groups)).expect("a token");
        let response = blobs.showing(format!("Bearer {token}")).send(
            "GET",
            "/checkpoints?restype=container&comp=list",
            &[],
        )?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        anyhow::Ok((response.status, text))
    };
    let accepted = |signer: &Signer| {
        let (status, text) = show(signer, &["payments"])?;
        ensure!(status == 200, "{status}: {text}");
        Ok(())
    };
    until("a token of the issuer to be accepted", SOON, || accepted(&first)).expect("it is");
    reached("True");
    let (status, text) = show(&first, &["sales"]).expect("an answer");
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("`corp:alice` may not `receive`"), "{text}");
    let (status, text) = show(&second, &["payments"]).expect("an answer");
    assert_eq!(status, 401, "{text}");
    assert!(
        text.contains("matches no key that its issuer publishes"),
        "{text}"
    );

    issuer.publish(&[&second]);
    until("the new key to be found", SOON, || accepted(&second)).expect("it is");
    let (status, text) = show(&first, &["payments"]).expect("an answer");
    assert_eq!(status, 401, "the old key is out: {text}");
}

#[test]
fn positions_come_back_from_config_maps_when_pod_and_volume_are_gone() {
    let _together = harness::together();
    let space = shop("lost", VOLUME, &one("telemetry"), &[OWNER, BLOBS]);
    lose_the_volume(&space);
}

/// And while the store lets nobody in, the Namespace says so and serves on.
#[test]
fn positions_come_back_from_an_object_store_when_pod_and_volume_are_gone() {
    let _together = harness::together();
    let space = Space::create("stored").expect("a space");
    let azurite = azurite::Server::start(host(&space)).expect("Azurite");
    azurite.create_container("weft").expect("a container");
    let credentials = |key: &str| {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: store, labels: {{weft.dev/usable: 'true'}}}}\nstringData:\n  \
             azure_storage_account_name: {}\n  azure_storage_account_key: {key}\n  azure_storage_endpoint: {}\n  \
             azure_allow_http: 'true'\n",
            azurite::ACCOUNT,
            azurite.endpoint()
        );
        space.apply(&secret).expect("the Secret is accepted");
    };
    credentials(azurite::KEY);
    let spec = format!(
        "{VOLUME}, checkpoint: {{objectStore: {{url: 'az://weft/east', credentialsSecretRef: {{name: store}}}}}}"
    );
    fill(&space, &spec, &one("telemetry"), &[OWNER, BLOBS]);
    lose_the_volume(&space);

    let copied = || {
        let told = space.wait_for::<Namespace>(NAMESPACE, "CheckpointsCopied", "True", 3 * SOON);
        told.expect("the Namespace says that the copy is up to date")
    };
    copied();
    credentials(&BASE64_STANDARD.encode("another key"));
    let blobs = with_token(&space, &space.blobs(NAMESPACE).expect("a door"));
    let target = format!("/{NAMESPACE}/{CONTAINER}/other");
    until("a blob to be written with the other key in use", 3 * SOON, || {
        let response = blobs.send("PUT", &target, &[("x-ms-blob-type", "BlockBlob")])?;
        ensure!(response.status == 201, "{}", response.status);
        let told = space.get::<Namespace>(NAMESPACE)?;
        let conditions = told.status.map(|status| status.conditions).unwrap_or_default();
        let told = conditions
            .into_iter()
            .find(|condition| condition.type_ == "CheckpointsCopied");
        let told = told.context("find the condition")?;
        ensure!(told.status == "False", "{}", told.message);
        ensure!(told.message.contains("az://weft/east"), "{}", told.message);
        Ok(())
    })
    .expect("the Namespace says so");
    space
        .wait_ready::<Namespace>(NAMESPACE, SOON)
        .expect("it serves on");
    credentials(azurite::KEY);
    copied();
}

const VOLUME: &str = "storage: {persistentVolume: {size: 64Mi}}";

/// Takes pod and volume away under a running processor: positions come back, and what is sent then reaches it.
fn lose_the_volume(space: &Space) {
    // The volume is taken away from under the broker.
    space.expect_errors("No such file or directory");
    let pod = pod(space, "program", "telemetry", &[Sdk::Go, Sdk::PythonNewestAio]);
    let mut producer = Client::in_pod(&pod, Sdk::Go).expect("a producer");
    let mut processor = Client::in_pod(&pod, Sdk::PythonNewestAio).expect("a processor");
    send_everywhere(&mut producer, 3);
    let process = || Request::stream_process("dashboards", EXPIRATION).retries(200);
    processor.begin(&process()).expect("it begins");
    take(&mut processor, 3 * scenarios::PARTITIONS as usize);
    let blobs = space.blobs(NAMESPACE).expect("a door");
    let positions = || blobs.positions(CONTAINER, "telemetry", "dashboards");
    let stored = until("every event to be stored", SOON, || {
        let stored = positions()?;
        ensure!(
            stored.len() == scenarios::PARTITIONS as usize && stored.values().all(|number| *number == 2),
            "{stored:?}"
        );
        Ok(stored)
    })
    .expect("it is");
    thread::sleep(2 * COPIED);

    let before = space.uid::<Pod>("shop-0").expect("a pod");
    for claim in space.list::<PersistentVolumeClaim>().expect("claims") {
        space
            .delete::<PersistentVolumeClaim>(&claim.name_any())
            .expect("deleted");
    }
    let now = DeleteParams::default().grace_period(0);
    space
        .cluster()
        .delete_with::<Pod>(space.name(), "shop-0", &now)
        .expect("deleted");
    until("another pod to be there", 2 * SOON, || {
        ensure!(space.uid::<Pod>("shop-0")? != before, "it is the old one");
        Ok(())
    })
    .expect("it is made again");
    let told = space
        .wait_for::<Namespace>(NAMESPACE, "DataLost", "True", 2 * SOON)
        .expect("the Namespace says what happened");
    println!("DataLost: {}", told.message);
    space.wait_ready::<Namespace>(NAMESPACE, 2 * SOON).expect("ready");
    let again = until("the blob door to answer", SOON, positions).expect("it does");
    assert_eq!(again, stored, "positions come back");
    // The processor of before has never been told.
    send_everywhere(&mut producer, 1);
    let new = take(&mut processor, scenarios::PARTITIONS as usize);
    assert!(
        new.iter().all(|event| event.sequence_number >= SECOND_LIFE),
        "numbers that no event had before: {new:?}"
    );
}

#[test]
fn while_the_api_server_is_away_tokens_go_on_and_checkpoints_catch_up_afterwards() {
    let _alone = harness::alone();
    let space = shop("apiless", "", &one("telemetry"), &[OWNER, BLOBS]);
    let program = space
        .program("processor")
        .passwordless(&[Sdk::Go], ACCOUNT, NAMESPACE, "telemetry");
    let request = Request::stream_process("dashboards", EXPIRATION).retries(200);
    let processor = program.and_then(|program| program.answering(Sdk::Go, &request));
    let processor = processor.expect("Go is there").start().expect("it starts");
    let door = space.door(NAMESPACE).expect("a door");
    let blobs = with_token(&space, &space.blobs(NAMESPACE).expect("a door"));
    let send = || send(&door, &blobs.authorization);
    until("an event to be accepted", SOON, send).expect("it is");
    let processed = |count: i64| {
        until("the event to be processed", SOON, || {
            let positions = blobs.positions(CONTAINER, "telemetry", "dashboards")?;
            ensure!(
                positions.get("0").is_some_and(|number| *number + 1 >= count),
                "{positions:?}"
            );
            Ok(())
        })
    };
    processed(1).unwrap_or_else(|error| panic!("{error:#}\n{:?}", processor.log()));
    thread::sleep(2 * COPIED);
    let copied = copies(&space).expect("the copy in ConfigMaps");

    let outage = Outage::begin(&space);
    assert!(space.get::<Hub>("telemetry").is_err(), "the API server is away");
    // Longer than a right is cached, and than a link is looked at.
    let begin = Instant::now();
    let mut sent = 1;
    while begin.elapsed() < Duration::from_secs(20) {
        send().expect("a right that was seen goes on");
        sent += 1;
        processed(sent).expect("a program goes on");
    }
    println!("{} events while the API server was away", sent - 1);
    drop(outage);

    until("the API server to be back", SOON, || {
        space.get::<Hub>("telemetry").map(drop)
    })
    .expect("it is");
    until("the copy to catch up", 2 * SOON, || {
        ensure!(copies(&space)? != copied, "it is as it was");
        Ok(())
    })
    .expect("it does");
    let log = processor.log().expect("its log");
    assert!(!log.contains("\"trouble\""), "{log}");
    space
        .wait_ready::<Namespace>(NAMESPACE, SOON)
        .expect("all is well");
}

/// What lies in the ConfigMaps of checkpoints.
fn copies(space: &Space) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let maps = space.list::<ConfigMap>()?.into_iter();
    let pages = maps.filter_map(|map| {
        let name = map.name_any();
        let page = map.binary_data?.remove("page.json.gz")?;
        Some((name, page.0))
    });
    let pages: BTreeMap<_, _> = pages.collect();
    ensure!(!pages.is_empty(), "there are none");
    Ok(pages)
}

/// The same door, with a token in the place of the key.
fn with_token(space: &Space, blobs: &Blobs) -> Blobs {
    let token = space.token(ACCOUNT, "weft").expect("a token");
    blobs.showing(format!("Bearer {token}"))
}

fn send_everywhere(producer: &mut Client, count: u32) {
    for partition in 0..scenarios::PARTITIONS {
        let events = (0..count).map(|number| NewEvent::text(&number.to_string()));
        let request = Request::send(Mode::Batch, events.collect()).to_partition(&partition.to_string());
        until("the events to be acknowledged", 2 * SOON, || {
            producer.run(&request)?.ok().map(drop)
        })
        .expect("they are");
    }
}

/// The next events of a stream.
fn take(processor: &mut Client, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        match next(processor, |line| matches!(line, Line::Event(_))) {
            Line::Event(event) => events.push(*event),
            other => unreachable!("{other:?} was not chosen"),
        }
    }
    events
}

/// The next line of this kind.
fn next(client: &mut Client, is_wanted: impl Fn(&Line) -> bool) -> Line {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        let line = client.line(deadline).expect("it lives");
        match line.with_context(|| format!("it has only said {seen:?}")) {
            Ok(line) if is_wanted(&line) => return line,
            Ok(line) => seen.push(line),
            Err(error) => panic!("{:?}: {error:#}", client.sdk()),
        }
    }
}

fn refusal(client: &mut Client, request: &Request) -> Failure {
    let lines = client.run(request).expect("an answer");
    lines
        .failure()
        .unwrap_or_else(|| panic!("it was not refused: {lines:?}"))
        .clone()
}

/// Waits until the request is answered as it should: sent, or received.
fn works_soon(client: &mut Client, request: &Request, what: &str) {
    let begin = Instant::now();
    until("the granted role to count", SOON, || {
        let lines = client.run(request)?.ok()?;
        ensure!(lines.sent() + lines.events().len() == 1, "{lines:?}");
        Ok(())
    })
    .expect("it does");
    println!("{what} works {:.1?} after the role was granted", begin.elapsed());
    assert!(begin.elapsed() < SECONDS, "{:?}", begin.elapsed());
}

/// An event in partition 0, whatever anybody's role.
fn send_with_the_key(space: &Space) {
    let door = space.door(NAMESPACE).expect("a door");
    until("an event to be accepted", SOON, || {
        send(&door, &format!("SharedAccessKey {}", door.key))
    })
    .expect("it is");
}

/// Sends an event to partition 0 over HTTPS.
fn send(door: &Door, authorization: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open_tls(door.address, &door.server_name, &door.authorities)?;
    let request = http::Request::post("/telemetry/partitions/0/messages")
        .header("authorization", authorization)
        .body("an event");
    let response = connection.post(&request)?;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    ensure!(response.status == 201, "{}: {text}", response.status);
    Ok(())
}
