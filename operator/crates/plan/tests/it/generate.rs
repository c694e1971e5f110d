//! Generated manifests: whatever a schema admits, with a taste for the edges of our rules.

use crds::{API_VERSION, Kind, schema_for};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// So many cases; a failure prints its smallest example, which then becomes a test of its own.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

/// A manifest that fits the schema of its kind; whether it fits the rules is open.
pub(crate) fn admitted(kind: Kind) -> BoxedStrategy<Value> {
    let spec = of_schema("spec", &schema_for(kind)["properties"]["spec"]);
    (resource_name(), spec)
        .prop_map(move |(name, spec)| manifest(kind, &name, spec))
        .boxed()
}

pub(crate) fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&Kind::ALL[..])
}

pub(crate) fn manifest(kind: Kind, name: &str, spec: Value) -> Value {
    json!({"apiVersion": API_VERSION, "kind": kind.as_str(), "metadata": {"name": name}, "spec": spec})
}

fn resource_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?",
        1 => "[a-z][a-z0-9-]{37,50}[a-z0-9]",
        1 => "[a-z0-9]{1,3}[.][a-z0-9]{1,3}",
        1 => prop::sample::select(&crds::rules::RESERVED_NAMES[..]).prop_map(str::to_owned),
    ]
}

/// A value of this schema. `name` is the field it stands in.
fn of_schema(name: &str, schema: &Value) -> BoxedStrategy<Value> {
    if schema["x-kubernetes-int-or-string"] == true {
        return amount();
    }
    match schema["type"].as_str().expect("structural") {
        "object" if schema.get("additionalProperties").is_some() => map(name, schema),
        "object" if schema["x-kubernetes-preserve-unknown-fields"] == true => prop::sample::select(vec![
            json!({}),
            json!({"podAntiAffinity": {}}),
            json!({"key": "a"}),
        ])
        .boxed(),
        "object" if name == "filters" => one_filter(schema),
        "object" if ["checkpoint", "deadLetter", "storage"].contains(&name) => one_field(schema),
        "object" => object(schema),
        "array" => array(name, schema),
        "string" => text(name, schema),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => {
            let limit = |keyword: &str| schema[keyword].as_f64().expect("bounded") as i64;
            let (least, most) = (limit("minimum"), limit("maximum"));
            let low = most.min(least + (64 << 20));
            prop_oneof![least..=most, least..=low]
                .prop_map(Value::from)
                .boxed()
        }
        "number" => number().boxed(),
        other => panic!("no generator for {other}"),
    }
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3i64..4).prop_map(Value::from),
        (-3.0f64..4.0).prop_map(Value::from),
        any::<i64>().prop_map(Value::from)
    ]
}

fn object(schema: &Value) -> BoxedStrategy<Value> {
    let is_required = |name: &String| {
        schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|required| required == name.as_str())
    };
    let fields: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let value = of_schema(name, property);
            let value = if is_required(name) {
                value.prop_map(Some).boxed()
            } else {
                prop::option::weighted(0.6, value).boxed()
            };
            let name = name.clone();
            value.prop_map(move |value| Some((name.clone(), value?)))
        })
        .collect();
    fields
        .prop_map(|fields| Value::Object(fields.into_iter().flatten().collect()))
        .boxed()
}

/// A few entries under keys that are the user's.
fn map(name: &str, schema: &Value) -> BoxedStrategy<Value> {
    let key = match name {
        "requests" | "limits" => prop_oneof![60 => "(cpu|memory)", 1 => "[a-zA-Z/. -]{0,12}"].boxed(),
        _ => prop_oneof![
            30 => "([a-z0-9]([-.a-z0-9]{0,4}[a-z0-9])?/)?[A-Za-z0-9]{1,3}",
            1 => "[a-zA-Z/. -]{0,12}",
            2 => "(weft[.]dev/x|app[.]kubernetes[.]io/(name|part-of))",
        ]
        .boxed(),
    };
    let value = of_schema(name, &schema["additionalProperties"]);
    prop::collection::btree_map(key, value, 0..3)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
        .boxed()
}

