//! What every store has to keep, as a suite that the tests of each implementation run.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::{CheckpointStore, Claim, PAGES, StoreError, Stored};

/// A place that nobody used yet. Every call opens it anew, as another pod would.
pub type Place = Box<dyn Fn() -> Arc<dyn CheckpointStore>>;

/// Runs everything. `new_place` is called for each part.
///
/// # Panics
/// The store does not keep what it has to.
pub async fn check<F: Future<Output = Place>>(mut new_place: impl FnMut() -> F) {
    a_new_place_is_empty(new_place().await).await;
    a_claim_is_put_in_the_place_of_the_one_that_was_seen(new_place().await).await;
    what_was_saved_last_comes_back(new_place().await).await;
    pages_survive_a_new_claim_until_they_are_replaced(new_place().await).await;
    the_former_owner_is_fenced(new_place().await).await;
    a_restarted_pod_goes_on(new_place().await).await;
    the_largest_page_fits(new_place().await).await;
    nothing_is_saved_without_a_claim(new_place().await).await;
    a_claim_may_skip_incarnations(new_place().await).await;
    other_data_takes_the_place_whatever_incarnation_it_is_of(new_place().await).await;
    of_many_that_claim_at_once_one_succeeds(new_place().await).await;
}

fn claim(incarnation: u64) -> Claim {
    Claim {
        incarnation,
        log: Uuid::from_u128(u128::from(incarnation) + 1),
        data: "uid".to_owned(),
        lost: incarnation > 0,
    }
}

async fn load(store: &Arc<dyn CheckpointStore>) -> Stored {
    let mut stored = store.load().await.expect("it loads");
    stored.pages.sort();
    stored
}

async fn claimed(store: &Arc<dyn CheckpointStore>) -> Claim {
    let claim = claim(0);
    store.claim(None, &claim).await.expect("nobody claimed it yet");
    claim
}

async fn save(store: &Arc<dyn CheckpointStore>, claim: &Claim, page: usize, text: &'static str) {
    let outcome = store.save(claim, page, Bytes::from_static(text.as_bytes())).await;
    outcome.unwrap_or_else(|error| panic!("save page {page}: {error}"));
}

async fn a_new_place_is_empty(place: Place) {
    assert_eq!(load(&place()).await, Stored::default());
}

