//! What there is, for whoever looks.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Entry, Groups, Held, Stamp, Store};
use crate::checkpoints::content::{Blob, Container, Listed, Page};

/// Things that are listed at once, whatever is asked for.
const PAGE_MAX: usize = 5000;

impl Store {
    pub(in crate::checkpoints) fn entry(&self, container: &str, name: &str) -> Option<&Entry> {
        self.containers.get(container)?.blobs.get(name)
    }

    pub(in crate::checkpoints) fn blob(&self, container: &str, name: &str) -> Option<Blob> {
        Some(blob(name, self.entry(container, name)?))
    }

    pub(in crate::checkpoints) fn container(&self, name: &str) -> Container {
        let stamp = self.containers.get(name).map_or(self.unused, |held| held.stamp);
        container(name, stamp)
    }

    pub(in crate::checkpoints) fn containers(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Page<Container> {
        let found = from(&self.containers, prefix, after);
        page(found, max, |name, held| container(name, held.stamp))
    }

    pub(in crate::checkpoints) fn list(
        &self,
        container: &str,
        groups: Groups<'_>,
        after: Option<&str>,
        max: usize,
    ) -> Page<Listed> {
        let max = max.clamp(1, PAGE_MAX);
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        let Some(held) = self.containers.get(container) else {
            return page;
        };
        let mut last = after.map(str::to_owned);
        while let Some((name, entry)) = groups.first(&held.blobs, last.as_deref()) {
            if page.items.len() == max {
                page.next = last;
                break;
            }
            let group = groups.of(name);
            last = Some(String::from(group.unwrap_or(name)));
            page.items.push(match group {
                Some(group) => Listed::Group(String::from(group)),
                None => Listed::Blob(blob(name, entry)),
            });
        }
        page
    }

    /// The containers at this moment, with their versions.
    pub(in crate::checkpoints) fn used_containers(&self) -> Vec<(Arc<str>, Stamp)> {
        let stamp = |(name, held): (&Arc<str>, &Held)| (name.clone(), held.stamp);
        self.containers.iter().map(stamp).collect()
    }

    /// At most `max` blobs of the container after one.
    pub(in crate::checkpoints) fn some_blobs(
        &self,
        container: &str,
        after: Option<&str>,
        max: usize,
    ) -> Vec<(Arc<str>, Entry)> {
        let Some(held) = self.containers.get(container) else {
            return Vec::new();
        };
        let cloned = |(name, entry): (&Arc<str>, &Entry)| (name.clone(), entry.clone());
        from(&held.blobs, "", after).take(max).map(cloned).collect()
    }
}

/// What is called `prefix…`, after `after`, in the order of the names.
fn from<'m, T>(
    map: &'m BTreeMap<Arc<str>, T>,
    prefix: &'m str,
    after: Option<&'m str>,
) -> impl Iterator<Item = (&'m Arc<str>, &'m T)> {
    let begin = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    map.range::<str, _>((begin, Bound::Unbounded))
        .take_while(move |(name, _)| name.starts_with(prefix))
}

fn page<'m, T: 'm, U>(
    mut found: impl Iterator<Item = (&'m Arc<str>, &'m T)>,
    max: usize,
    show: impl Fn(&str, &T) -> U,
) -> Page<U> {
    let max = max.clamp(1, PAGE_MAX);
    let mut items = Vec::new();
    let mut last = None;
    for (name, each) in found.by_ref().take(max) {
        items.push(show(name, each));
        last = Some(name);
    }
    let next = found.next().and(last).map(|name| String::from(&**name));
    Page { items, next }
}

pub(super) fn container(name: &str, stamp: Stamp) -> Container {
    Container {
        name: String::from(name),
        etag: stamp.etag,
        last_modified: stamp.time,
    }
}

fn blob(name: &str, entry: &Entry) -> Blob {
    Blob {
        name: String::from(name),
        etag: entry.stamp.etag,
        created: entry.created,
        last_modified: entry.stamp.time,
        content: entry.content.clone(),
    }
}