fn amount() -> BoxedStrategy<Value> {
    prop_oneof![
        40 => "[0-9]{1,3}([.][0-9])?(m|Mi|Gi|G)?".prop_map(Value::from),
        1 => "[0-9a-zA-Z.]{0,5}".prop_map(Value::from),
        10 => (0i64..100).prop_map(Value::from),
        1 => (-3i64..3).prop_map(Value::from),
    ]
    .boxed()
}

/// None, one or two of the fields, mostly one.
fn one_field(schema: &Value) -> BoxedStrategy<Value> {
    let properties = schema["properties"].as_object().expect("it has fields").clone();
    let names: Vec<String> = properties.keys().cloned().collect();
    let count = prop_oneof![1 => Just(0usize), 30 => Just(1), 1 => Just(2)];
    (count, Just(names).prop_shuffle())
        .prop_flat_map(move |(count, names)| {
            let chosen: Vec<_> = names[..count]
                .iter()
                .map(|name| {
                    let name = name.clone();
                    of_schema(&name, &properties[&name]).prop_map(move |value| (name.clone(), value))
                })
                .collect();
            chosen.prop_map(|fields| Value::Object(fields.into_iter().collect()))
        })
        .boxed()
}

/// A key and none, one or two operators, mostly one.
fn one_filter(schema: &Value) -> BoxedStrategy<Value> {
    let properties = schema["properties"]
        .as_object()
        .expect("an object has properties")
        .clone();
    let key = of_schema("key", &properties["key"]);
    let operators: Vec<String> = properties.keys().filter(|name| *name != "key").cloned().collect();
    let count = prop_oneof![1 => Just(0usize), 30 => Just(1), 1 => Just(2)];
    (key, count, Just(operators).prop_shuffle())
        .prop_flat_map(move |(key, count, operators)| {
            let chosen: Vec<_> = operators[..count]
                .iter()
                .map(|name| {
                    let name = name.clone();
                    of_schema(&name, &properties[&name]).prop_map(move |value| (name.clone(), value))
                })
                .collect();
            chosen.prop_map(move |fields| {
                let mut filter: Map<String, Value> = fields.into_iter().collect();
                filter.insert("key".to_owned(), key.clone());
                Value::Object(filter)
            })
        })
        .boxed()
}

fn array(name: &str, schema: &Value) -> BoxedStrategy<Value> {
    let limit = |keyword: &str| schema[keyword].as_u64().expect("bounded") as usize;
    let (least, most) = (limit("minItems"), limit("maxItems"));
    // Of the longest lists, edges are written down elsewhere: they would take most of the time here.
    // Each issuer has many a field to get wrong.
    let (few, many) = match name {
        "issuers" => (least, most.min(least + 1)),
        _ => (most.min(least + 3), most.min(32)),
    };
    let length = if least == most {
        (least..=most).boxed()
    } else {
        prop_oneof![3 => least..=few, 1 => least..=many].boxed()
    };
    let schema = schema.clone();
    let item = of_schema(name, &schema["items"]);
    length
        .prop_flat_map(move |length| prop::collection::vec(item.clone(), length))
        .prop_map(move |items| Value::Array(unique(&schema, items)))
        .boxed()
}

/// Drops what the list type forbids to repeat.
fn unique(schema: &Value, items: Vec<Value>) -> Vec<Value> {
    let identity = |item: &Value| match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Some(item.clone()),
        Some("map") => Some(item[schema["x-kubernetes-list-map-keys"][0].as_str()?].clone()),
        _ => None,
    };
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if identity(&item).is_none() || kept.iter().all(|earlier| identity(earlier) != identity(&item)) {
            kept.push(item);
        }
    }
    kept
}

