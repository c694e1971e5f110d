//! A set of sequence numbers, mostly consecutive, that grows at its end and shrinks at its front.

use std::collections::VecDeque;
use std::ops::Range;

use super::varint::{Malformed, Reader, Writer};

/// Ascending sequence numbers as runs; 8 bytes per run however long it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    /// Where the gap of the first run begins.
    start: u64,
    /// The number after the last run.
    end: u64,
    runs: VecDeque<Run>,
    len: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Numbers left out before the run.
    gap: u32,
    length: u32,
}

impl Runs {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a number greater than all others; others are ignored.
    pub(crate) fn push(&mut self, number: u64) {
        if self.runs.is_empty() {
            (self.start, self.end) = (number, number);
        }
        if number < self.end {
            return;
        }
        let mut gap = number - self.end;
        self.len += 1;
        self.end = number + 1;
        if gap == 0
            && let Some(last) = self.runs.back_mut()
            && last.length < u32::MAX
        {
            last.length += 1;
            return;
        }
        while gap > u64::from(u32::MAX) {
            self.runs.push_back(Run {
                gap: u32::MAX,
                length: 0,
            });
            gap -= u64::from(u32::MAX);
        }
        self.runs.push_back(Run {
            gap: gap as u32,
            length: 1,
        });
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.ranges().next().map(|range| range.start)
    }

    pub(crate) fn pop_first(&mut self) -> Option<u64> {
        let range = self.pop_range_below(u64::MAX, 1)?;
        Some(range.start)
    }

    /// Takes numbers off the front as one range: at most `count`, all below `limit`.
    pub(crate) fn pop_range_below(&mut self, limit: u64, count: u64) -> Option<Range<u64>> {
        while let Some(run) = self.runs.front_mut() {
            let first = self.start + u64::from(run.gap);
            if run.length == 0 {
                self.start = first;
                self.runs.pop_front();
                continue;
            }
            let taken = count.min(limit.saturating_sub(first)).min(u64::from(run.length));
            if taken == 0 {
                return None;
            }
            self.start = first + taken;
            run.gap = 0;
            run.length -= taken as u32;
            if run.length == 0 {
                self.runs.pop_front();
                self.shrink();
            }
            self.len -= taken;
            return Some(first..first + taken);
        }
        None
    }

    /// Takes one number out, wherever it is.
    pub(crate) fn remove(&mut self, number: u64) -> bool {
        if self.first() == Some(number) {
            return self.pop_first().is_some();
        }
        if !self.contains(number) {
            return false;
        }
        self.cut(number..number + 1);
        true
    }

    /// Takes out the first `count` of the numbers from `limit` on.
    pub(crate) fn take_from(&mut self, limit: u64, count: usize) -> Vec<u64> {
        if self.first().is_none_or(|first| first >= limit) {
            return std::iter::from_fn(|| self.pop_first()).take(count).collect();
        }
        let ranges = self.ranges().filter(|range| range.end > limit);
        let numbers = ranges.flat_map(|range| range.start.max(limit)..range.end);
        let taken: Vec<u64> = numbers.take(count).collect();
        if let (Some(first), Some(last)) = (taken.first(), taken.last()) {
            self.cut(*first..last + 1);
        }
        taken
    }

    /// Forgets a range. Looks at every run, which is fine for what is rare: little is taken out of the middle.
    fn cut(&mut self, range: Range<u64>) {
        let runs = std::mem::take(self);
        for kept in runs.ranges() {
            self.push_range(kept.start..range.start.clamp(kept.start, kept.end));
            self.push_range(range.end.clamp(kept.start, kept.end)..kept.end);
        }
    }

    /// The first number that is not less than `limit`.
    pub(crate) fn first_from(&self, limit: u64) -> Option<u64> {
        let mut ranges = self.ranges().filter(|range| range.end > limit);
        ranges.next().map(|range| range.start.max(limit))
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.ranges()
            .take_while(|range| range.start <= number)
            .any(|range| range.contains(&number))
    }

