//! Accepted deliveries whose dispositions are still to be written.

/// Ranges of delivery-ids, both ends included. As long as there are unsettled deliveries at most.
#[derive(Debug, Default)]
pub(super) struct Settlements(Vec<(u32, u32)>);

/// A burst that needed more ranges than this gives its memory back.
const KEPT: usize = 16;

impl Settlements {
    pub(super) fn add(&mut self, id: u32) {
        match self.0.last_mut() {
            Some((_, last)) if follows(*last, id) => *last = id,
            _ => self.0.push((id, id)),
        }
    }

    /// Calls back with as few ranges as there can be.
    pub(super) fn drain(&mut self, mut write: impl FnMut(u32, u32)) {
        if self.0.len() > 1 {
            // Commits of several partitions end in any order. Ids are serial numbers: they are compared by their distance.
            let base = self.0[0].0;
            self.0
                .sort_unstable_by_key(|(first, _)| first.wrapping_sub(base).cast_signed());
        }
        let mut ranges = self.0.drain(..);
        let Some(mut range) = ranges.next() else {
            return;
        };
        for next in ranges {
            if follows(range.1, next.0) {
                range.1 = next.1;
            } else {
                write(range.0, range.1);
                range = next;
            }
        }
        write(range.0, range.1);
        self.0.shrink_to(KEPT);
    }
}

/// A range does not go around the end of the ids: there are clients that count from first to last.
fn follows(last: u32, id: u32) -> bool {
    id != 0 && id.wrapping_sub(1) == last
}
