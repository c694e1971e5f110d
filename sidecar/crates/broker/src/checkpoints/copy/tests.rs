use model::Timestamp;

use super::*;
use crate::checkpoints::etag::ETag;

fn stamp(number: u64, micros: i64) -> Stamp {
    Stamp {
        etag: ETag::new(number),
        time: Timestamp::from_micros(micros),
    }
}

#[test]
fn a_blob_is_read_back_from_its_copy_as_it_was() {
    let content = Content {
        metadata: vec![
            (String::from("b"), String::from("ü\"")),
            (String::from("a"), String::new()),
        ],
        content_type: Some(String::from("text/plain")),
        body: Bytes::from_static(&[0, 255, 10]),
    };
    let entry = Entry {
        stamp: stamp(7, 1_795_905_910_123_457),
        created: Timestamp::from_micros(1_795_905_910_123_456),
        content: Arc::new(content),
    };
    let bare = Entry {
        content: Arc::default(),
        ..entry.clone()
    };
    for entry in [entry, bare] {
        let mut image = Image::default();
        let key = String::from("blob/checkpoints/a/b//c");
        image.restore(&BTreeMap::from([(key, json(&SavedBlob::of(&entry)))]));
        assert!(image.is_restored);
        assert_eq!(image.store.entry("checkpoints", "a/b//c"), Some(&entry));
        assert_eq!(image.store.newest(), entry.stamp);
    }
}

#[test]
fn what_the_copy_holds_beside_is_left_out() {
    let blob = json(&SavedBlob::of(&Entry {
        stamp: stamp(7, 0),
        created: Timestamp::default(),
        content: Arc::default(),
    }));
    let container = json(&SavedStamp::of(stamp(8, 0)));
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let entries = BTreeMap::from([
        (String::from("blob/Invalid/a"), blob.clone()),
        (String::from("blob/checkpoints"), blob.clone()),
        (String::from("blob/checkpoints/"), blob.clone()),
        (String::from("blob/checkpoints/a"), text("{}")),
        (String::from("blob/checkpoints/b"), Bytes::new()),
        (String::from("container/x"), container.clone()),
        (String::from("container/checkpoints"), text("[]")),
        (String::from("stream/1"), text(r#"{"next":7}"#)),
    ]);
    let mut image = Image::default();
    image.restore(&entries);
    assert!(!image.is_restored);
    assert_eq!(image.store.containers_count(), 0);
    let entries = BTreeMap::from([
        (String::from("blob/used/a"), blob),
        (String::from("container/used"), container),
    ]);
    image.restore(&entries);
    assert_eq!(image.store.container("used").etag, ETag::new(8));
}
