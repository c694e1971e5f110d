//! The documents of one file.

use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYaml, ScanError};
use serde_json::Value;

use super::mistake::{Mistake, Place, Source};
use super::spans::{self, Position, Spans};

/// The API group that this tool runs.
const GROUP: &str = "weft.dev/";

/// One object of ours, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) source: Arc<Source>,
    pub(crate) value: Value,
    spans: Arc<Spans>,
}

impl Object {
    /// `Topic`
    pub(crate) fn kind(&self) -> &str {
        self.text(&["kind"]).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text(&["metadata", "name"]).unwrap_or_default()
    }

    /// The Kubernetes namespace.
    pub(crate) fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"]).unwrap_or("default")
    }

    /// `Topic orders`
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind(), self.name()).trim().to_owned()
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        path.iter()
            .try_fold(&self.value, |value, name| value.get(name))?
            .as_str()
    }

    /// A mistake at a field's name, or at its value when that is what is wrong.
    pub(crate) fn mistake(&self, field: &str, rule: impl Into<String>, fix: impl Into<String>) -> Mistake {
        Mistake {
            place: Place {
                source: self.source.clone(),
                at: self.spans.field(field),
            },
            object: Some(self.title()),
            field: Some(field.to_owned()),
            rule: rule.into(),
            fix: fix.into(),
        }
    }

    /// Where a field stands, or its nearest parent.
    pub(crate) fn place(&self, field: &str) -> Place {
        Place {
            source: self.source.clone(),
            at: self.spans.field(field),
        }
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) objects: Vec<Object>,
    /// `apiVersion kind` of what is not ours.
    pub(crate) foreign: Vec<String>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads every document of a file. JSON is read as the YAML that it is.
pub(crate) fn read(source: Source) -> Documents {
    let source = Arc::new(source);
    let mut documents = Documents::default();
    let parsed = match MarkedYaml::load_from_str(&source.text) {
        Ok(parsed) => parsed,
        Err(error) => {
            documents.mistakes.push(malformed(&source, &error));
            return documents;
        }
    };
    for document in &parsed {
        sort_out(&source, document, &mut documents);
    }
    documents
}

fn sort_out(source: &Arc<Source>, document: &MarkedYaml<'_>, documents: &mut Documents) {
    let (value, spans) = match spans::convert(document) {
        Ok(converted) => converted,
        Err(refused) => {
            documents.mistakes.push(Mistake {
                place: Place {
                    source: source.clone(),
                    at: Some(refused.at),
                },
                object: None,
                field: Some(refused.field).filter(|field| !field.is_empty()),
                rule: format!("this is {}", refused.problem),
                fix: "write text, a number, true or false, a list or a mapping".into(),
            });
            return;
        }
    };
    // A document without content: nothing between two `---`.
    let Value::Object(object) = &value else { return };
    let text = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (version, kind) = (text("apiVersion"), text("kind"));
    if version == "v1" && kind == "List" {
        sort_out_list(source, &value, &spans, documents);
    } else if version.starts_with(GROUP) {
        documents.objects.push(Object {
            source: source.clone(),
            value,
            spans: Arc::new(spans),
        });
    } else if !version.is_empty() || !kind.is_empty() {
        documents
            .foreign
            .push(format!("{version} {kind}").trim().to_owned());
    }
}

/// `kubectl get … -o yaml` writes a list of objects.
fn sort_out_list(source: &Arc<Source>, list: &Value, spans: &Spans, documents: &mut Documents) {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let version = item["apiVersion"].as_str().unwrap_or_default();
        if version.starts_with(GROUP) {
            let spans = Arc::new(spans.below(&format!("items[{index}]")));
            documents.objects.push(Object {
                source: source.clone(),
                value: item.clone(),
                spans,
            });
        } else {
            documents
                .foreign
                .push(format!("{version} {}", item["kind"].as_str().unwrap_or_default()));
        }
    }
}

fn malformed(source: &Arc<Source>, error: &ScanError) -> Mistake {
    let (rule, fix) = match error.info() {
        "duplicated key in mapping" => (
            "a field stands here for the second time".to_owned(),
            "remove one of the two",
        ),
        info => (
            format!("the file is not YAML: {info}"),
            "check the indentation, the quotes and the brackets here and in the lines above",
        ),
    };
    let place = Place {
        source: source.clone(),
        at: Some(Position::from(*error.marker())),
    };
    Mistake {
        place,
        object: None,
        field: None,
        rule,
        fix: fix.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Documents {
        read(Source {
            path: "a.yaml".into(),
            text: text.into(),
        })
    }

    #[test]
    fn a_file_may_hold_many_documents_of_ours_and_of_others() {
        let text = "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\n---\n---\napiVersion: v1\nkind: Secret\n---\n# nothing\n---\napiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders, namespace: prod}\n";
        let documents = documents(text);
        let titles: Vec<_> = documents
            .objects
            .iter()
            .map(|object| (object.title(), object.namespace()))
            .collect();
        assert_eq!(
            titles,
            [
                ("Namespace shop".to_owned(), "default"),
                ("Topic orders".to_owned(), "prod")
            ]
        );
        assert_eq!(documents.foreign, ["v1 Secret"]);
        assert!(documents.mistakes.is_empty());
    }

    #[test]
    fn json_is_read_with_places_too() {
        let documents = documents(
            "{\n  \"apiVersion\": \"weft.dev/v1alpha1\",\n  \"kind\": \"Topic\",\n  \"spec\": {\n    \"x\": 1\n  }\n}",
        );
        assert_eq!(documents.objects[0].place("spec.x").text(), "a.yaml:5:5");
    }

    #[test]
    fn items_of_a_list_keep_their_places() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: weft.dev/v1alpha1\n  kind: Topic\n  metadata:\n    name: orders\n";
        let documents = documents(text);
        assert_eq!(documents.objects[0].place("metadata.name").text(), "a.yaml:7:5");
        assert_eq!(documents.objects[0].place("spec").text(), "a.yaml:4:3");
    }

    #[test]
    fn a_file_that_is_not_yaml_says_where_it_breaks() {
        let mistake = documents("kind: Topic\nspec: {a: [1}\n").mistakes.remove(0);
        assert!(
            mistake.place.text().starts_with("a.yaml:2:"),
            "{}",
            mistake.text()
        );
        assert!(
            mistake.rule.starts_with("the file is not YAML: "),
            "{}",
            mistake.rule
        );
    }
}
