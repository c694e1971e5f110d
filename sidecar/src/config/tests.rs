use super::*;

fn uid(number: u8) -> String {
    Uid::from_u128(number.into()).to_string()
}

fn subscription(number: u8, name: &str) -> config::Subscription {
    config::Subscription {
        uid: uid(number),
        name: name.into(),
        resource_name: name.to_ascii_lowercase(),
        lock_duration_seconds: 60,
        max_delivery_count: 10,
        time_to_live_seconds: 3600,
        filter: config::Filter::default(),
        dead_letter_topic: None,
        dead_letter_store: None,
    }
}

fn topic(number: u8, name: &str, subscriptions: Vec<config::Subscription>) -> config::Topic {
    config::Topic {
        uid: uid(number),
        name: name.into(),
        resource_name: name.to_ascii_lowercase(),
        retention_seconds: 86_400,
        dead_letter_target: false,
        subscriptions,
    }
}

fn configuration(topics: Vec<config::Topic>) -> crate::Configuration {
    let rule = |name: &str, rights: &[config::Right]| config::AuthorizationRule {
        name: name.into(),
        rights: rights.to_vec(),
    };
    let keys = |name: &str| config::AccessKeys {
        name: name.into(),
        primary_key: format!("{name}-1"),
        secondary_key: format!("{name}-2"),
    };
    let head = config::Head {
        format: config::FORMAT,
        namespace: config::NamespaceIdentity {
            name: "shop".into(),
            uid: uid(99),
        },
        revision: 7,
        settings: config::Settings {
            storage_capacity_bytes: 1 << 30,
            deletion_policy: config::DeletionPolicy::Delete,
            deletion_grace_seconds: 3600,
            authorization_rules: vec![
                rule("root", &[config::Right::Manage]),
                rule("keyless", &[config::Right::Send]),
            ],
            disable_local_auth: false,
            issuers: Vec::new(),
            checkpoint: config::Checkpoint::ConfigMap,
        },
        shards: [config::Digest::of(b""); config::SHARD_COUNT],
    };
    let secrets = config::Secrets {
        rules: vec![keys("Root"), keys("ruleless")],
        certificate_pem: String::new(),
        private_key_pem: String::new(),
        object_store: BTreeMap::new(),
        dead_letter_stores: BTreeMap::new(),
    };
    crate::Configuration {
        document: config::Document {
            head,
            topics,
            hubs: Vec::new(),
        },
        secrets,
        secrets_revision: 0,
    }
}

fn read(topics: Vec<config::Topic>, served: &[TopicConfig]) -> Plan {
    let served = Entities {
        topics: served.to_vec(),
        ..Entities::default()
    };
    Plan::read(&configuration(topics), &served).unwrap()
}

fn names(topics: &[TopicConfig]) -> Vec<&str> {
    topics.iter().map(|topic| topic.name.as_str()).collect()
}

#[test]
fn a_document_that_fits_is_read_whole() {
    let plan = read(vec![topic(1, "Orders", vec![subscription(2, "billing")])], &[]);
    assert!(plan.refused.is_empty());
    assert_eq!(plan.capacity, ByteCount::gib(1));
    let grace = Duration::from_secs(3600);
    assert_eq!(
        plan.deletion,
        DeletionConfig {
            policy: DeletionPolicy::Delete,
            grace
        }
    );
    let orders = &plan.entities.topics[0];
    assert_eq!((orders.uid, orders.name.as_str()), (Uid::from_u128(1), "Orders"));
    assert_eq!(orders.retention, Duration::from_hours(24));
    let billing = &orders.subscriptions[0];
    assert_eq!(
        (billing.uid, billing.lock_duration),
        (Uid::from_u128(2), Duration::from_secs(60))
    );
    assert_eq!(billing.time_to_live, Some(Duration::from_secs(3600)));
}

#[test]
fn a_rule_without_keys_admits_nobody_and_keys_without_a_rule_are_nobodys() {
    let keys = read(vec![], &[]).keys;
    assert_eq!(keys.rules.len(), 1);
    assert_eq!(
        (keys.rules[0].name.as_str(), keys.rules[0].primary.expose()),
        ("root", "Root-1")
    );
    assert!(keys.rules[0].rights.manage && !keys.rules[0].rights.send);
}