async fn a_claim_is_put_in_the_place_of_the_one_that_was_seen(place: Place) {
    let (one, other) = (place(), place());
    let first = claimed(&one).await;
    assert_eq!(other.claim(None, &claim(1)).await, Err(StoreError::Conflict));
    let foreign = Claim {
        log: Uuid::from_u128(99),
        data: "uid".to_owned(),
        ..first.clone()
    };
    assert_eq!(
        other.claim(Some(&foreign), &claim(1)).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(load(&other).await.claim, Some(first.clone()));
    other.claim(Some(&first), &claim(1)).await.expect("it was seen");
    assert_eq!(
        one.claim(Some(&first), &claim(1)).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(load(&one).await.claim, Some(claim(1)));
}

async fn what_was_saved_last_comes_back(place: Place) {
    let store = place();
    let claim = claimed(&store).await;
    for page in 0..PAGES {
        save(&store, &claim, page, "first").await;
    }
    for text in ["second", "third", "fourth"] {
        save(&store, &claim, 3, text).await;
    }
    for store in [store, place()] {
        let stored = load(&store).await;
        assert_eq!(stored.claim.as_ref(), Some(&claim));
        assert_eq!(stored.pages.len(), PAGES);
        for (page, bytes) in stored.pages {
            let expected = if page == 3 { "fourth" } else { "first" };
            assert_eq!(bytes, expected, "page {page}");
        }
    }
}

async fn pages_survive_a_new_claim_until_they_are_replaced(place: Place) {
    let (former, store) = (place(), place());
    let first = claimed(&former).await;
    for page in [0, 5] {
        save(&former, &first, page, "former").await;
    }
    store.claim(Some(&first), &claim(1)).await.expect("it was seen");
    save(&store, &claim(1), 5, "new").await;
    let expected = vec![(0, Bytes::from("former")), (5, Bytes::from("new"))];
    assert_eq!(load(&place()).await.pages, expected);
}

async fn the_former_owner_is_fenced(place: Place) {
    let (former, store) = (place(), place());
    let first = claimed(&former).await;
    for page in [0, 5] {
        save(&former, &first, page, "former").await;
    }
    store.claim(Some(&first), &claim(1)).await.expect("it was seen");
    // Whether the page was there before, whether the new owner replaced it, and however often it tries.
    save(&store, &claim(1), 5, "new").await;
    for page in [0, 5, 9, 0, 5, 9] {
        let refused = former.save(&first, page, Bytes::from_static(b"late")).await;
        assert_eq!(refused, Err(StoreError::Fenced), "page {page}");
    }
    let expected = vec![(0, Bytes::from("former")), (5, Bytes::from("new"))];
    assert_eq!(load(&store).await.pages, expected);
}

async fn a_restarted_pod_goes_on(place: Place) {
    let store = place();
    let claim = claimed(&store).await;
    save(&store, &claim, 0, "before").await;
    save(&store, &claim, 1, "before").await;
    let restarted = place();
    save(&restarted, &claim, 1, "after").await;
    save(&restarted, &claim, 0, "after").await;
    // Both at once would be a mistake of Kubernetes, but must not wedge either.
    save(&store, &claim, 1, "again").await;
    let expected = vec![(0, Bytes::from("after")), (1, Bytes::from("again"))];
    assert_eq!(load(&restarted).await.pages, expected);
}

async fn the_largest_page_fits(place: Place) {
    let store = place();
    let claim = claimed(&store).await;
    let page: Bytes = (0..store.page_bytes_max())
        .map(|index| (index * 31 % 251) as u8)
        .collect();
    for index in [0, PAGES - 1] {
        store.save(&claim, index, page.clone()).await.expect("it fits");
    }
    let stored = load(&place()).await;
    assert!(stored.pages.iter().all(|(_, bytes)| *bytes == page));
    assert_eq!(stored.claim, Some(claim));
}

async fn nothing_is_saved_without_a_claim(place: Place) {
    let store = place();
    let refused = store.save(&claim(0), 1, Bytes::from_static(b"page")).await;
    assert_eq!(refused, Err(StoreError::Conflict));
    assert_eq!(load(&store).await, Stored::default());
}

async fn a_claim_may_skip_incarnations(place: Place) {
    let (former, store) = (place(), place());
    let first = claimed(&former).await;
    store.claim(Some(&first), &claim(4)).await.expect("it was seen");
    let refused = former.save(&first, 1, Bytes::from_static(b"late")).await;
    assert_eq!(refused, Err(StoreError::Fenced));
    save(&store, &claim(4), 1, "new").await;
    assert_eq!(load(&place()).await.claim, Some(claim(4)));
    // Another one that takes the place for an unused one.
    let refused = former.claim(None, &claim(5)).await;
    assert_eq!(refused, Err(StoreError::Conflict));
}

async fn other_data_takes_the_place_whatever_incarnation_it_is_of(place: Place) {
    let (former, store) = (place(), place());
    let foreign = Claim {
        data: "another".to_owned(),
        ..claim(12)
    };
    former.claim(None, &foreign).await.expect("nobody claimed it yet");
    for text in ["foreign", "foreign again"] {
        for page in [0, 5] {
            save(&former, &foreign, page, text).await;
        }
    }
    let first = claim(0);
    store.claim(Some(&foreign), &first).await.expect("it was seen");
    save(&store, &first, 5, "ours").await;
    let refused = former.save(&foreign, 5, Bytes::from_static(b"late")).await;
    assert_eq!(refused, Err(StoreError::Fenced));
    let expected = vec![(0, Bytes::from("foreign again")), (5, Bytes::from("ours"))];
    assert_eq!(load(&place()).await.pages, expected);
    let restarted = place();
    save(&restarted, &first, 5, "ours again").await;
    assert_eq!(load(&place()).await.pages[1].1, "ours again");
    // And back, without a beginning in between.
    former.claim(Some(&first), &foreign).await.expect("it was seen");
    save(&former, &foreign, 5, "theirs").await;
    assert_eq!(load(&place()).await.pages[1].1, "theirs");
    store.claim(Some(&foreign), &first).await.expect("it was seen");
    save(&store, &first, 5, "ours once more").await;
    let stored = load(&place()).await;
    assert_eq!(stored.pages[1].1, "ours once more");
    assert_eq!(stored.claim, Some(first));
}

async fn of_many_that_claim_at_once_one_succeeds(place: Place) {
    let stores: Vec<_> = (0..4).map(|_| place()).collect();
    let claims: Vec<_> = (0..4)
        .map(|index| Claim {
            incarnation: 0,
            log: Uuid::from_u128(100 + index),
            data: "uid".to_owned(),
            lost: false,
        })
        .collect();
    let attempts = stores
        .iter()
        .zip(&claims)
        .map(|(store, claim)| store.claim(None, claim));
    let outcomes = futures_util::future::join_all(attempts).await;
    let winners: Vec<_> = outcomes
        .iter()
        .zip(&claims)
        .filter(|(outcome, _)| outcome.is_ok())
        .collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(load(&place()).await.claim.as_ref(), Some(winners[0].1));
}
