//! Where dead letters may go.

use std::collections::{BTreeMap, BTreeSet};

/// Which topic's dead letters go to which other topics; never in a circle. Topics are known by an index.
#[derive(Default)]
pub(crate) struct DeadLetterPaths {
    targets: BTreeMap<usize, BTreeSet<usize>>,
}

impl DeadLetterPaths {
    /// Adds a path, unless dead letters could then come back to a topic that they have passed.
    pub(crate) fn add(&mut self, from: usize, to: usize) -> Result<(), Cycle> {
        let known = self
            .targets
            .get(&from)
            .is_some_and(|targets| targets.contains(&to));
        if !known {
            if self.leads(to, from) {
                return Err(Cycle);
            }
            self.targets.entry(from).or_default().insert(to);
        }
        Ok(())
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(topic) = open.pop() {
            if topic == to {
                return true;
            }
            open.extend(
                self.targets
                    .get(&topic)
                    .into_iter()
                    .flatten()
                    .filter(|next| seen.insert(**next)),
            );
        }
        false
    }
}

/// The path would close a circle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cycle;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_closes_a_circle_is_refused_and_changes_nothing() {
        let mut paths = DeadLetterPaths::default();
        assert_eq!(paths.add(1, 1), Err(Cycle));
        assert_eq!(paths.add(1, 2), Ok(()));
        assert_eq!(paths.add(2, 3), Ok(()));
        assert_eq!(paths.add(3, 1), Err(Cycle));
        assert_eq!(paths.add(1, 3), Ok(()));
        assert_eq!(paths.add(3, 4), Ok(()));
        assert_eq!(paths.add(1, 2), Ok(()));
    }
}
