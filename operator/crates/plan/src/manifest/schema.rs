//! Walks a value along its schema.
//!
//! Knows exactly the keywords that `crds` writes; a test there fails when it writes another.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::rules;
use super::{Violation, suggest};

/// Checks a whole object. `metadata` is checked elsewhere, `status` nowhere.
pub(super) fn check_object(schema: &Value, manifest: &Value, found: &mut Vec<Violation>) {
    let before = found.len();
    if let Some(fields) = manifest.as_object() {
        const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
        for unknown in fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
            found.push(Violation::new(
                unknown,
                "a manifest has no such field",
                suggest::fix(unknown, &FIELDS[..4]),
            ));
        }
    }
    match present(manifest, "spec") {
        Some(spec) => check(&schema["properties"]["spec"], spec, "spec", found),
        None => found.push(Violation::new(
            "spec",
            "spec is required",
            "write spec:, with its fields below it",
        )),
    }
    if found.len() == before && manifest["metadata"]["name"].is_string() {
        apply_rules(schema, manifest, "", found);
    }
}

/// Checks what must not change.
pub(super) fn check_transitions(
    schema: &Value,
    old: &Value,
    new: &Value,
    path: &str,
    found: &mut Vec<Violation>,
) {
    for expression in expressions(schema) {
        if let Some(transition) = rules::transition(expression)
            && !(transition.holds)(old, new)
        {
            let at = transition
                .field
                .map_or_else(|| path.to_owned(), |field| join(path, field));
            found.push(Violation::new(at, transition.rule.rule, transition.rule.fix));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let (Some(old), Some(new)) = (present(old, name), present(new, name)) {
            check_transitions(property, old, new, &join(path, name), found);
        }
    }
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let before = found.len();
    match (type_of(schema), value) {
        ("object", Value::Object(_)) if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
        ("object", Value::Object(fields)) => check_fields(schema, fields, path, found),
        ("array", Value::Array(items)) => check_items(schema, items, path, found),
        ("string", Value::String(text)) => check_string(schema, text, path, found),
        ("boolean", Value::Bool(_)) => {}
        ("integer", Value::Number(number)) if number.is_i64() || number.is_u64() => {
            check_range(schema, number.as_f64(), path, found);
        }
        ("number", Value::Number(_)) => {}
        (INT_OR_STRING, Value::String(text)) => check_string(schema, text, path, found),
        (INT_OR_STRING, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
        (expected, _) => found.push(wrong_type(expected, schema, path)),
    }
    // As in the API server: a rule may rely on the structure below it.
    if found.len() == before {
        apply_rules(schema, value, path, found);
    }
}

const INT_OR_STRING: &str = "int-or-string";

fn type_of(schema: &Value) -> &str {
    match schema["x-kubernetes-int-or-string"].as_bool() {
        Some(true) => INT_OR_STRING,
        _ => schema["type"].as_str().unwrap_or_default(),
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, found: &mut Vec<Violation>) {
    if let Some(values) = schema.get("additionalProperties") {
        return check_map(schema, values, fields, path, found);
    }
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    for (name, value) in fields {
        match properties.get(name) {
            Some(_) if value.is_null() => {}
            Some(property) => check(property, value, &join(path, name), found),
            None => found.push(unknown_field(properties, name, path)),
        }
    }
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for name in required.filter(|name| fields.get(*name).is_none_or(Value::is_null)) {
        let example = example_of(properties.get(name).unwrap_or(&Value::Null));
        found.push(Violation::new(
            join(path, name),
            format!("{name} is required"),
            format!("write {name}: {example}"),
        ));
    }
}

/// A map whose keys are the user's.
fn check_map(
    schema: &Value,
    values: &Value,
    fields: &Map<String, Value>,
    path: &str,
    found: &mut Vec<Violation>,
) {
    let present = || fields.iter().filter(|(_, value)| !value.is_null());
    let (most, count) = (limit(schema, "maxProperties"), present().count());
    if most.is_some_and(|most| count > most) {
        let rule = format!("the map has {} entries, found {count}", between(None, most));
        found.push(Violation::new(path, rule, "remove some of them"));
        return;
    }
    for (key, value) in present() {
        check(values, value, &join(path, key), found);
    }
}

fn example_of(schema: &Value) -> String {
    let field = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        format!("{name}: {}", example_of(&schema["properties"][name]))
    };
    match schema["type"].as_str() {
        Some("object") => {
            let fields: Vec<String> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .map(field)
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Some("array") => format!("[{}]", example_of(&schema["items"])),
        Some("boolean") => "true".to_owned(),
        _ => schema["enum"][0]
            .as_str()
            .map_or_else(|| "…".to_owned(), str::to_owned),
    }
}

fn unknown_field(properties: &Map<String, Value>, name: &str, path: &str) -> Violation {
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let owner = if path.is_empty() { "the manifest" } else { path };
    let rule = format!("{owner} has no field of this name");
    Violation::new(join(path, name), rule, suggest::fix(name, &known))
}

fn check_items(schema: &Value, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    let (least, most) = (limit(schema, "minItems"), limit(schema, "maxItems"));
    if least.is_some_and(|least| items.len() < least) || most.is_some_and(|most| items.len() > most) {
        let rule = format!(
            "the list has {} entries, found {}",
            between(least, most),
            items.len()
        );
        let fix = if items.is_empty() {
            "add an entry or remove the field"
        } else {
            "shorten the list"
        };
        found.push(Violation::new(path, rule, fix));
        return;
    }
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), found);
    }
    check_unique(schema, items, path, found);
}

