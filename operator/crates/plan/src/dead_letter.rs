//! Where dead letters may go.

use std::collections::{HashMap, HashSet};

/// Which topic's dead letters go to which other topics; never in a circle. Topics are known by an index.
#[derive(Default)]
pub(crate) struct DeadLetterPaths {
    known: HashSet<(usize, usize)>,
    targets: HashMap<usize, Vec<usize>>,
    sources: HashMap<usize, Vec<usize>>,
}

impl DeadLetterPaths {
    /// Adds a path, unless dead letters could then come back to a topic that they have passed.
    pub(crate) fn add(&mut self, from: usize, to: usize) -> Result<(), Cycle> {
        if self.known.contains(&(from, to)) {
            return Ok(());
        }
        if self.leads(to, from) {
            return Err(Cycle);
        }
        self.known.insert((from, to));
        self.targets.entry(from).or_default().push(to);
        self.sources.entry(to).or_default().push(from);
        Ok(())
    }

    /// Searches from both ends, a step each in turn, and ends with the shorter search: the whole length of a chain is
    /// not walked again for each path that makes it longer.
    fn leads(&self, from: usize, to: usize) -> bool {
        let mut forwards = Search::new(from, &self.targets);
        let mut backwards = Search::new(to, &self.sources);
        loop {
            for (search, wanted) in [(&mut forwards, to), (&mut backwards, from)] {
                match search.step() {
                    None => return false,
                    Some(topic) if topic == wanted => return true,
                    Some(_) => {}
                }
            }
        }
    }
}

/// Visits everything that can be reached, each once.
struct Search<'a> {
    next: &'a HashMap<usize, Vec<usize>>,
    seen: HashSet<usize>,
    open: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(start: usize, next: &'a HashMap<usize, Vec<usize>>) -> Self {
        Self {
            next,
            seen: HashSet::from([start]),
            open: vec![start],
        }
    }

    fn step(&mut self) -> Option<usize> {
        let topic = self.open.pop()?;
        let next = self.next.get(&topic).into_iter().flatten();
        self.open
            .extend(next.copied().filter(|next| self.seen.insert(*next)));
        Some(topic)
    }
}

/// The path would close a circle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cycle;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// Whether a path leads from a topic to another one, by trying every way.
    fn leads(paths: &[(usize, usize)], from: usize, to: usize) -> bool {
        let mut reached = vec![from];
        let mut at = 0;
        while at < reached.len() {
            let here = reached[at];
            at += 1;
            let next = paths.iter().filter(|(source, _)| *source == here);
            reached.extend(
                next.map(|(_, target)| *target)
                    .filter(|next| !reached.contains(next))
                    .collect::<Vec<_>>(),
            );
        }
        reached.contains(&to)
    }

    proptest! {
        #[test]
        fn a_path_is_refused_if_and_only_if_it_closes_a_circle(wanted in prop::collection::vec((0usize..8, 0usize..8), 0..40)) {
            let (mut paths, mut added) = (DeadLetterPaths::default(), Vec::new());
            for (from, to) in wanted {
                let closes = leads(&added, to, from);
                prop_assert_eq!(paths.add(from, to).is_err(), closes);
                if !closes {
                    added.push((from, to));
                }
            }
        }
    }
}
