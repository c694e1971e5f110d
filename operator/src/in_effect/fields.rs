//! Which fields an object has, whatever their values.

use config::Digest;
use serde_json::Value;

use super::lists;

/// A digest of the paths of an object's fields. Elements of lists that are maps count by their keys.
pub fn fields_digest(object: &Value) -> Digest {
    let mut paths = Vec::new();
    collect(object, "", "", String::new(), &mut paths);
    paths.sort_unstable();
    Digest::of(paths.join("\n").as_bytes())
}

fn collect(value: &Value, field: &str, parent: &str, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(value, name, field, format!("{path}/{name}"), paths);
            }
        }
        Value::Array(items) => {
            if let Some(key) = lists::key(field, parent) {
                for item in items {
                    collect(item, field, parent, format!("{path}[{}]", key.of(item)), paths);
                }
            }
        }
        _ => {}
    }
    paths.push(path);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_depends_on_paths_alone() {
        let digest = |value: Value| fields_digest(&value);
        let one = digest(json!({"data": {"key": "hush"}, "spec": {"args": ["a"]}}));
        assert_eq!(
            one,
            digest(json!({"data": {"key": "other"}, "spec": {"args": ["b", "c"]}}))
        );
        assert_ne!(one, digest(json!({"data": {}, "spec": {"args": ["a"]}})));
    }

    #[test]
    fn an_element_that_goes_from_a_shared_list_changes_it_and_the_order_does_not() {
        let env = |names: &[&str]| {
            let list: Vec<_> = names
                .iter()
                .map(|name| json!({"name": name, "value": "x"}))
                .collect();
            fields_digest(&json!({"env": list}))
        };
        assert_eq!(env(&["A", "B"]), env(&["B", "A"]));
        assert_ne!(env(&["A", "B"]), env(&["A"]));
    }
}
