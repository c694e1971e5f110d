//! All manifests of a folder, read together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{self, Object};
use super::mistake::{Mistake, Place, Source};

/// No manifest is larger; something else is.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// What every manifest of ours contains.
const MARK: &str = "weft.dev/";

/// The objects of a set, and what is wrong with it as files. With any mistake the set is not a set: nothing may be
/// concluded from an object's absence.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) objects: Vec<Object>,
    pub(crate) mistakes: Vec<Mistake>,
    /// What was left out, and why, for the log.
    pub(crate) notices: Vec<String>,
}

/// What makes an object the same object: kind, Kubernetes namespace, name.
pub(crate) type Identity = (String, String, String);

impl Set {
    /// Reads the files. A broken file that does not mention our API group is somebody else's (a chart's template, a
    /// `tsconfig.json` with comments), unless it is in `known`: it held objects of ours before.
    pub(crate) fn read(files: &BTreeSet<PathBuf>, known: &BTreeSet<PathBuf>) -> Self {
        let mut set = Self::default();
        for path in files {
            match read_text(path) {
                Ok(text) => set.add(
                    Source {
                        path: shown(path),
                        text,
                    },
                    known.contains(&shown(path)),
                ),
                // Gone since the folder was read, as when an editor saves: the watch brings us back.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => set.unreadable(path, &cause, known.contains(&shown(path))),
            }
        }
        set.refuse_repetitions();
        Mistake::sort(&mut set.mistakes);
        set
    }

    /// The files that hold objects of ours.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
        self.objects
            .iter()
            .map(|object| object.source.path.clone())
            .collect()
    }

    fn add(&mut self, source: Source, known: bool) {
        let path = source.path.display().to_string();
        let ours = known || source.text.contains(MARK);
        let documents = document::read(source);
        if !documents.mistakes.is_empty() && !ours {
            self.notices.push(format!(
                "{path} is skipped: it is no manifest of weft.dev, and does not parse"
            ));
            return;
        }
        for foreign in documents.foreign {
            self.notices.push(format!(
                "{path}: {foreign} is skipped: only objects of weft.dev run here"
            ));
        }
        self.objects.extend(documents.objects);
        self.mistakes.extend(documents.mistakes);
    }

    fn unreadable(&mut self, path: &Path, cause: &io::Error, known: bool) {
        if !known && cause.kind() == io::ErrorKind::InvalidData {
            self.notices
                .push(format!("{} is skipped: {cause}", path.display()));
            return;
        }
        let source = Source {
            path: shown(path),
            text: String::new(),
        };
        self.mistakes.push(Mistake {
            place: Place {
                source: Arc::new(source),
                at: None,
            },
            object: None,
            field: None,
            rule: format!("the file cannot be read: {cause}"),
            fix: "make it readable, or move it out of the folder".into(),
        });
    }

    fn refuse_repetitions(&mut self) {
        let mut first: BTreeMap<Identity, Place> = BTreeMap::new();
        let mut namespaces: BTreeMap<String, Place> = BTreeMap::new();
        for object in self.objects.iter().filter(|object| !object.name().is_empty()) {
            let place = object.place("metadata.name");
            let identity = (
                object.kind().to_owned(),
                object.namespace().to_owned(),
                object.name().to_owned(),
            );
            if let Some(other) = first.get(&identity) {
                let rule = format!("this {} is already written at {}", object.title(), other.text());
                self.mistakes.push(object.mistake(
                    "metadata.name",
                    rule,
                    "remove one of the two, or give it another name",
                ));
                continue;
            }
            if object.kind() == "Namespace" {
                if let Some(other) = namespaces.get(object.name()) {
                    let rule = format!(
                        "a Namespace of this name is already at {}; on one machine names are unique",
                        other.text()
                    );
                    self.mistakes.push(object.mistake(
                        "metadata.name",
                        rule,
                        "give it another name, or run it from another folder with its own --data",
                    ));
                }
                namespaces
                    .entry(object.name().to_owned())
                    .or_insert_with(|| place.clone());
            }
            first.insert(identity, place);
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20),
        ));
    }
    Ok(text)
}

/// Without the `./` that a walk through `.` puts in front.
fn shown(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn set(files: &[(&str, &str)], known: &[&str]) -> (tempfile::TempDir, Set) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let paths = files.iter().map(|(name, _)| dir.path().join(name)).collect();
        let known = known.iter().map(|name| dir.path().join(name)).collect();
        let set = Set::read(&paths, &known);
        (dir, set)
    }

    fn namespace(name: &str, kubernetes: &str) -> String {
        format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {name}, namespace: {kubernetes}}}\n"
        )
    }

    #[test]
    fn an_object_written_twice_is_refused_with_both_places() {
        let (dir, set) = set(
            &[
                ("a.yaml", &namespace("shop", "x")),
                ("b.yaml", &namespace("shop", "x")),
            ],
            &[],
        );
        assert_eq!(set.mistakes.len(), 1);
        let first = dir.path().join("a.yaml");
        assert_eq!(
            set.mistakes[0].rule,
            format!(
                "this Namespace shop is already written at {}:3:12",
                first.display()
            )
        );
    }

    #[test]
    fn namespaces_of_the_same_name_are_refused_wherever_they_live() {
        let (_dir, set) = set(
            &[
                ("a.yaml", &namespace("shop", "x")),
                ("b.yaml", &namespace("shop", "y")),
            ],
            &[],
        );
        assert_eq!(set.mistakes.len(), 1);
        assert!(
            set.mistakes[0].rule.contains("on one machine names are unique"),
            "{}",
            set.mistakes[0].rule
        );
    }

    #[test]
    fn a_broken_file_counts_only_if_it_is_ours() {
        let broken = "{{- if .Values.x }}\na: [\n";
        let (_dir, foreign) = set(&[("chart.yaml", broken)], &[]);
        assert!(foreign.mistakes.is_empty() && foreign.notices.len() == 1);
        let (_dir, ours) = set(
            &[("topic.yaml", &format!("apiVersion: weft.dev/v1alpha1\n{broken}"))],
            &[],
        );
        assert_eq!(ours.mistakes.len(), 1);
        let (_dir, known) = set(&[("topic.yaml", broken)], &["topic.yaml"]);
        assert_eq!(known.mistakes.len(), 1);
    }
}
