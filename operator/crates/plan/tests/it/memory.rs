//! A plan that remembers is the plan that does not.

use crds::shared::Reason;
use plan::{Memo, plan, plan_again};
use proptest::prelude::*;
use serde_json::json;

use crate::generate::cases;
use crate::objects::{all_born, inputs, namespace, reasons, topic, with};
use crate::totality::{Cluster, cluster};

/// The second cluster with uids of the first: objects that have changed.
fn changed(first: &Cluster, mut second: Cluster, generation: i64) -> Cluster {
    let pairs = second.metadata_mut().zip(first.metadata());
    for (new, old) in pairs {
        new.uid = old.uid.clone();
        new.generation = Some(generation);
    }
    second
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_a_memo_knows_changes_nothing(first in cluster(), second in cluster(), third in cluster()) {
        let first = changed(&first.clone(), first, 1);
        let second = changed(&first, second, 2);
        let third = changed(&first, third, 3);
        let mut memo = Memo::default();
        for cluster in [&first, &first, &second, &third, &third, &first] {
            let inputs = cluster.inputs();
            prop_assert_eq!(plan_again(&inputs, &mut memo), plan(&inputs));
            prop_assert!(memo.len() <= cluster.metadata().count());
        }
    }
}

#[test]
fn a_change_that_raises_no_generation_is_none_of_a_spec() {
    let mut memo = Memo::default();
    let before = all_born(&[namespace("shop"), topic("orders", "shop")]);
    plan_again(&inputs(&before), &mut memo);
    assert_eq!(memo.len(), 2);
    let mut orders = topic("orders", "shop");
    orders["metadata"]["annotations"] = json!({"weft.dev/adopt-data": "nothing"});
    let after = all_born(&[namespace("shop"), orders]);
    let plan = plan_again(&inputs(&after), &mut memo);
    assert_eq!(
        reasons(&plan)[1].1,
        Reason::Invalid,
        "annotations are looked at each time"
    );
}

#[test]
fn a_memo_forgets_what_is_gone() {
    let mut memo = Memo::default();
    let objects = all_born(&[
        namespace("shop"),
        topic("orders", "shop"),
        topic("refunds", "shop"),
    ]);
    plan_again(&inputs(&objects), &mut memo);
    assert_eq!(memo.len(), 3);
    plan_again(&inputs(&objects[..2]), &mut memo);
    assert_eq!(memo.len(), 2);
    plan_again(&inputs(&[]), &mut memo);
    assert!(memo.is_empty());
}

#[test]
fn an_object_without_a_generation_is_checked_each_time() {
    let mut memo = Memo::default();
    let mut shop = namespace("shop");
    shop["metadata"]["generation"] = json!(null);
    let mut objects = all_born(&[with(shop, "deletionPolicy", json!("Retain"))]);
    let plan::manifest::Object::Namespace(object) = &mut objects[0] else {
        panic!("a Namespace")
    };
    object.metadata.generation = None;
    plan_again(&inputs(&objects), &mut memo);
    assert!(memo.is_empty());
}
