//! Where each value of a document was written.

use std::collections::BTreeMap;

use saphyr::{MarkedYaml, Marker, Scalar, YamlData};
use serde_json::{Map, Number, Value};

/// A position in a file, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Positions by field path (`spec.filters[0].key`): of the key for a mapping's entry, of the value for a list's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    root: Option<Position>,
    fields: BTreeMap<String, Position>,
}

/// Something that YAML can say and JSON cannot.
#[derive(Debug)]
pub(crate) struct NotJson {
    pub(crate) field: String,
    pub(crate) at: Position,
    pub(crate) problem: &'static str,
}

impl Spans {
    /// Where the field's name stands; for a field that was not written, the nearest parent that was.
    pub(crate) fn field(&self, path: &str) -> Option<Position> {
        self.nearest(path).or(self.root)
    }

    /// The spans of what stands at `path`, as if it were a document of its own.
    pub(crate) fn below(&self, path: &str) -> Self {
        let prefix = format!("{path}.");
        let inner =
            |(name, field): (&String, &Position)| Some((name.strip_prefix(&prefix)?.to_owned(), *field));
        Self {
            root: self.field(path),
            fields: self.fields.iter().filter_map(inner).collect(),
        }
    }

    fn nearest(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(field) = self.fields.get(path) {
                return Some(*field);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// A field's path: `parent.name`.
pub(crate) fn child(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

fn element(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// The document as JSON, and where everything in it stands.
pub(crate) fn convert(document: &MarkedYaml<'_>) -> Result<(Value, Spans), NotJson> {
    let mut spans = Spans {
        root: Some(position(document)),
        ..Spans::default()
    };
    let value = value(document, "", &mut spans)?;
    Ok((value, spans))
}

fn value(node: &MarkedYaml<'_>, path: &str, spans: &mut Spans) -> Result<Value, NotJson> {
    let refuse = |problem| NotJson {
        field: path.to_owned(),
        at: position(node),
        problem,
    };
    match &node.data {
        YamlData::Value(scalar) => self::scalar(scalar).ok_or_else(|| refuse("not a finite number")),
        YamlData::Sequence(items) => sequence(items, path, spans),
        YamlData::Mapping(entries) => {
            let mut object = Map::new();
            for (key, entry) in entries {
                let name = self::key(key).ok_or_else(|| NotJson {
                    field: path.to_owned(),
                    at: position(key),
                    problem: "a name that is not text",
                })?;
                let path = child(path, &name);
                spans.fields.insert(path.clone(), position(key));
                object.insert(name, value(entry, &path, spans)?);
            }
            Ok(Value::Object(object))
        }
        YamlData::Tagged(..) => Err(refuse("a tag that YAML's core does not have")),
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            Err(refuse("a value that does not fit its tag"))
        }
    }
}

fn sequence(items: &[MarkedYaml<'_>], path: &str, spans: &mut Spans) -> Result<Value, NotJson> {
    let mut list = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = element(path, index);
        spans.fields.insert(path.clone(), position(item));
        list.push(value(item, &path, spans)?);
    }
    Ok(Value::Array(list))
}

fn scalar(scalar: &Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Value::Number(Number::from_f64(**value)?),
        Scalar::String(value) => Value::from(value.as_ref()),
    })
}

/// `yes: 1` and `1: x` are names as Kubernetes reads them.
fn key(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(scalar) => match self::scalar(scalar)? {
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(self::scalar(scalar)?.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn position(node: &MarkedYaml<'_>) -> Position {
    Position::from(node.span.start)
}

impl From<Marker> for Position {
    fn from(marker: Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use saphyr::LoadableYamlNode;

    use super::*;

    fn spans(text: &str) -> Spans {
        convert(&MarkedYaml::load_from_str(text).unwrap()[0]).unwrap().1
    }

    #[test]
    fn a_field_knows_its_line_and_column() {
        let spans = spans("kind: Topic\nspec:\n  filters:\n  - {key: subject}\n  - key: type\n");
        assert_eq!(spans.field("spec.filters"), Some(Position { line: 3, column: 3 }));
        assert_eq!(
            spans.field("spec.filters[1].key"),
            Some(Position { line: 5, column: 5 })
        );
    }

    #[test]
    fn a_field_that_is_missing_stands_where_its_parent_does() {
        let spans = spans("kind: Topic\nspec:\n  a: 1\n");
        assert_eq!(
            spans.field("spec.namespaceRef.name"),
            Some(Position { line: 2, column: 1 })
        );
        assert_eq!(
            spans.field("metadata.name"),
            Some(Position { line: 1, column: 1 })
        );
    }

    #[test]
    fn what_json_cannot_say_is_refused_where_it_stands() {
        let document = &MarkedYaml::load_from_str("a:\n  b: .inf\n").unwrap()[0];
        let refused = convert(document).unwrap_err();
        assert_eq!(
            (refused.field.as_str(), refused.at),
            ("a.b", Position { line: 2, column: 6 })
        );
    }
}