fn check_unique(schema: &Value, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    let keys = &schema["x-kubernetes-list-map-keys"];
    // As text, which can be looked up: a list may have a thousand entries.
    let identity = |item: &Value| match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Some(item.to_string()),
        Some("map") => keys
            .as_array()?
            .iter()
            .map(|key| item.get(key.as_str()?).map(Value::to_string))
            .collect(),
        _ => None,
    };
    let mut seen = HashSet::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Some(this) = identity(item) else { continue };
        if !seen.insert(this) {
            let at = format!("{path}[{index}]");
            found.push(Violation::new(
                at,
                "the list has this entry already",
                "remove one of the two",
            ));
        }
    }
}

fn check_string(schema: &Value, text: &str, path: &str, found: &mut Vec<Violation>) {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        if !words.contains(&text) {
            let rule = format!("this is one of {}", words.join(", "));
            found.push(Violation::new(path, rule, suggest::fix(text, &words)));
        }
    }
    let (least, most) = (limit(schema, "minLength"), limit(schema, "maxLength"));
    let length = text.chars().count();
    if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
        let rule = format!("the text has {} characters, found {length}", between(least, most));
        let fix = if length == 0 {
            "write a text or remove the field"
        } else {
            "write a text of such a length"
        };
        found.push(Violation::new(path, rule, fix));
    }
}

fn check_range(schema: &Value, number: Option<f64>, path: &str, found: &mut Vec<Violation>) {
    let (Some(least), Some(most)) = (schema["minimum"].as_f64(), schema["maximum"].as_f64()) else {
        return;
    };
    if !number.is_some_and(|number| (least..=most).contains(&number)) {
        let rule = format!("this is a whole number from {least} to {most}");
        let nearest = if number < Some(least) { least } else { most };
        found.push(Violation::new(path, rule, format!("write for example {nearest}")));
    }
}

fn wrong_type(expected: &str, schema: &Value, path: &str) -> Violation {
    let (what, fix) = match expected {
        "object" => ("a map", format!("write {}", example_of(schema))),
        "array" => ("a list", format!("write {}", example_of(schema))),
        "string" => (
            "a text",
            "write a text, in quotes if it looks like a number".to_owned(),
        ),
        INT_OR_STRING => (
            "a whole number or a text",
            "write a whole number, or a text in quotes".to_owned(),
        ),
        "boolean" => ("true or false", "write true or false, without quotes".to_owned()),
        "integer" => (
            "a whole number",
            "write a whole number, without quotes".to_owned(),
        ),
        _ => ("a number", "write a number, without quotes".to_owned()),
    };
    Violation::new(path, format!("this is {what}"), fix)
}

fn apply_rules(schema: &Value, value: &Value, path: &str, found: &mut Vec<Violation>) {
    for expression in expressions(schema) {
        if let Some(twin) = rules::twin(expression)
            && !(twin.holds)(value)
        {
            let at = twin
                .field
                .map_or_else(|| path.to_owned(), |field| join(path, field));
            found.push(Violation::new(at, twin.rule.rule, twin.rule.fix));
        }
    }
}

/// The CEL expressions of one schema, without those below it.
fn expressions(schema: &Value) -> impl Iterator<Item = &str> {
    let rules = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    rules.filter_map(|rule| rule["rule"].as_str())
}

fn limit(schema: &Value, keyword: &str) -> Option<usize> {
    schema[keyword]
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
}

fn between(least: Option<usize>, most: Option<usize>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, most) => format!("at most {}", most.unwrap_or(usize::MAX)),
    }
}

fn present<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|value| !value.is_null())
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}
