//! A disk that is full, and a subscription that lags while others write many times the disk's size.

use std::time::{Duration, Instant};

use e2e::{
    EventGrid, Weft,
    eventgrid::{Settlement, event},
    manifests::Manifests,
    procfs,
};
use serde_json::{Value, json};

/// Small, so that it is filled many times within seconds.
const CAPACITY: &str = "256Mi";
const CAPACITY_BYTES: u64 = 256 * 1024 * 1024;

/// What the folder may take beside the log: configuration, certificates, snapshots.
const DISK_SLACK: u64 = 16 * 1024 * 1024;

/// A batch of ten events of 100 KB.
fn large_batch(name: &str) -> Vec<Value> {
    let data = "x".repeat(100_000);
    let with_data = |index| {
        let mut event = event(&format!("{name}-{index}"));
        event["data"] = json!(data);
        event
    };
    (0..10).map(with_data).collect()
}

fn drain(client: &mut EventGrid, topic: &str, subscription: &str, at_most: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < at_most {
        let wanted = u32::try_from((at_most - ids.len()).min(100)).expect("at most 100");
        let deliveries = client.receive(topic, subscription, wanted).expect("received");
        if deliveries.is_empty() {
            break;
        }
        let tokens: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.lock_token.as_str())
            .collect();
        let settled = client.settle(
            topic,
            subscription,
            Settlement::Acknowledge,
            tokens.iter().copied(),
        );
        assert_eq!(settled.expect("settlements commit").succeeded, tokens);
        ids.extend(deliveries.iter().map(|delivery| delivery.id().to_owned()));
    }
    ids
}

#[test]
fn a_full_disk_refuses_publishes_still_settles_and_recovers() {
    let manifests = Manifests::new(CAPACITY)
        .topic("orders")
        .subscription("orders", "billing", "");
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let mut client = weft.client().expect("a client");
    let mut published = Vec::new();
    let refusal = loop {
        let batch = large_batch(&published.len().to_string());
        let response = client
            .try_publish("orders", Value::from(batch.clone()).to_string())
            .expect("an answer");
        if response.status != 200 {
            break response;
        }
        published.extend(
            batch
                .iter()
                .map(|event| event["id"].as_str().expect("an id").to_owned()),
        );
        assert!(
            (published.len() as u64) * 100_000 < CAPACITY_BYTES,
            "more was accepted than the disk holds"
        );
    };
    assert!(
        (published.len() as u64) * 100_000 > CAPACITY_BYTES / 4,
        "only {} events fit",
        published.len()
    );
    assert_eq!(refusal.status, 429, "{}", String::from_utf8_lossy(&refusal.body));
    assert_eq!(refusal.json().expect("JSON")["error"]["code"], "QuotaExceeded");
    assert!(
        refusal
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok())
    );
    let ready = e2e::http::get(weft.operations_address(), "/readyz").expect("an answer");
    assert_eq!(ready.status, 200, "a full disk is not a reason to be restarted");

    // Full, killed, started again: still full, and still able to settle.
    weft.kill().expect("killed");
    weft.resume().expect("weft starts on a full disk");
    let mut client = weft.client().expect("a client");
    let received = drain(&mut client, "orders", "billing", published.len());
    assert_eq!(received, published, "every acknowledged event is there, in order");
    let start = Instant::now();
    while client
        .try_publish("orders", Value::from(large_batch("after")).to_string())
        .expect("an answer")
        .status
        != 200
    {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "publishing works again once there is room"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(procfs::disk_bytes(&weft.data_folder()) <= CAPACITY_BYTES + DISK_SLACK);
}

#[test]
fn a_lagging_subscription_pins_its_own_events_and_nobody_elses() {
    const CAPACITIES: u64 = 10;
    let manifests = Manifests::new(CAPACITY)
        .topic("lagging")
        .subscription("lagging", "sleeper", "")
        .topic("busy")
        .subscription("busy", "worker", "");
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let mut client = weft.client().expect("a client");
    let mut kept = Vec::new();
    let mut slowest = Duration::ZERO;
    let mut flowed = 0;
    while flowed < CAPACITIES * CAPACITY_BYTES {
        // A small event now and then, so that old segments all hold something that must stay.
        let id = format!("kept-{}", kept.len());
        client.publish("lagging", &[event(&id)]).expect("published");
        kept.push(id);
        for round in 0..10 {
            let body = Value::from(large_batch(&round.to_string())).to_string();
            flowed += body.len() as u64;
            let start = Instant::now();
            let response = client.try_publish("busy", body).expect("an answer");
            assert_eq!(
                response.status,
                200,
                "after {flowed} bytes: {}",
                String::from_utf8_lossy(&response.body)
            );
            slowest = slowest.max(start.elapsed());
            assert_eq!(drain(&mut client, "busy", "worker", 10).len(), 10);
        }
        let disk = procfs::disk_bytes(&weft.data_folder());
        assert!(
            disk <= CAPACITY_BYTES + DISK_SLACK,
            "{disk} bytes on the disk after {flowed} bytes"
        );
    }
    assert!(slowest < Duration::from_secs(5), "a publish took {slowest:?}");
    // What lagged survived being copied forward, and a kill on top.
    weft.kill().expect("killed");
    weft.resume().expect("weft starts");
    let mut client = weft.client().expect("a client");
    assert_eq!(drain(&mut client, "lagging", "sleeper", kept.len()), kept);
}
