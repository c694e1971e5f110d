use super::super::testing::{document_pieces, gzip, secrets, topic};
use super::*;

fn keys(revision: u64, key: &str) -> Keys {
    Keys {
        revision,
        secrets: secrets(key),
    }
}

/// Knows revision 7 with two topics, in the shards 1 and 2, and its secrets.
fn mirror() -> Mirror {
    let mut mirror = Mirror::default();
    mirror
        .offer(document_pieces(7, &[topic(1, "orders"), topic(2, "invoices")]))
        .unwrap();
    mirror.offer_keys(keys(3, "first"));
    mirror
}

fn names(mirror: &Mirror) -> Vec<String> {
    let configuration = mirror.configuration().expect("it is whole");
    let topics = &configuration.document.topics;
    topics.iter().map(|topic| topic.name.clone()).collect()
}

fn give(mirror: &mut Mirror, pieces: &Pieces) {
    for index in mirror.missing() {
        mirror.on_shard(index, pieces.shards[index].clone()).unwrap();
    }
}

#[test]
fn nothing_is_handed_out_before_document_and_secrets_are_there() {
    let mut mirror = Mirror::default();
    assert!(mirror.configuration().is_none());
    mirror.offer(document_pieces(7, &[topic(1, "orders")])).unwrap();
    assert!(mirror.configuration().is_none() && mirror.pieces().is_some());
    mirror.offer_keys(keys(3, "first"));
    let configuration = mirror.configuration().unwrap();
    assert_eq!(configuration.secrets_revision, 3);
    assert_eq!(configuration.secrets, secrets("first"));
    assert_eq!(names(&mirror), ["orders"]);
}

#[test]
fn only_shards_that_changed_are_fetched() {
    let mut mirror = mirror();
    let next = document_pieces(8, &[topic(1, "orders"), topic(2, "bills")]);
    assert_eq!(mirror.on_head(&next.head_json), Heard::Newer);
    assert_eq!(mirror.missing(), [2]);
    assert_eq!(names(&mirror), ["orders", "invoices"], "until it is whole");
    give(&mut mirror, &next);
    assert_eq!(names(&mirror), ["orders", "bills"]);
    assert_eq!(mirror.pieces().unwrap().revision(), 8);
    assert_eq!(mirror.on_head(&next.head_json), Heard::Known);
}

#[test]
fn a_change_of_the_settings_alone_needs_no_shard() {
    let mut mirror = mirror();
    let mut next = document_pieces(8, &[topic(1, "orders"), topic(2, "invoices")]);
    next.head.settings.storage_capacity_bytes *= 2;
    let json = serde_json::to_vec(&next.head).unwrap();
    assert_eq!(mirror.on_head(&json), Heard::Newer);
    assert!(mirror.missing().is_empty());
    assert_eq!(mirror.configuration().unwrap().document.head, next.head);
}

#[test]
fn a_shard_that_runs_ahead_of_the_head_waits_for_the_next_head() {
    let mut mirror = mirror();
    let next = document_pieces(8, &[topic(1, "orders"), topic(2, "bills")]);
    let after = document_pieces(
        9,
        &[topic(1, "orders"), topic(2, "receipts"), topic(3, "refunds")],
    );
    mirror.on_head(&next.head_json);
    assert!(matches!(
        mirror.on_shard(2, after.shards[2].clone()),
        Err(PieceError::Mismatch { index: 2 })
    ));
    assert_eq!(mirror.missing(), [2]);
    mirror.on_stuck("shard 02 is not the one that the head names");
    assert_eq!(mirror.problem().unwrap().revision, 8);
    mirror.on_head(&after.head_json);
    assert_eq!(mirror.missing(), [2, 3]);
    give(&mut mirror, &after);
    assert_eq!(names(&mirror), ["orders", "receipts", "refunds"]);
    assert_eq!(mirror.problem(), None);
}

#[test]
fn shards_that_came_for_a_head_that_was_overtaken_are_kept() {
    let mut mirror = mirror();
    let next = document_pieces(8, &[topic(1, "purchases"), topic(2, "bills")]);
    mirror.on_head(&next.head_json);
    mirror.on_shard(1, next.shards[1].clone()).unwrap();
    let after = document_pieces(9, &[topic(1, "purchases"), topic(2, "receipts")]);
    mirror.on_head(&after.head_json);
    assert_eq!(mirror.missing(), [2]);
    assert_eq!(mirror.on_head(&after.head_json), Heard::Awaited);
}

