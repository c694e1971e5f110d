use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn is_json_text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        any::<i64>().prop_map(|number| Bytes::from(number.to_string())),
        ".{0,20}".prop_map(|text| Bytes::from(serde_json::to_string(&text).unwrap())),
        ("[a-z]{1,9}", any::<u32>())
            .prop_map(|(name, number)| Bytes::from(format!(r#"{{"{name}": [{number}, null]}}"#))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        entries in proptest::collection::btree_map(".{0,40}", is_json_text(), 0..60),
        incarnation in any::<u64>(),
    ) {
        let mut read = Entries::new();
        for sheet in sheets(incarnation, "uid", &entries) {
            let page = decode(&sheet.pack()).unwrap();
            prop_assert_eq!(page.mark, sheet.mark);
            prop_assert_eq!(page.incarnation, incarnation);
            prop_assert_eq!(page.entries.is_empty(), sheet.is_empty);
            read.extend(page.entries);
        }
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn rubbish_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }
}

#[test]
fn an_entry_stays_on_its_page() {
    // These are in the field: a change would leave old values on pages where nobody replaces them.
    let pages = [
        "blob/c/a",
        "blob/c/b",
        "container/c",
        "stream/u/0",
        "subscription/u",
    ]
    .map(index);
    assert_eq!(pages, [8, 12, 14, 3, 10]);
}

#[test]
fn the_partitions_of_one_consumer_group_spread_over_all_pages() {
    let mut counts = [0; PAGES];
    for partition in 0..1024 {
        counts[index(&format!(
            "blob/checkpoints/shop.team.svc/telemetry/$default/checkpoint/{partition}"
        ))] += 1;
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 40 && *most <= 90, "{counts:?}");
}

#[test]
fn a_change_of_a_value_or_of_the_incarnation_changes_the_mark() {
    let entries = |value: &'static str| Entries::from([("blob/c/a".to_owned(), Bytes::from(value))]);
    let page = index("blob/c/a");
    let mark = |incarnation, value| sheets(incarnation, "uid", &entries(value))[page].mark;
    assert_eq!(mark(0, "1"), mark(0, "1"));
    assert_ne!(mark(0, "1"), mark(0, "2"));
    assert_ne!(mark(0, "1"), mark(1, "1"));
}

#[test]
fn a_later_format_is_called_by_its_name() {
    let sheet = Sheet {
        json: br#"{"format":2,"pages":[]}"#.to_vec(),
        is_empty: false,
        mark: Mark([0; 32]),
    };
    let refusal = decode(&sheet.pack()).unwrap_err();
    assert!(matches!(refusal, PageError::Format(2)), "{refusal}");
}

#[test]
fn a_value_that_is_no_json_costs_only_itself() {
    let entries = Entries::from([
        ("good".to_owned(), Bytes::from("1")),
        ("bad".to_owned(), Bytes::from("{")),
    ]);
    let read: Vec<_> = sheets(0, "uid", &entries)
        .iter()
        .flat_map(|sheet| decode(&sheet.pack()).unwrap().entries)
        .collect();
    assert_eq!(read, [("good".to_owned(), Bytes::from("1"))]);
}

/// A thousand partitions read by three consumer groups, as the SDKs name and write checkpoints, in the
/// longest names that are usual, with every number different.
#[test]
fn a_thousand_partitions_of_three_consumer_groups_fit_into_config_maps() {
    const LIMIT: usize = 63 << 10;
    let mut entries = Entries::new();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        // xorshift: what positions and ETags look like to gzip.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance
    };
    for hub in 0..32 {
        for group in ["$default", "fraud-detection-service", "long-term-archive"] {
            for partition in 0..32 {
                let key = format!(
                    "blob/order-processing-checkpoints/order-events.production-eu-west.svc.cluster.local/\
                     purchase-orders-{hub}/{group}/checkpoint/{partition}"
                );
                let (offset, sequence_number) = (random() >> 16, random() >> 24);
                let (etag, modified, created) = (random(), random() >> 12, random() >> 12);
                let mut value = String::new();
                write!(
                    value,
                    r#"{{"etag":"0x{etag:016X}","created":{created},"lastModified":{modified},"contentType":"application/octet-stream","metadata":[["offset","{offset}"],["sequencenumber","{sequence_number}"],["clientidentifier","{:016x}{:016x}"]],"body":""}}"#,
                    random(),
                    random(),
                )
                .unwrap();
                entries.insert(key, value.into());
            }
        }
        for partition in 0..32 {
            let uid = format!("{:08x}-0000-4000-8000-{:012x}", random() >> 32, random() >> 16);
            entries.insert(
                format!("stream/{uid}/{partition}"),
                (random() >> 20).to_string().into(),
            );
        }
    }
    assert_eq!(entries.len(), 32 * 32 * 4);
    let sizes = sheets(3, "uid", &entries).map(|sheet| sheet.pack().len());
    assert!(sizes.iter().all(|size| *size <= LIMIT), "{sizes:?}");
    // With room to spare: as many again would still fit.
    assert!(sizes.iter().all(|size| *size <= LIMIT / 2), "{sizes:?}");
}
