//! Every place where the log makes something durable, by name.
//!
//! A sync that is missing shows only after a power cut, so the tests take out each of these in turn and check that some
//! crash image then fails.

use std::io;
use std::path::Path;

use crate::disk::{Disk, File};
use crate::segment::scan::Trust;

/// What is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// The records of a group commit, before anybody is told.
    Commit,
    /// A segment's new header, before the first commit under it: else the former life comes back with holes in it.
    SegmentPrepared,
    /// A segment's name, before the first commit in it.
    SegmentNamed,
    /// What recovery accepted, before anybody sees it: after a mere process crash it may be in the page cache only.
    RecoveredTail,
    /// Relocated records, before the segment that they came from is recycled.
    Relocated,
    /// A table's value, before it gets its name.
    TableValue,
    /// A table's name, before the caller is told.
    TableNamed,
}

/// Performs the syncs. Outside of tests this is nothing but the calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durability {
    #[cfg(test)]
    pub(crate) without: Option<Site>,
    #[cfg(test)]
    pub(crate) trust: Trust,
}

impl Durability {
    pub(crate) fn file(self, site: Site, file: &dyn File) -> io::Result<()> {
        if self.leaves_out(site) {
            Ok(())
        } else {
            file.sync_data()
        }
    }

    pub(crate) fn dir(self, site: Site, disk: &dyn Disk, path: &Path) -> io::Result<()> {
        if self.leaves_out(site) {
            Ok(())
        } else {
            disk.sync_dir(path)
        }
    }

    #[cfg(test)]
    fn leaves_out(self, site: Site) -> bool {
        self.without == Some(site)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the tests' variant uses it")]
    fn leaves_out(self, _site: Site) -> bool {
        false
    }

    #[cfg(test)]
    pub(crate) fn trust(self) -> Trust {
        self.trust
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the tests' variant uses it")]
    pub(crate) fn trust(self) -> Trust {
        Trust::ThisLife
    }
}