    /// Adds numbers that are all greater than those in the set.
    pub(crate) fn push_range(&mut self, mut range: Range<u64>) {
        while let Some(number) = range.next() {
            self.push(number);
            let Some(last) = self.runs.back_mut() else { return };
            let more = (range.end - range.start).min(u64::from(u32::MAX - last.length));
            last.length += more as u32;
            self.end += more;
            self.len += more;
            range.start += more;
        }
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = self.start;
        let ranges = self.runs.iter().map(move |run| {
            let first = at + u64::from(run.gap);
            at = first + u64::from(run.length);
            first..at
        });
        ranges.filter(|range| !range.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges().flatten()
    }

    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        let ranges: Vec<Range<u64>> = self.ranges().collect();
        writer.number(ranges.len() as u64);
        let mut at = 0;
        for range in ranges {
            writer.number(range.start - at);
            writer.number(range.end - range.start);
            at = range.end;
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut runs = Self::default();
        let mut at = 0_u64;
        for _ in 0..reader.count()? {
            let start = at.checked_add(reader.number()?).ok_or(Malformed)?;
            at = start.checked_add(reader.number()?).ok_or(Malformed)?;
            if at == u64::MAX || at - start > LONGEST_RANGE {
                return Err(Malformed);
            }
            runs.push_range(start..at);
        }
        Ok(runs)
    }

    /// Gives memory back once a backlog is worked off.
    fn shrink(&mut self) {
        if self.runs.len() * 4 < self.runs.capacity() && self.runs.capacity() > 16 {
            self.runs.shrink_to(self.runs.len() * 2);
        }
        if self.runs.is_empty() {
            self.runs = VecDeque::new();
        }
    }
}

/// Longer ranges than this are damage: a stream has no 2^40 live events.
const LONGEST_RANGE: u64 = 1 << 40;

impl FromIterator<u64> for Runs {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut runs = Self::default();
        for number in numbers {
            runs.push(number);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_costs_eight_bytes() {
        assert_eq!(size_of::<Run>(), 8);
    }

    #[test]
    fn gaps_wider_than_32_bits_are_kept() {
        let mut runs: Runs = [1, 1 << 40, (1 << 40) + 1].into_iter().collect();
        assert_eq!(runs.iter().collect::<Vec<_>>(), [1, 1 << 40, (1 << 40) + 1]);
        assert_eq!([runs.pop_first(), runs.pop_first()], [Some(1), Some(1 << 40)]);
        assert_eq!(runs.first(), Some((1 << 40) + 1));
    }

    #[test]
    fn an_emptied_set_holds_no_memory() {
        let mut runs: Runs = (0..1000).map(|number| number * 2).collect();
        while runs.pop_first().is_some() {}
        assert_eq!(runs.heap_bytes(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Pop,
        PopBelow(u64, u64),
        Remove(usize),
        TakeFrom(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..4_u64).prop_map(Step::Push),
            2 => Just(Step::Pop),
            1 => (0..40_u64, 1..5_u64).prop_map(|(limit, count)| Step::PopBelow(limit, count)),
            1 => (0..20_usize).prop_map(Step::Remove),
            1 => (0..40_u64, 0..5_usize).prop_map(|(limit, count)| Step::TakeFrom(limit, count)),
        ]
    }

    proptest! {
        #[test]
        fn runs_behave_like_an_ordered_set(steps in prop::collection::vec(step(), 0..80)) {
            let (mut runs, mut set, mut next) = (Runs::default(), BTreeSet::new(), 0);
            for step in steps {
                match step {
                    Step::Push(gap) => {
                        next += gap;
                        runs.push(next);
                        set.insert(next);
                    }
                    Step::Pop => prop_assert_eq!(runs.pop_first(), set.pop_first()),
                    Step::PopBelow(limit, count) => {
                        for number in runs.pop_range_below(limit, count).into_iter().flatten() {
                            prop_assert!(number < limit);
                            prop_assert_eq!(Some(number), set.pop_first());
                        }
                    }
                    Step::Remove(nth) => {
                        let number = set.iter().nth(nth).copied().unwrap_or(0);
                        prop_assert_eq!(runs.remove(number), set.remove(&number));
                    }
                    Step::TakeFrom(limit, count) => {
                        prop_assert_eq!(runs.first_from(limit), set.range(limit..).next().copied());
                        let expected: Vec<u64> = set.range(limit..).copied().take(count).collect();
                        prop_assert_eq!(&runs.take_from(limit, count), &expected);
                        set.retain(|number| !expected.contains(number));
                    }
                }
                prop_assert_eq!(runs.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(runs.len(), set.len() as u64);
                let mut writer = Writer::default();
                runs.encode(&mut writer);
                let decoded = Runs::decode(&mut Reader::new(&writer.finish())).unwrap();
                prop_assert_eq!(decoded.iter().collect::<Vec<_>>(), runs.iter().collect::<Vec<_>>());
            }
        }
    }
}
