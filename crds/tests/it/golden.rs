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
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE_GOLDEN is how golden files are renewed"
)]
fn the_yaml_files_are_what_the_types_say() {
    let renew = std::env::var("UPDATE_GOLDEN").is_ok();
    for kind in Kind::ALL {
        let (file, yaml) = (file_of(kind), crds::yaml(kind));
        if renew {
            std::fs::write(&file, &yaml).unwrap();
        }
        let stored = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            stored == yaml,
            "{} is out of date: UPDATE_GOLDEN=1 cargo test -p crds",
            file.display()
        );
    }
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
