use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::super::fake::Fake;
use super::*;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Public keys as an API server lists them.
fn keys(ids: &[&str]) -> Value {
    let key = |id: &&str| json!({"use": "sig", "kty": "RSA", "kid": id, "alg": "RS256", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9", "e": "AQAB"});
    json!({"keys": ids.iter().map(key).collect::<Vec<_>>()})
}

fn publish(fake: &Fake, ids: &[&str]) {
    fake.publish(
        METADATA,
        &json!({"issuer": ISSUER, "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"}),
    );
    fake.publish(KEYS, &keys(ids));
}

struct World {
    fake: Fake,
    folder: TempDir,
    wants_keys: Arc<Notify>,
    scope: TaskScope,
}

impl World {
    fn new() -> Self {
        Self {
            fake: Fake::default(),
            folder: tempfile::tempdir().unwrap(),
            wants_keys: Arc::default(),
            scope: TaskScope::root(),
        }
    }

    fn start(&self) -> watch::Receiver<Option<Issuer>> {
        let folder = self.folder.path().to_owned();
        ClusterKeys::start(self.fake.server(), folder, self.wants_keys.clone(), &self.scope)
    }
}

fn ids(issuer: Option<&Issuer>) -> Vec<String> {
    let keys = issuer.map(|issuer| issuer.keys.keys.clone()).unwrap_or_default();
    keys.into_iter().filter_map(|key| key.common.key_id).collect()
}

async fn wait_for(issuers: &mut watch::Receiver<Option<Issuer>>, expected: &[&str]) {
    let fits = issuers.wait_for(|issuer| ids(issuer.as_ref()) == expected);
    timeout(Duration::from_secs(3600), fits)
        .await
        .expect("it comes")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_issuer_is_what_the_api_server_publishes() {
    let world = World::new();
    publish(&world.fake, &["a", "b"]);
    let mut issuers = world.start();
    wait_for(&mut issuers, &["a", "b"]).await;
    let issuer = issuers.borrow().clone().unwrap();
    assert_eq!(issuer.url, ISSUER);
    assert_eq!(issuer.audiences, ["weft"]);
    assert_eq!(issuer.mapping, Mapping::ServiceAccounts);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_found_within_minutes_or_as_soon_as_it_is_met() {
    let world = World::new();
    publish(&world.fake, &["a"]);
    let mut issuers = world.start();
    wait_for(&mut issuers, &["a"]).await;

    publish(&world.fake, &["a", "b"]);
    let began = Instant::now();
    wait_for(&mut issuers, &["a", "b"]).await;
    assert!(
        began.elapsed() <= Duration::from_secs(300),
        "{:?}",
        began.elapsed()
    );

    publish(&world.fake, &["b", "c"]);
    sleep(Duration::from_secs(20)).await;
    world.wants_keys.notify_waiters();
    let began = Instant::now();
    wait_for(&mut issuers, &["b", "c"]).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());

    // Whoever makes up keys does not make us ask all the time.
    publish(&world.fake, &["d"]);
    world.wants_keys.notify_one();
    let began = Instant::now();
    wait_for(&mut issuers, &["d"]).await;
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_the_api_server_is_away_knows_the_keys() {
    let world = World::new();
    publish(&world.fake, &["a"]);
    let mut issuers = world.start();
    wait_for(&mut issuers, &["a"]).await;
    // It is kept a moment after it is given out.
    let file = world.folder.path().join(kept::FILE);
    while !file.exists() {
        sleep(Duration::from_millis(10)).await;
    }
    world.scope.shutdown(Duration::from_secs(60)).await;

    let restarted = World {
        fake: Fake::default(),
        scope: TaskScope::root(),
        ..world
    };
    restarted.fake.fail_with(Some((503, "away")));
    let mut issuers = restarted.start();
    assert_eq!(ids(issuers.borrow().as_ref()), ["a"], "at once");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(ids(issuers.borrow().as_ref()), ["a"]);
    publish(&restarted.fake, &["b"]);
    restarted.fake.fail_with(None);
    wait_for(&mut issuers, &["b"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_at_the_first_start_is_found_soon_after_it_comes() {
    let world = World::new();
    world.fake.fail_with(Some((403, "forbidden")));
    let mut issuers = world.start();
    sleep(Duration::from_secs(10)).await;
    assert!(issuers.borrow().is_none());
    publish(&world.fake, &["a"]);
    world.fake.fail_with(None);
    let began = Instant::now();
    wait_for(&mut issuers, &["a"]).await;
    assert!(
        began.elapsed() <= Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_replaced() {
    let world = World::new();
    std::fs::write(world.folder.path().join(kept::FILE), "{\"issuer\":").unwrap();
    publish(&world.fake, &["a"]);
    let mut issuers = world.start();
    assert!(issuers.borrow().is_none());
    wait_for(&mut issuers, &["a"]).await;
    while kept::load(world.folder.path()).is_none() {
        sleep(Duration::from_millis(10)).await;
    }
}
