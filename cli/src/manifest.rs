//! Manifests: files with YAML or JSON documents, read so that every value remembers where it was written.

mod discovery;
mod document;
mod mistake;
mod set;
mod spans;

pub(crate) use discovery::Discovery;
pub(crate) use document::Object;
pub(crate) use mistake::{Mistake, Place};
pub(crate) use set::Set;

/// Objects as a test writes them.
#[cfg(test)]
pub(crate) fn objects_of(text: &str) -> Vec<Object> {
    let documents = document::read(mistake::Source {
        path: "test.yaml".into(),
        text: text.to_owned(),
    });
    assert!(documents.mistakes.is_empty(), "{:?}", documents.mistakes);
    documents.objects
}
