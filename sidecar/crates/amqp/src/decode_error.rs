//! Why bytes are not what they should be.

use crate::wire::{ELEMENTS_WITHOUT_BYTES_MAX, MAX_DEPTH};

/// Precise enough to tell the peer's author what to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a type, a length or a count says.
    #[error("the bytes end within a value")]
    Truncated,
    /// A compound's size does not agree with what its elements take.
    #[error("the elements of a compound value take more or fewer bytes than its size says")]
    WrongSize,
    /// Part 1, 1.6 knows no such format code.
    #[error("{0:#04x} is no format code")]
    UnknownFormatCode(u8),
    /// A key without a value.
    #[error("a map has an odd number of elements")]
    OddMap,
    /// A bound of ours.
    #[error("values are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A bound of ours on array elements that take no bytes of their own.
    #[error("arrays repeat more than {ELEMENTS_WITHOUT_BYTES_MAX} bytes that were sent only once")]
    TooManyElements,
    /// Strings are UTF-8; symbols, too, although the standard says ASCII.
    #[error("a string or a symbol is not UTF-8")]
    NotUtf8,
    /// Neither 0 nor 1.
    #[error("{0:#04x} is no boolean")]
    NotABoolean(u8),
    /// No Unicode scalar value.
    #[error("{0:#x} is no character")]
    NotACharacter(u32),
    /// A value without a descriptor where there must be one.
    #[error("{what} has no descriptor")]
    NotDescribed {
        /// What should have one.
        what: &'static str,
    },
    /// A descriptor that does not belong there.
    #[error("the descriptor is not that of {what}")]
    WrongDescriptor {
        /// What should be there.
        what: &'static str,
    },
    /// A mandatory field is null or left out.
    #[error("{field} is missing")]
    Missing {
        /// As in `open.container-id`.
        field: &'static str,
    },
    /// A field has another type than the standard gives it, or a value that its type does not have.
    #[error("{field} has a type or a value that it cannot have")]
    Invalid {
        /// As in `open.container-id`.
        field: &'static str,
    },
    /// Part 3, 3.2: such a section occurs once at most.
    #[error("the section {section} occurs twice")]
    RepeatedSection {
        /// Its name in the standard.
        section: &'static str,
    },
    /// Part 3, 3.2: data, sequences, or one value.
    #[error("the body has sections of different kinds")]
    MixedBody,
}
