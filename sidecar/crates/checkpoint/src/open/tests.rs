use bytes::Bytes;

use super::*;
use crate::Memory;

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);
const THIRD: Uuid = Uuid::from_u128(3);

fn known(id: Uuid, incarnation: u64) -> Log {
    Log::Known { id, incarnation }
}

fn entries(keys: &[&str]) -> Entries {
    let value = Bytes::from_static(br#"{"offset":7}"#);
    keys.iter()
        .map(|key| ((*key).to_owned(), value.clone()))
        .collect()
}

async fn save(store: &Memory, claim: &Claim, entries: &Entries) {
    for (index, sheet) in page::sheets(claim.incarnation, &claim.data, entries)
        .iter()
        .enumerate()
    {
        store.save(claim, index, sheet.pack()).await.unwrap();
    }
}

async fn opened(store: &Memory, log: Log) -> Opened {
    open(&[store], log, "uid", |_| 0).await.unwrap()
}

#[tokio::test]
async fn the_first_log_begins_with_nothing() {
    let store = Memory::default();
    let first = opened(&store, Log::New { id: FIRST }).await;
    assert_eq!((first.claim.incarnation, first.claim.lost), (0, false));
    assert!(first.restored.is_empty());
}

#[tokio::test]
async fn a_log_that_goes_on_keeps_its_incarnation_and_is_told_nothing() {
    let store = Memory::default();
    let first = opened(&store, Log::New { id: FIRST }).await;
    save(&store, &first.claim, &entries(&["blob/c/a"])).await;
    let again = opened(&store, known(FIRST, 0)).await;
    assert_eq!(again.claim, first.claim);
    assert!(again.restored.is_empty());
}

#[tokio::test]
async fn a_log_on_an_empty_disk_gets_the_next_incarnation_and_everything_that_was_saved() {
    let store = Memory::default();
    let saved = entries(&["blob/c/a", "blob/c/b", "stream/x/3", "subscription/y"]);
    let first = opened(&store, Log::New { id: FIRST }).await;
    save(&store, &first.claim, &saved).await;
    let second = opened(&store, Log::New { id: SECOND }).await;
    assert_eq!((second.claim.incarnation, second.claim.lost), (1, true));
    assert_eq!(second.restored, saved);
    // Nothing was saved since.
    let third = opened(&store, Log::New { id: THIRD }).await;
    assert_eq!((third.claim.incarnation, third.claim.lost), (2, true));
    assert_eq!(third.restored, saved);
}

#[tokio::test]
async fn a_pod_that_died_between_claim_and_first_number_gets_the_same_again() {
    let store = Memory::default();
    let saved = entries(&["blob/c/a"]);
    let first = opened(&store, Log::New { id: FIRST }).await;
    save(&store, &first.claim, &saved).await;
    let second = opened(&store, Log::New { id: SECOND }).await;
    assert_eq!(opened(&store, Log::New { id: SECOND }).await, second);
}

#[tokio::test]
async fn a_log_takes_a_place_that_it_is_new_to_with_the_incarnation_that_it_has() {
    let unused = Memory::default();
    let claim = opened(&unused, known(SECOND, 3)).await.claim;
    assert_eq!((claim.incarnation, claim.lost), (3, true));

    // It was copied elsewhere for a while.
    let old = Memory::default();
    opened(&old, Log::New { id: FIRST }).await;
    assert_eq!(opened(&old, known(SECOND, 3)).await.claim.incarnation, 3);
    let refused = open(&[&old], known(FIRST, 0), "uid", |_| 0).await;
    assert_eq!(refused, Err(StoreError::Fenced));
}

#[tokio::test]
async fn a_log_whose_place_was_taken_is_told() {
    let store = Memory::default();
    opened(&store, Log::New { id: FIRST }).await;
    opened(&store, Log::New { id: SECOND }).await;
    assert_eq!(
        open(&[&store], known(FIRST, 0), "uid", |_| 0).await,
        Err(StoreError::Fenced)
    );
    assert_eq!(
        open(&[&store], known(THIRD, 1), "uid", |_| 0).await,
        Err(StoreError::Fenced)
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_read_costs_only_itself() {
    let store = Memory::default();
    let names: Vec<_> = (0..100).map(|index| format!("blob/c/{index}")).collect();
    let saved = entries(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let first = opened(&store, Log::New { id: FIRST }).await;
    save(&store, &first.claim, &saved).await;
    store
        .save(&first.claim, 4, Bytes::from_static(b"rubbish"))
        .await
        .unwrap();
    let restored = opened(&store, Log::New { id: SECOND }).await.restored;
    assert!(restored.len() > 80 && restored.len() < 100, "{}", restored.len());
    assert!(restored.iter().all(|(key, value)| saved[key] == *value));
}

#[tokio::test]
async fn a_store_that_does_not_answer_decides_nothing() {
    let store = Memory::default();
    let away = StoreError::Unavailable("away".into());
    store.fail_with(Some(away.clone()));
    assert_eq!(
        open(&[&store], Log::New { id: FIRST }, "uid", |_| 0).await,
        Err(away)
    );
    store.fail_with(None);
    assert_eq!(opened(&store, Log::New { id: FIRST }).await.claim.incarnation, 0);
}

#[tokio::test]
async fn a_new_log_begins_above_every_number_that_was_saved() {
    let store = Memory::default();
    let first = opened(&store, Log::New { id: FIRST }).await;
    save(&store, &first.claim, &entries(&["stream/x/3"])).await;
    // What was saved says that numbers have run through five incarnations.
    let least = |saved: &Entries| 6 * saved.len() as u64;
    let second = open(&[&store], Log::New { id: SECOND }, "uid", least)
        .await
        .unwrap();
    assert_eq!((second.claim.incarnation, second.claim.lost), (6, true));
    let again = open(&[&store], Log::New { id: SECOND }, "uid", least).await;
    assert_eq!(again, Ok(second));
}

#[tokio::test]
async fn pages_without_a_claim_are_those_of_a_log_before() {
    let store = Memory::default();
    let saved = entries(&["blob/c/a", "stream/x/3"]);
    let written = Claim {
        incarnation: 3,
        log: FIRST,
        data: "uid".to_owned(),
        lost: true,
    };
    store.claim(None, &written).await.unwrap();
    save(&store, &written, &saved).await;
    store.forget_claim();
    let next = opened(&store, Log::New { id: SECOND }).await;
    assert_eq!((next.claim.incarnation, next.claim.lost), (4, true));
    assert_eq!(next.restored, saved);
}

#[tokio::test]
async fn whoever_wrote_last_goes_on_without_a_claim_and_others_do_not() {
    let store = Memory::default();
    opened(&store, Log::New { id: FIRST }).await;
    let second = opened(&store, Log::New { id: SECOND }).await;
    save(&store, &second.claim, &entries(&["blob/c/a"])).await;
    store.forget_claim();
    let refused = open(&[&store], known(FIRST, 0), "uid", |_| 0).await;
    assert_eq!(refused, Err(StoreError::Fenced));
    assert_eq!(opened(&store, known(SECOND, 1)).await.claim, second.claim);
}

#[tokio::test]
async fn a_new_log_counts_on_from_whichever_place_knows_most_and_all_learn_of_it() {
    let (usual, configured) = (Memory::default(), Memory::default());
    let saved = entries(&["blob/c/a", "stream/x/3"]);
    opened(&usual, Log::New { id: FIRST }).await;
    let second = opened(&usual, Log::New { id: SECOND }).await;
    save(&usual, &second.claim, &saved).await;

    // Place and disk are new at the same time.
    let third = open(&[&configured, &usual], Log::New { id: THIRD }, "uid", |_| 0).await;
    let third = third.unwrap();
    assert_eq!((third.claim.incarnation, third.claim.lost), (2, true));
    assert_eq!(third.restored, saved);
    for place in [&configured, &usual] {
        assert_eq!(place.load().await.unwrap().claim.as_ref(), Some(&third.claim));
    }

    let later = entries(&["blob/c/later"]);
    save(&configured, &third.claim, &later).await;
    let id = Uuid::from_u128(4);
    let fourth = open(&[&configured, &usual], Log::New { id }, "uid", |_| 0)
        .await
        .unwrap();
    assert_eq!(fourth.restored, later, "what was written last");

    // And back again.
    let id = Uuid::from_u128(5);
    assert_eq!(opened(&usual, Log::New { id }).await.claim.incarnation, 4);
}

#[tokio::test]
async fn of_two_places_of_the_same_incarnation_the_one_that_is_written_to_counts() {
    let (usual, configured) = (Memory::default(), Memory::default());
    let first = opened(&usual, Log::New { id: FIRST }).await;
    save(&usual, &first.claim, &entries(&["blob/c/old"])).await;
    opened(&configured, known(FIRST, 0)).await;
    let saved = entries(&["blob/c/new"]);
    save(&configured, &first.claim, &saved).await;
    let next = open(&[&configured, &usual], Log::New { id: SECOND }, "uid", |_| 0).await;
    assert_eq!(next.unwrap().restored, saved);
}

#[tokio::test]
async fn a_log_settles_on_the_higher_of_its_own_incarnations() {
    let store = Memory::default();
    let first = opened(&store, Log::New { id: FIRST }).await.claim;
    let later = Claim {
        incarnation: 2,
        lost: true,
        ..first.clone()
    };
    let settled = settle(&store, &later).await.unwrap();
    assert_eq!(settled.0, later);
    let settled = settle(&store, &first).await.unwrap();
    assert_eq!(settled.0.incarnation, 2);
    store.save(&settled.0, 0, Bytes::new()).await.unwrap();
}

#[tokio::test]
async fn a_log_that_goes_on_takes_the_place_of_what_other_data_left() {
    let store = Memory::default();
    let own = of(&store, Log::New { id: FIRST }, "own").await;
    assert_eq!(own.claim.incarnation, 0);
    save(&store, &own.claim, &entries(&["blob/c/own"])).await;
    let adopted = of(&store, known(SECOND, 0), "adopted").await;
    assert_eq!((adopted.claim.incarnation, adopted.claim.lost), (0, false));
    let own_again = of(&store, known(FIRST, 0), "own").await;
    assert_eq!(own_again.claim, own.claim);
}

#[tokio::test]
async fn an_empty_disk_goes_on_from_what_other_data_left_however_often_it_is_asked() {
    let store = Memory::default();
    let saved = entries(&["blob/c/a", "stream/x/3"]);
    let former = of(&store, Log::New { id: FIRST }, "former").await;
    save(&store, &former.claim, &saved).await;
    for _ in 0..2 {
        let next = of(&store, Log::New { id: SECOND }, "next").await;
        assert_eq!((next.claim.incarnation, next.claim.lost), (1, true));
        assert_eq!(next.restored, saved);
    }
    let least = |saved: &Entries| if saved.is_empty() { 0 } else { 9 };
    let third = open(&[&store], Log::New { id: THIRD }, "third", least).await;
    assert_eq!(third.unwrap().claim.incarnation, 9);
}

#[tokio::test]
async fn a_log_that_had_no_number_yet_may_be_of_other_data_at_its_next_start() {
    let store = Memory::default();
    let former = of(&store, Log::New { id: FIRST }, "former").await.claim;
    let next = of(&store, Log::New { id: FIRST }, "next").await.claim;
    assert_eq!((next.incarnation, next.lost, &*next.data), (0, false, "next"));
    assert_ne!(next, former);
}

#[tokio::test]
async fn a_disk_that_is_lost_again_before_everything_was_copied_loses_nothing_of_what_it_went_on_from() {
    let store = Memory::default();
    let saved = entries(&["blob/c/a", "blob/c/b", "blob/c/c", "blob/c/d"]);
    let former = of(&store, Log::New { id: FIRST }, "former").await;
    save(&store, &former.claim, &saved).await;
    let next = of(&store, Log::New { id: SECOND }, "next").await;
    let sheets = page::sheets(next.claim.incarnation, "next", &next.restored);
    let (index, sheet) = sheets.iter().enumerate().next().expect("there are sixteen");
    store.save(&next.claim, index, sheet.pack()).await.unwrap();
    let last = of(&store, Log::New { id: THIRD }, "next").await;
    assert_eq!((last.claim.incarnation, last.restored), (2, saved));
}

#[tokio::test]
async fn what_is_of_this_data_goes_before_what_other_data_left() {
    let (store, other) = (Memory::default(), Memory::default());
    for id in [FIRST, SECOND] {
        let foreign = of(&other, Log::New { id }, "foreign").await.claim;
        save(&other, &foreign, &entries(&["blob/c/foreign"])).await;
    }
    let own = of(&store, Log::New { id: FIRST }, "own").await.claim;
    save(&store, &own, &entries(&["blob/c/own"])).await;
    let next = open(&[&other, &store], Log::New { id: THIRD }, "own", |_| 0).await;
    let next = next.unwrap();
    assert_eq!(next.claim.incarnation, 2);
    assert_eq!(next.restored, entries(&["blob/c/own"]));
}

async fn of(store: &Memory, log: Log, data: &str) -> Opened {
    open(&[store], log, data, |_| 0).await.unwrap()
}
