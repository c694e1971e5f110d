//! How the objects are called.
//!
//! ```text
//! PREFIX/claim/NUMBER              00000003
//! PREFIX/page-07/TERM-GENERATION   00000003-000000000000002a
//! ```
//! Numbers have leading zeros, so that the order of the names is that of the numbers. No object is ever
//! written twice. Claims are counted one by one, whatever incarnations they are of: whether there is a later
//! one takes a look at a single name. The term of a claim is above that of every claim and page before it. It is not the
//! incarnation, which is lower than before when the place goes over to other data, and it is not the number, which begins
//! anew where claims were deleted.

use checkpoint::PAGES;
use object_store::path::Path;

const CLAIM: &str = "claim";
const PAGE: &str = "page-";

/// Which version of a page it is. A later one, of whatever log and whosever data, is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation {
    /// Of the claim that it was saved under.
    pub(super) term: u64,
    pub(super) number: u64,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Claim(u64),
    Page(usize, Generation),
}

impl Generation {
    pub(super) const fn first(term: u64) -> Self {
        Self { term, number: 0 }
    }

    pub(super) const fn next(self) -> Self {
        Self {
            number: self.number + 1,
            ..self
        }
    }
}

/// The folder with all claims.
pub(super) fn claim_folder(prefix: &Path) -> Path {
    prefix.clone().join(CLAIM)
}

/// The object with the claim of this number.
pub(super) fn claim(prefix: &Path, number: u64) -> Path {
    claim_folder(prefix).join(format!("{number:08}"))
}

/// The folder with the versions of a page.
pub(super) fn page_folder(prefix: &Path, page: usize) -> Path {
    prefix.clone().join(format!("{PAGE}{page:02}"))
}

pub(super) fn page(prefix: &Path, page: usize, generation: Generation) -> Path {
    let Generation { term, number } = generation;
    page_folder(prefix, page).join(format!("{term:08}-{number:016x}"))
}

/// What the object at `path` is; `None` if it is none of ours.
pub(super) fn parse(prefix: &Path, path: &Path) -> Option<Name> {
    let mut parts = path.prefix_match(prefix)?;
    let (folder, object) = (parts.next()?, parts.next()?);
    let (folder, object) = (folder.as_ref(), object.as_ref());
    if parts.next().is_some() {
        return None;
    }
    if folder == CLAIM {
        return object.parse().ok().map(Name::Claim);
    }
    let page = folder
        .strip_prefix(PAGE)?
        .parse()
        .ok()
        .filter(|page| *page < PAGES)?;
    let (term, number) = object.split_once('-')?;
    let generation = Generation {
        term: term.parse().ok()?,
        number: u64::from_str_radix(number, 16).ok()?,
    };
    Some(Name::Page(page, generation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sort_as_their_numbers() {
        let prefix = Path::from("weft/team/shop");
        let generation = Generation { term: 3, number: 255 };
        let path = page(&prefix, 7, generation);
        assert_eq!(path.as_ref(), "weft/team/shop/page-07/00000003-00000000000000ff");
        assert_eq!(parse(&prefix, &path), Some(Name::Page(7, generation)));
        assert!(path < page(&prefix, 7, generation.next()));
        assert!(page(&prefix, 7, generation.next()) < page(&prefix, 7, Generation::first(10)));
        assert_eq!(parse(&prefix, &claim(&prefix, 12)), Some(Name::Claim(12)));
    }

    #[test]
    fn what_others_put_there_is_no_object_of_ours() {
        let prefix = Path::from("weft");
        for path in [
            "other/claim/00000001",
            "weft/claim",
            "weft/claim/x",
            "weft/claim/00000001/x",
            "weft/page-16/00000000-0000000000000000",
            "weft/page-1x/00000000-0000000000000000",
            "weft/page-01/00000000",
            "weft/page-01/00000000-zz",
            "weft/readme.txt",
        ] {
            assert_eq!(parse(&prefix, &Path::from(path)), None, "{path}");
        }
    }
}