#[test]
fn while_anything_is_refused_nothing_is_deleted() {
    let plan = read(vec![topic(1, "bad name", vec![])], &[]);
    assert_eq!(plan.refused.len(), 1);
    assert_eq!(plan.deletion.policy, DeletionPolicy::Retain);
}

#[test]
fn of_two_equal_names_or_uids_the_first_is_served() {
    let plan = read(
        vec![
            topic(1, "orders", vec![]),
            topic(2, "ORDERS", vec![]),
            topic(1, "other", vec![]),
        ],
        &[],
    );
    assert_eq!(names(&plan.entities.topics), ["orders"]);
    let reasons: Vec<_> = plan
        .refused
        .iter()
        .map(|refused| refused.reason.as_str())
        .collect();
    assert!(
        reasons[0].contains("`ORDERS` is taken") && reasons[1].contains("twice"),
        "{reasons:?}"
    );

    let doubled = vec![
        subscription(3, "billing"),
        subscription(4, "Billing"),
        subscription(3, "audit"),
    ];
    let plan = read(vec![topic(1, "orders", doubled)], &[]);
    assert_eq!(
        (plan.entities.topics[0].subscriptions.len(), plan.refused.len()),
        (1, 2)
    );
    assert_eq!(plan.refused[0].kind, Kind::EventSubscription);
}

#[test]
fn what_was_served_under_the_uid_of_a_refused_entity_goes_on() {
    let served = read(vec![topic(1, "orders", vec![subscription(2, "billing")])], &[])
        .entities
        .topics;
    let plan = read(vec![topic(1, "no/name", vec![])], &served);
    assert_eq!(plan.entities.topics, served);

    let mut broken = subscription(2, "billing");
    broken.dead_letter_topic = Some(uid(50));
    let plan = read(vec![topic(1, "orders", vec![broken])], &served);
    assert_eq!(plan.entities.topics, served);
    assert!(
        plan.refused[0].reason.contains("not in the document"),
        "{}",
        plan.refused[0].reason
    );
}

#[test]
fn a_name_that_moved_on_is_not_given_back_to_a_refused_entity() {
    let served = read(vec![topic(1, "orders", vec![])], &[]).entities.topics;
    let plan = read(
        vec![topic(2, "orders", vec![]), topic(1, "no/name", vec![])],
        &served,
    );
    assert_eq!(
        plan.entities
            .topics
            .iter()
            .map(|topic| topic.uid)
            .collect::<Vec<_>>(),
        [Uid::from_u128(2)]
    );
}

#[test]
fn dead_letters_may_go_to_any_topic_of_the_document() {
    let mut billing = subscription(2, "billing");
    billing.dead_letter_topic = Some(uid(3));
    let plan = read(
        vec![topic(1, "orders", vec![billing]), topic(3, "failed", vec![])],
        &[],
    );
    assert!(plan.refused.is_empty());
    assert_eq!(
        plan.entities.topics[0].subscriptions[0].dead_letter,
        Some(Uid::from_u128(3))
    );
}

/// `billing` of the topic `orders`, whose dead letters go to this store.
fn with_store(url: &str) -> crate::Configuration {
    let mut billing = subscription(2, "billing");
    billing.dead_letter_store = Some(config::DeadLetterStore { url: url.into() });
    configuration(vec![topic(1, "orders", vec![billing])])
}

/// What the store of `billing` is opened with.
fn of_billing<const N: usize>(options: [(String, String); N]) -> BTreeMap<String, config::StoreCredentials> {
    let credentials = config::StoreCredentials {
        options: options.into(),
        subscriptions: [uid(2)].into(),
    };
    BTreeMap::from([("store".to_owned(), credentials)])
}

