//! The files in `yaml/`.

use std::path::{Path, PathBuf};

use crds::Kind;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

fn file_of(kind: Kind) -> PathBuf {
    let plural = crds::crd(kind).spec.names.plural;
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("yaml")
        .join(format!("{plural}.yaml"))
}

#[test]
fn the_yaml_files_are_what_the_types_say() {
    for kind in Kind::ALL {
        agree(&file_of(kind), &crds::yaml(kind));
    }
}

#[test]
fn the_chart_has_the_same_definitions() {
    for kind in Kind::ALL {
        let plural = crds::crd(kind).spec.names.plural;
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../charts/weft/templates/crds")
            .join(format!("{plural}.yaml"));
        agree(&file, &template(&crds::yaml(kind)));
    }
}

/// A definition as a template of the Helm chart, which can be switched off and survives the chart.
fn template(yaml: &str) -> String {
    assert!(
        !yaml.contains("{{"),
        "Helm would take what is in {{{{ }}}} for its own"
    );
    let (head, rest) = yaml.split_once("\nspec:\n").expect("a definition has a spec");
    let (_comment, head) = head.split_once('\n').expect("a definition begins with a comment");
    let rest = rest.trim_end();
    format!("{OPENING}\n{head}\n{METADATA}\nspec:\n{rest}\n{{{{- end }}}}\n")
}

const OPENING: &str = "{{- /* Generated from crds/src; UPDATE_GOLDEN=1 cargo test -p crds renews it. */ -}}
{{- if .Values.crds.enabled }}";
const METADATA: &str = r#"  labels:
    {{- include "weft.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}"#;

/// Compares a file with what it should hold, or writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE_GOLDEN is how golden files are renewed"
)]
fn agree(file: &Path, wanted: &str) {
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(file, wanted).expect("golden files can be written");
    }
    let stored = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        stored == wanted,
        "{} is out of date: UPDATE_GOLDEN=1 cargo test -p crds",
        file.display()
    );
}

#[test]
fn the_yaml_reads_back_as_the_definition() {
    for kind in Kind::ALL {
        let documents = Yaml::load_from_str(&crds::yaml(kind)).unwrap();
        assert_eq!(documents.len(), 1);
        assert_eq!(
            json(&documents[0]),
            serde_json::to_value(crds::crd(kind)).unwrap(),
            "{kind}"
        );
    }
}

#[test]
fn every_definition_is_smaller_than_64_kb() {
    for kind in Kind::ALL {
        let size = crds::yaml(kind).len();
        assert!(size < 64_000, "{kind}: {size} bytes");
    }
}

/// YAML as JSON, by another reader than the code under test has a writer.
fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => Value::from(number.into_inner()),
        Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(fields) => {
            let field = |(key, value): (&Yaml<'_>, &Yaml<'_>)| {
                (key.as_str().expect("keys are strings").to_owned(), json(value))
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => panic!("a definition has no {other:?}"),
    }
}