fn text(name: &str, schema: &Value) -> BoxedStrategy<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return prop::sample::select(words.clone()).boxed();
    }
    let least = schema["minLength"].as_u64().unwrap_or(0) as usize;
    let most = schema["maxLength"].as_u64().expect("bounded") as usize;
    let apt = match name {
        "azureName" => client_name().boxed(),
        "size" | "sizeLimit" => "[0-9]{1,4}([.][0-9]{0,4})?(Ki|Mi|Gi|Ti|k|M|G|T|m|E|e3| Gi)?".boxed(),
        "deletionGracePeriod" | "eventTimeToLive" => {
            "P([0-9]{1,3}D)?(T([0-9]{0,3}H)?([0-9]{1,5}M)?([0-9]{1,4}S)?)?".boxed()
        }
        "key" => filter_key().boxed(),
        "url" => {
            let (https, store) = (
                "https://[a-z0-9]{1,3}([.][a-z]{1,3})?(:[1-9][0-9]{0,3})?(/[a-z~%._-]{0,4}){0,2}",
                "(s3|gs|az|azure)://[a-z]{1,3}(/[a-z=_][a-z.]{0,3}){0,2}/?",
            );
            let is_issuer = schema["x-kubernetes-validations"].to_string().contains("https");
            let odd = "(https|s3|file|http)://[a-z0-9.:/@?# -]{0,8}";
            prop_oneof![80 => if is_issuer { https } else { store }, 1 => odd].boxed()
        }
        "prefix" => {
            prop_oneof![80 => "[a-z]{1,4}[:/#]", 1 => "(s|sys|system|system:|system:a| |a b)"].boxed()
        }
        "certificateAuthority" => {
            prop_oneof![80 => "-----BEGIN CERTIFICATE-----\n[A-Z]{3}", 1 => "[A-Z]{3}"].boxed()
        }
        "dnsNames" => prop_oneof![
            20 => "([*][.])?([a-z0-9]{1,3}[.]){0,2}[a-z]{1,3}",
            1 => "([*][.])?([a-z0-9]{1,3}[.]){0,2}[a-z0-9]{1,3}|10[.]0[.]0[.][0-9]{1,3}",
        ]
        .boxed(),
        "storageClassName" | "priorityClassName" | "runtimeClassName" | "schedulerName" => {
            "[a-z0-9]{1,5}".boxed()
        }
        "labels" | "nodeSelector" => {
            prop_oneof![40 => "[a-zA-Z0-9]{0,3}", 1 => "[a-zA-Z0-9. -]{0,5}"].boxed()
        }
        "name" => {
            "([A-Za-z0-9._-]{1,6}|[aA]pp|[a-z]{1,2}|RootManageSharedAccess[kK]ey|[$][dD]efault)".boxed()
        }
        _ => "[a-zA-Z/.]{1,8}".boxed(),
    };
    let anything = ".{0,40}";
    let long = "[A-Za-z]{30,60}";
    prop_oneof![72 => apt, 1 => anything, 1 => long, 1 => Just(String::new())]
        .prop_map(move |text| {
            let fitting: String = text.chars().take(most).collect();
            let missing = least.saturating_sub(fitting.chars().count());
            Value::from(fitting + &"x".repeat(missing))
        })
        .boxed()
}

fn filter_key() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => "([dD]ata([.][a-zA-Zü ]{1,3}){1,2}|[a-zA-Z]{1,12})",
        1 => "([dD]ata|DATA|[a-z]{1,12})([.][a-zA-Zü ]{0,3}){0,3}",
    ]
}

fn client_name() -> impl Strategy<Value = String> {
    let reserved = (
        prop::sample::select(&crds::rules::RESERVED_NAMES[..]),
        any::<bool>(),
    );
    prop_oneof![
        4 => "[A-Za-z0-9-]{2,6}",
        1 => "[A-Za-z0-9-]{48,52}",
        1 => "[A-Za-z0-9]([A-Za-z0-9._-]{0,4}[A-Za-z0-9])?",
        1 => reserved.prop_map(|(word, upper)| if upper { word.to_uppercase() } else { word.to_owned() }),
    ]
}