#[test]
fn dead_letters_for_an_object_store_have_a_topic_of_their_own() {
    let plan = Plan::read(&with_store("file:///letters"), &Entities::default()).unwrap();
    assert!(plan.refused.is_empty());
    let billing = &plan.entities.topics[0].subscriptions[0];
    assert_eq!(billing.dead_letter, Some(letters::topic_uid(billing.uid)));
    assert_eq!(plan.entities.letters.len(), 1);
    assert_eq!(plan.entities.letters[0].subscription, billing.uid);
    let again = Plan::read(&with_store("file:///letters"), &plan.entities).unwrap();
    assert_eq!(again.entities, plan.entities);
    let moved = Plan::read(&with_store("file:///elsewhere"), &plan.entities).unwrap();
    assert_ne!(moved.entities, plan.entities);
}

#[test]
fn other_credentials_are_another_destination_and_no_debug_output_shows_them() {
    let with_key = |key: &str| {
        let mut configuration = with_store("s3://bucket/letters");
        let options = [("aws_access_key_id", "id"), ("aws_secret_access_key", key)];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        configuration.secrets.dead_letter_stores = of_billing(options);
        configuration
    };
    let first = Plan::read(&with_key("hush"), &Entities::default()).unwrap();
    assert!(first.refused.is_empty());
    let shown = format!("{first:?}");
    assert!(
        shown.contains("aws_secret_access_key") && !shown.contains("hush"),
        "{shown}"
    );
    let second = Plan::read(&with_key("other"), &first.entities).unwrap();
    assert_ne!(second.entities, first.entities);
}

#[test]
fn a_subscription_whose_store_cannot_be_opened_is_served_and_told() {
    let mut wrong = with_store("s3://bucket/letters");
    let options = [("aws_acces_key_id".to_owned(), "hush".to_owned())];
    wrong.secrets.dead_letter_stores = of_billing(options);
    let plan = Plan::read(&wrong, &Entities::default()).unwrap();
    let billing = &plan.entities.topics[0].subscriptions[0];
    assert_eq!(billing.dead_letter, Some(letters::topic_uid(billing.uid)));
    let reason = &plan.refused[0].reason;
    assert!(
        reason.contains("its dead letters wait") && reason.contains("aws_acces_key_id"),
        "{reason}"
    );
    assert!(!reason.contains("hush"), "{reason}");
    assert_eq!(plan.deletion.policy, DeletionPolicy::Delete, "it is there");
}

#[test]
fn a_subscription_that_goes_on_as_it_was_keeps_its_store() {
    let before = Plan::read(&with_store("file:///letters"), &Entities::default()).unwrap();
    let mut broken = with_store("file:///elsewhere");
    broken.document.topics[0].subscriptions[0].name = "no/name".into();
    let plan = Plan::read(&broken, &before.entities).unwrap();
    assert_eq!(plan.entities, before.entities);
}

#[test]
fn a_document_of_another_format_is_not_read_at_all() {
    let mut foreign = configuration(vec![]);
    foreign.document.head.format = 2;
    assert!(
        Plan::read(&foreign, &Entities::default())
            .unwrap_err()
            .contains("format 2")
    );
}

#[test]
fn a_filter_arrives_with_every_part() {
    let mut billing = subscription(2, "billing");
    billing.filter = config::Filter {
        included_event_types: vec!["placed".into()],
        subject_begins_with: Some("/a".into()),
        subject_ends_with: Some("/z".into()),
        predicates: vec![
            config::Predicate {
                key: "data.total".into(),
                operator: config::Operator::NumberInRange(vec![[1.0, 2.0]]),
            },
            config::Predicate {
                key: "subject".into(),
                operator: config::Operator::IsNotNull,
            },
        ],
    };
    let plan = read(vec![topic(1, "orders", vec![billing])], &[]);
    let filter = &plan.entities.topics[0].subscriptions[0].filter;
    assert_eq!(filter.included_types, ["placed"]);
    assert_eq!(filter.subject_begins_with.as_deref(), Some("/a"));
    assert_eq!(filter.subject_ends_with.as_deref(), Some("/z"));
    let range = Predicate {
        key: "data.total".into(),
        operator: Operator::NumberInRange(vec![(1.0, 2.0)]),
    };
    let present = Predicate {
        key: "subject".into(),
        operator: Operator::IsNotNull,
    };
    assert_eq!(filter.filters, [range, present]);
}
