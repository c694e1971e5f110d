//! The bytes of a segment, read piece by piece.

use std::io;

use crate::disk::File;

/// Bytes of a segment, wherever they are.
pub(crate) trait Source {
    /// `length` bytes from `offset` on; `None` when they reach beyond the end.
    fn bytes(&mut self, offset: usize, length: usize) -> io::Result<Option<&[u8]>>;

    /// Where the end is.
    fn end(&self) -> usize;
}

/// A segment in memory.
impl Source for &[u8] {
    fn bytes(&mut self, offset: usize, length: usize) -> io::Result<Option<&[u8]>> {
        Ok(self.get(offset..).and_then(|rest| rest.get(..length)))
    }

    fn end(&self) -> usize {
        self.len()
    }
}

/// What is read at once, and kept: a start must not need as much memory as a segment is long. A longer record is held as
/// a whole.
pub(crate) const PIECE: usize = 1 << 20;

/// A file through a window that slides over it.
pub(crate) struct Window<'f> {
    file: &'f dyn File,
    end: usize,
    /// Where the buffer's first byte lies in the file.
    start: usize,
    buffer: Vec<u8>,
}

impl<'f> Window<'f> {
    /// The first `end` bytes of `file`, which has that many.
    pub(crate) fn new(file: &'f dyn File, end: usize) -> Self {
        Self {
            file,
            end,
            start: 0,
            buffer: Vec::new(),
        }
    }

    fn slide_to(&mut self, offset: usize, length: usize) -> io::Result<()> {
        let length = length.max(PIECE).min(self.end - offset);
        // Whatever happens, what the buffer holds is not what it held.
        self.start = offset;
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(length, 0);
        self.file.read_at(&mut buffer, offset as u64)?;
        self.buffer = buffer;
        Ok(())
    }
}

impl Source for Window<'_> {
    fn bytes(&mut self, offset: usize, length: usize) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(length).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        if offset < self.start || offset + length > self.start + self.buffer.len() {
            self.slide_to(offset, length)?;
        }
        let from = offset - self.start;
        Ok(Some(&self.buffer[from..from + length]))
    }

    fn end(&self) -> usize {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::Disk;
    use crate::shadow::ShadowDisk;

    #[test]
    fn a_window_shows_what_the_file_holds_wherever_it_is_asked() {
        let content: Vec<u8> = (0..3 * PIECE + 77).map(|at| (at / 251 + at) as u8).collect();
        let disk = ShadowDisk::default();
        let file = disk.create(Path::new("f")).unwrap();
        file.write_at(&content, 0).unwrap();
        let mut window = Window::new(&*file, content.len());
        let mut whole = content.as_slice();
        for (offset, length) in [
            (0, 0),
            (0, 64),
            (PIECE - 3, 64),
            (100, 2 * PIECE),
            (2 * PIECE, PIECE + 77),
            (content.len() - 1, 1),
            (content.len(), 0),
            (5, 5),
            // Beyond the end.
            (content.len(), 1),
            (2 * PIECE, PIECE + 78),
            (usize::MAX, 2),
        ] {
            let expected = whole.bytes(offset, length).unwrap().map(<[u8]>::to_vec);
            let seen = window.bytes(offset, length).unwrap().map(<[u8]>::to_vec);
            assert!(seen == expected, "{length} bytes at {offset}");
        }
        assert!(window.buffer.capacity() <= 2 * PIECE);
    }
}
