use model::Timestamp;
use runtime::metrics::Registry;
use storage::memory::Store as Ground;
use storage::{Log, Position};

use super::*;
use crate::checkpoints::conditions::Conditions;
use crate::checkpoints::content::Content;
use crate::checkpoints::error::CheckpointError;
use crate::checkpoints::store::Steps;
use crate::snapshots::{FirstSnapshot, Growth};

/// A container and its blobs.
type Contained = (Arc<str>, Stamp, Vec<(Arc<str>, Entry)>);

struct Fixture {
    ground: Ground,
    shared: Shared,
}

impl Fixture {
    fn over(ground: Ground, image: Image) -> Self {
        let (log, ..) = ground.open();
        let growth = Arc::new(Growth::new(&*log));
        let clock = testkit::clock();
        let (registry, first) = (Registry::default(), FirstSnapshot::new(true));
        let shared = Shared::new(log, clock, growth, &registry, image, first);
        Self { ground, shared }
    }

    async fn change<T>(
        &self,
        decide: impl FnOnce(&Store, Timestamp) -> Result<(Steps, T), CheckpointError>,
    ) -> T {
        self.shared.change(decide).await.expect("it is allowed")
    }

    async fn put(&self, container: &str, name: &str, offset: &str) {
        let content = Content {
            metadata: vec![(String::from("offset"), String::from(offset))],
            ..Content::default()
        };
        let always = Conditions::default();
        self.change(|store, now| store.put(container, name, Arc::new(content), &always, now))
            .await;
    }

    async fn live(&self) {
        for offset in ["1", "2"] {
            for name in ["a", "b", "c"] {
                self.put("first", name, offset).await;
                self.put("second", name, offset).await;
            }
            let always = Conditions::default();
            self.change(|store, now| store.delete_blob("first", "b", &always, now))
                .await;
            self.change(|store, now| store.delete_container("second", now))
                .await;
        }
        self.put("second", "d", "3").await;
        self.change(|store, now| store.create_container("third", now))
            .await;
        self.change(|store, now| store.delete_container("third", now))
            .await;
    }

    /// What there is, without the numbers that every start skips.
    fn content(&self) -> Vec<Contained> {
        let store = &self.shared.state.lock().store;
        let containers = store.used_containers().into_iter();
        let content = |(name, stamp): (Arc<str>, Stamp)| {
            let blobs = store.some_blobs(&name, None, usize::MAX);
            (name, stamp, blobs)
        };
        containers.map(content).collect()
    }

    /// Applies the records of the log from `from` on to a snapshot.
    fn replayed(&self, mut image: Image, from: Position) -> Self {
        let (_, _, mut replay) = self.ground.open();
        let mut seen = Replayed::default();
        replay.records(from, &mut |_, record| image.replay(record, &mut seen));
        assert_eq!(seen.malformed, 0);
        Self::over(self.ground.clone(), image)
    }

    fn counts(&self) -> (usize, u64) {
        let store = &self.shared.state.lock().store;
        (store.blobs(), store.bytes())
    }
}

#[tokio::test]
async fn the_log_alone_gives_the_state_back() {
    let fixture = Fixture::over(Ground::unbounded(), Image::default());
    fixture.live().await;
    let again = fixture.replayed(Image::default(), Position::START);
    assert_eq!(again.content(), fixture.content());
    assert_eq!(again.counts(), fixture.counts());
    assert_eq!(fixture.counts().0, 3);
    let newest = |fixture: &Fixture| fixture.shared.state.lock().store.newest();
    assert!(newest(&again).etag > newest(&fixture).etag);
}

/// A snapshot is taken while others write, so it may contain more than its position says.
#[tokio::test]
async fn what_a_snapshot_knows_already_changes_nothing_when_it_is_replayed() {
    let fixture = Fixture::over(Ground::unbounded(), Image::default());
    fixture.live().await;
    let state = encode(&fixture.shared, 7);
    let (log, ..) = fixture.ground.open();
    for from in 0..=log.end().get() {
        let (image, position) = Image::decode(&state).unwrap();
        assert_eq!(position, 7);
        let again = fixture.replayed(image, Position::new(from));
        assert_eq!(again.content(), fixture.content(), "from record {from}");
        assert_eq!(again.counts(), fixture.counts(), "from record {from}");
    }
}

#[tokio::test]
async fn a_snapshot_holds_every_blob_of_a_large_container() {
    let fixture = Fixture::over(Ground::unbounded(), Image::default());
    for n in 0..2 * TURN {
        fixture.put("first", &n.to_string(), "").await;
    }
    let (image, _) = Image::decode(&encode(&fixture.shared, 0)).unwrap();
    let again = Fixture::over(Ground::unbounded(), image);
    assert_eq!(again.content(), fixture.content());
}

#[tokio::test]
async fn a_snapshot_that_is_cut_is_refused() {
    let fixture = Fixture::over(Ground::unbounded(), Image::default());
    fixture.live().await;
    let state = encode(&fixture.shared, 7);
    for length in 0..state.len() {
        assert!(Image::decode(&state[..length]).is_err(), "{length} bytes");
    }
    let longer = [&state[..], &[0]].concat();
    assert!(Image::decode(&longer).is_err());
}
