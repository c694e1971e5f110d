//! Names that share a beginning and are listed as one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// All names that begin with `prefix`; those that have `delimiter` behind it are in the group that ends with the first one.
#[derive(Clone, Copy, Debug)]
pub(in crate::checkpoints) struct Groups<'a> {
    pub(in crate::checkpoints) prefix: &'a str,
    pub(in crate::checkpoints) delimiter: &'a str,
}

impl Groups<'_> {
    /// The name of the group that `name`, which begins with the prefix, is in.
    pub(super) fn of<'n>(&self, name: &'n str) -> Option<&'n str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let at = name.get(self.prefix.len()..)?.find(self.delimiter)?;
        name.get(..self.prefix.len() + at + self.delimiter.len())
    }

    /// The first name that begins with the prefix and comes after `after`. If that is a group, all of it is left out,
    /// without looking at it.
    pub(super) fn first<'m, T>(
        &self,
        map: &'m BTreeMap<Arc<str>, T>,
        after: Option<&str>,
    ) -> Option<(&'m Arc<str>, &'m T)> {
        let is_group = |name: &str| name.starts_with(self.prefix) && self.of(name) == Some(name);
        let behind;
        let begin = match after {
            Some(group) if is_group(group) => {
                behind = behind_all(group)?;
                Bound::Included(behind.as_str())
            }
            Some(name) if name >= self.prefix => Bound::Excluded(name),
            _ => Bound::Included(self.prefix),
        };
        let first = map.range::<str, _>((begin, Bound::Unbounded)).next();
        first.filter(|(name, _)| name.starts_with(self.prefix))
    }
}

/// The least text that comes after all that begin with `prefix`. None: nothing does.
fn behind_all(prefix: &str) -> Option<String> {
    let mut text = String::from(prefix);
    while let Some(last) = text.pop() {
        // There is nothing between U+D7FF and U+E000.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_all_names_that_share_a_beginning_comes_the_next_character() {
        assert_eq!(behind_all("a/").as_deref(), Some("a0"));
        assert_eq!(behind_all("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind_all("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind_all("\u{10ffff}"), None);
        assert_eq!(behind_all(""), None);
    }
}
