//! Labels on objects that are not ours.

/// On a Secret that a resource of ours refers to, with the value [`TRUE`]: its owner offers it to Weft.
pub const USABLE: &str = "weft.dev/usable";
/// The value that says yes.
pub const TRUE: &str = "true";
