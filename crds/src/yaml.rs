//! The CRDs as YAML.

use std::fmt::Write;

use serde_json::Value;

use crate::{Kind, crd};

/// The CRD of a kind as a YAML document, keys sorted; `kubectl apply` takes it as it is.
pub fn yaml(kind: Kind) -> String {
    let crd = serde_json::to_value(crd(kind)).expect("a CRD consists of JSON types");
    let mut out = String::from("# Generated from crds/src; UPDATE_GOLDEN=1 cargo test -p crds renews it.\n");
    block(&mut out, &crd, 0);
    out
}

/// Writes a value that starts on a line of its own, `indent` spaces deep.
fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            for key in keys {
                pad(out, indent);
                out.push_str(&scalar(key));
                out.push(':');
                nested(out, &fields[key], indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                pad(out, indent);
                out.push('-');
                item_of_list(out, item, indent);
            }
        }
        other => {
            pad(out, indent);
            inline(out, other, indent);
        }
    }
}

/// Writes what follows `key:`.
fn nested(out: &mut String, value: &Value, indent: usize) {
    let is_list = matches!(value, Value::Array(items) if !items.is_empty());
    let is_map = matches!(value, Value::Object(fields) if !fields.is_empty());
    if is_list || is_map {
        out.push('\n');
        block(out, value, if is_list { indent } else { indent + 2 });
    } else {
        out.push(' ');
        inline(out, value, indent + 2);
    }
}

/// Writes what follows `-`: a map begins on the same line.
fn item_of_list(out: &mut String, value: &Value, indent: usize) {
    let mut text = String::new();
    block(&mut text, value, indent + 2);
    out.push(' ');
    out.push_str(text.trim_start_matches(' '));
}

fn inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if text.contains('\n') => literal(out, text, indent),
        Value::String(text) => out.push_str(&scalar(text)),
        other => out.push_str(&other.to_string()),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

/// A text of several lines in literal style, which keeps every character.
fn literal(out: &mut String, text: &str, indent: usize) {
    out.push_str("|-\n");
    for line in text.lines() {
        if !line.is_empty() {
            pad(out, indent);
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// A string on one line: plain if YAML cannot mistake it, else in double quotes with JSON's escapes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " ._/-".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}