#[test]
fn revisions_never_go_back() {
    let mut mirror = mirror();
    let older = document_pieces(6, &[]);
    assert_eq!(mirror.on_head(&older.head_json), Heard::Unusable);
    mirror.offer(older).unwrap();
    assert_eq!(names(&mirror), ["orders", "invoices"]);
    let problem = mirror.problem().unwrap();
    assert!(
        problem.revision == 6 && problem.reason.contains("older than revision 7"),
        "{problem:?}"
    );

    let newer = document_pieces(8, &[]);
    mirror.on_head(&newer.head_json);
    give(&mut mirror, &newer);
    assert!(names(&mirror).is_empty() && mirror.problem().is_none());
}

#[test]
fn an_older_document_whose_shards_come_late_does_not_replace_a_newer_one() {
    let mut mirror = mirror();
    let late = document_pieces(8, &[topic(1, "orders"), topic(2, "bills")]);
    mirror.on_head(&late.head_json);
    let newest = document_pieces(9, &[topic(1, "purchases"), topic(2, "bills")]);
    mirror.offer(newest).unwrap();
    assert!(mirror.missing().is_empty(), "nobody needs its shards any more");
    mirror.on_shard(2, late.shards[2].clone()).unwrap();
    assert_eq!(names(&mirror), ["purchases", "bills"]);
    assert_eq!(mirror.problem(), None);
}

#[test]
fn a_document_that_cannot_be_used_leaves_the_one_before() {
    let mut mirror = mirror();
    assert_eq!(mirror.on_head(b"{}"), Heard::Unusable);
    assert!(mirror.problem().unwrap().reason.contains("the head is not"));

    // Bytes that the head vouches for and nobody can read.
    let mut next = document_pieces(8, &[topic(1, "orders"), topic(2, "invoices")]);
    next.head.shards[2] = config::Digest::of(b"[]");
    let json = serde_json::to_vec(&next.head).unwrap();
    assert_eq!(mirror.on_head(&json), Heard::Newer);
    mirror.on_shard(2, gzip(b"[]").into()).unwrap();
    let problem = mirror.problem().unwrap();
    assert!(
        problem.revision == 8 && problem.reason.contains("shard 02 is not"),
        "{problem:?}"
    );
    assert_eq!(names(&mirror), ["orders", "invoices"]);
    assert!(mirror.missing().is_empty(), "it waits for another head");
}

#[test]
fn the_api_server_is_right_about_secrets_and_a_stored_copy_only_when_it_is_newer() {
    let mut mirror = mirror();
    mirror.offer_keys(keys(2, "older"));
    assert_eq!(mirror.configuration().unwrap().secrets, secrets("first"));
    mirror.offer_keys(keys(4, "newer"));
    assert_eq!(mirror.configuration().unwrap().secrets, secrets("newer"));

    let json = serde_json::to_vec(&secrets("again")).unwrap();
    mirror.on_keys(Some(b"1\n"), Some(&json));
    let configuration = mirror.configuration().unwrap();
    assert_eq!(
        (configuration.secrets_revision, &configuration.secrets),
        (1, &secrets("again"))
    );
    assert_eq!(configuration.document.topics.len(), 2);
}

#[test]
fn secrets_that_cannot_be_used_leave_the_ones_before_and_are_not_quoted() {
    let mut mirror = mirror();
    mirror.on_keys(Some(b"4"), Some(b"{\"rules\":\"hush\"}"));
    let problem = mirror.problem().unwrap();
    assert!(
        problem.reason.contains("secrets.json") && !problem.reason.contains("hush"),
        "{problem:?}"
    );
    mirror.on_keys(Some(b"x"), Some(b"{}"));
    assert!(mirror.problem().unwrap().reason.contains("not a number"));
    mirror.on_keys(None, None);
    assert!(mirror.problem().unwrap().reason.contains("no `revision`"));
    assert_eq!(mirror.configuration().unwrap().secrets_revision, 3);
    mirror.on_keys(Some(b"3"), Some(&serde_json::to_vec(&secrets("first")).unwrap()));
    assert_eq!(mirror.problem(), None);
}
