//! Data of objects that are gone.

use crds::shared::Reason;
use plan::manifest::Violation;
use plan::{Decision, Plan, shard_of};
use serde_json::{Value, json};

use crate::objects::{
    all_born, inputs, message_about, namespace, planned, reasons, subscription, topic, uid, with,
};

const GONE: &str = "99999999-9999-4999-8999-999999999999";

fn adopting(mut object: Value, uid: &str) -> Value {
    object["metadata"]["annotations"] = json!({"weft.dev/adopt-data": uid});
    object
}

fn decision<'a>(plan: &'a Plan, name: &str) -> &'a Decision {
    let mut found = plan.decisions.iter().filter(|one| one.object.name == name);
    found.next().expect("a decision")
}

#[test]
fn an_object_that_adopts_is_known_to_its_document_by_the_old_uid_and_to_us_by_its_own() {
    let others = [
        "aaaaaaaa-9999-4999-8999-999999999999",
        "bbbbbbbb-9999-4999-8999-999999999999",
    ];
    let plan = planned(&[
        adopting(namespace("shop"), &GONE.to_uppercase()),
        adopting(topic("orders", "shop"), others[0]),
        adopting(subscription("billing", "orders"), others[1]),
        subscription("audit", "orders"),
    ]);
    let configuration = &plan.configurations[0];
    assert_eq!(
        (
            configuration.namespace.uid.as_str(),
            configuration.object_uid.as_str()
        ),
        (GONE, &*uid(0))
    );
    let orders = &configuration.topics[0];
    assert_eq!(orders.uid, others[0]);
    let subscriptions: Vec<&str> = orders.subscriptions.iter().map(|one| one.uid.as_str()).collect();
    assert_eq!(subscriptions, [&*uid(3), others[1]]);
    for (index, (name, data)) in [("shop", GONE), ("orders", others[0]), ("billing", others[1])]
        .into_iter()
        .enumerate()
    {
        let decision = decision(&plan, name);
        let place = decision.place.as_ref().expect("it is accepted");
        assert_eq!(
            (decision.object.uid.as_str(), place.uid.as_str()),
            (&*uid(index), data)
        );
        assert_eq!(place.namespace, "shop");
        assert_eq!(place.shard, (name != "shop").then(|| shard_of(others[0])));
    }
    assert_eq!(
        decision(&plan, "audit")
            .place
            .as_ref()
            .map(|place| place.uid.clone()),
        Some(uid(3))
    );
}

#[test]
fn dead_letters_go_to_the_adopted_stream() {
    let billing = with(
        subscription("billing", "orders"),
        "deadLetter",
        json!({"topicRef": {"name": "dead"}}),
    );
    let plan = planned(&[
        namespace("shop"),
        topic("orders", "shop"),
        adopting(topic("dead", "shop"), GONE),
        billing,
    ]);
    let orders = &plan.configurations[0].topics[0];
    assert_eq!(orders.subscriptions[0].dead_letter_topic.as_deref(), Some(GONE));
}

#[test]
fn data_of_an_object_that_is_there_is_not_given_away() {
    let plan = planned(&[
        namespace("shop"),
        topic("orders", "shop"),
        adopting(topic("thief", "shop"), &uid(1)),
        adopting(subscription("billing", "orders"), &uid(2)),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("orders", Reason::Accepted),
        ("thief", Reason::DataInUse),
        ("billing", Reason::DataInUse),
    ];
    assert_eq!(reasons(&plan), expected);
    let message = message_about(&plan, "thief");
    let rule = format!("the data of {} belongs to a Topic that is still there", uid(1));
    assert_eq!(
        message,
        format!(
            "metadata.annotations.weft.dev/adopt-data: {rule}; delete that object first, or remove the annotation"
        )
    );
}

#[test]
fn of_two_that_adopt_the_same_data_the_older_accepted_one_gets_it() {
    let plan = planned(&[
        namespace("shop"),
        adopting(topic("lost", "nowhere"), GONE),
        adopting(topic("first", "shop"), GONE),
        adopting(topic("second", "shop"), GONE),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("lost", Reason::ParentNotFound),
        ("first", Reason::Accepted),
        ("second", Reason::DataInUse),
    ];
    assert_eq!(reasons(&plan), expected);
}

#[test]
fn data_of_an_object_that_is_being_deleted_can_be_adopted() {
    let mut old = topic("orders", "shop");
    old["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let plan = planned(&[
        namespace("shop"),
        old,
        adopting(topic("orders-again", "shop"), &uid(1)),
    ]);
    assert_eq!(plan.configurations[0].topics[0].uid, uid(1));
}

#[test]
fn the_own_uid_is_no_adoption_and_another_text_is_a_mistake() {
    let plan = planned(&[
        namespace("shop"),
        adopting(topic("itself", "shop"), &uid(1)),
        adopting(topic("typo", "shop"), "orders"),
        adopting(topic("empty", "shop"), ""),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("itself", Reason::Accepted),
        ("typo", Reason::Invalid),
        ("empty", Reason::Invalid),
    ];
    assert_eq!(reasons(&plan), expected);
}

#[test]
fn without_the_annotation_an_object_has_its_own_data_again() {
    let orders = topic("orders", "shop");
    let before = planned(&[namespace("shop"), adopting(orders.clone(), GONE)]);
    let after = planned(&[namespace("shop"), orders]);
    assert_eq!(before.configurations[0].topics[0].uid, GONE);
    assert_eq!(after.configurations[0].topics[0].uid, uid(1));
}

#[test]
fn what_is_found_around_a_subscription_refuses_it_alone() {
    let objects = all_born(&[
        namespace("shop"),
        topic("orders", "shop"),
        subscription("billing", "orders"),
        subscription("audit", "orders"),
    ]);
    let mut inputs = inputs(&objects);
    inputs.findings.push(plan::Finding {
        uid: uid(2),
        reason: Reason::SecretNotFound,
        violation: Violation::new(
            "spec.deadLetter.objectStore.credentialsSecretRef",
            "there is no Secret \"a\"",
            "create it",
        ),
    });
    let plan = plan::plan(&inputs);
    assert_eq!(
        reasons(&plan)[1..],
        [
            ("orders", Reason::Accepted),
            ("billing", Reason::SecretNotFound),
            ("audit", Reason::Accepted),
        ]
    );
    assert_eq!(plan.configurations[0].topics[0].subscriptions.len(), 1);
}

#[test]
fn what_is_found_around_a_namespace_refuses_it_and_its_children_wait() {
    let objects = all_born(&[
        namespace("shop"),
        namespace("lab"),
        topic("orders", "shop"),
        topic("probes", "lab"),
    ]);
    let mut inputs = inputs(&objects);
    inputs.findings.push(plan::Finding {
        uid: uid(0),
        reason: Reason::SecretNotFound,
        violation: Violation::new("spec.tls.secretRef", "there is no Secret \"a\"", "create it"),
    });
    let plan = plan::plan(&inputs);
    let expected = [
        ("shop", Reason::SecretNotFound),
        ("lab", Reason::Accepted),
        ("orders", Reason::ParentNotAccepted),
        ("probes", Reason::Accepted),
    ];
    assert_eq!(reasons(&plan), expected);
    assert_eq!(
        message_about(&plan, "shop"),
        "spec.tls.secretRef: there is no Secret \"a\"; create it"
    );
    assert_eq!(plan.configurations.len(), 1);
}
