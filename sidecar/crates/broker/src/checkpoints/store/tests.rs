use super::*;
use crate::checkpoints::conditions::Conditions;
use crate::checkpoints::content::Written;
use crate::checkpoints::error::CheckpointError;

fn put(store: &mut Store, container: &str, name: &str) -> Result<Written, CheckpointError> {
    let content = Arc::new(Content::default());
    let (steps, written) = store.put(
        container,
        name,
        content,
        &Conditions::default(),
        Timestamp::default(),
    )?;
    steps.into_iter().for_each(|step| store.apply(step));
    Ok(written)
}

#[test]
fn there_are_at_most_200_000_blobs_in_all_containers_together() {
    let mut store = Store::default();
    for n in 0..BLOBS_MAX {
        put(&mut store, ["aaa", "bbb"][n % 2], &n.to_string()).unwrap();
    }
    let refused = CheckpointError::TooManyBlobs { limit: BLOBS_MAX };
    assert_eq!(put(&mut store, "aaa", "another"), Err(refused));
    put(&mut store, "aaa", "0").unwrap();
    let delete = store.delete_container("aaa", Timestamp::default());
    let (steps, ()) = delete.unwrap();
    steps.into_iter().for_each(|step| store.apply(step));
    assert_eq!(store.blobs(), BLOBS_MAX / 2);
    put(&mut store, "aaa", "another").unwrap();
}

#[test]
fn what_was_counted_is_given_back() {
    let mut store = Store::default();
    let body = |bytes: usize| {
        Arc::new(Content {
            body: bytes::Bytes::from(vec![0; bytes]),
            ..Content::default()
        })
    };
    let stamp = store.newest();
    let mut step = |change| {
        store.apply(Step {
            stamp,
            container: Arc::from("aaa"),
            change,
        });
        (store.blobs(), store.bytes())
    };
    let written = |name: &str, content| Change::Written {
        name: Arc::from(name),
        created: Timestamp::default(),
        content,
    };
    let deleted = |name: &str| Change::BlobDeleted {
        name: Arc::from(name),
    };
    assert_eq!(step(Change::Used), (0, 67));
    // Once more, as a replay does over a snapshot.
    assert_eq!(step(Change::Used), (0, 67));
    assert_eq!(step(written("a", body(100))), (1, 67 + 165));
    assert_eq!(step(written("a", body(10))), (1, 67 + 75));
    assert_eq!(step(written("b", body(0))), (2, 67 + 75 + 65));
    assert_eq!(step(deleted("a")), (1, 67 + 65));
    assert_eq!(step(deleted("a")), (1, 67 + 65));
    assert_eq!(step(Change::Deleted), (0, 0));
    assert_eq!(step(Change::Deleted), (0, 0));
}
