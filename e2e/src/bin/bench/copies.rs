//! The same bytes many times over, in which only numbers differ: what a loader sends, without building or copying it anew.

/// Copies side by side, so that one write can take any number of them.
#[derive(Debug)]
pub(crate) struct Copies {
    bytes: Vec<u8>,
    length: usize,
    /// Where in each copy its number stands, in four bytes.
    places: Vec<usize>,
}

impl Copies {
    pub(crate) fn new(one: &[u8], places: &[usize], count: usize) -> Self {
        Self {
            bytes: one.repeat(count),
            length: one.len(),
            places: places.to_vec(),
        }
    }

    /// So many copies with the numbers from `first`.
    pub(crate) fn numbered(&mut self, first: u32, count: usize) -> &[u8] {
        let wanted = &mut self.bytes[..count * self.length];
        for (copy, number) in wanted.chunks_exact_mut(self.length).zip(first..) {
            for place in &self.places {
                copy[*place..*place + 4].copy_from_slice(&number.to_be_bytes());
            }
        }
        wanted
    }
}
