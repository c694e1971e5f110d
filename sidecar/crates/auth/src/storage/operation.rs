//! What a request does, as far as a SAS limits it.

use super::{Request, Target};
use crate::Right;

/// What a SAS must have for a request ("Create an account SAS", "Create a service SAS": permissions by operation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// One of these letters must be in `sp`.
    pub(super) permissions: &'static [char],
    /// This letter must be in `srt` of an account SAS: service, container or object.
    pub(super) level: char,
    /// Whether a service SAS can allow it.
    pub(super) is_in_container: bool,
    /// The right that the door asks for it.
    pub(super) right: Right,
    /// The words for what is missing.
    pub(super) needs: &'static str,
}

impl Operation {
    /// Nothing if no SAS allows it.
    pub(super) fn of(request: &Request<'_>, target: &Target<'_>) -> Option<Self> {
        let comp = parameter(request, "comp");
        let level = match (target.container, target.blob) {
            (None, _) => 's',
            (Some(_), None) => 'c',
            (Some(_), Some(_)) => 'o',
        };
        let (permissions, right, needs): (&'static [char], _, _) = match (request.method, level, comp) {
            ("GET" | "HEAD", 's' | 'c', Some("list")) => (&['l'], Right::Listen, "`l` (list) in `sp`"),
            ("GET" | "HEAD", 'c' | 'o', None | Some("metadata")) => {
                (&['r'], Right::Listen, "`r` (read) in `sp`")
            }
            ("PUT", 'c', None) => (&['c', 'w'], Right::Send, "`c` (create) or `w` (write) in `sp`"),
            // Who may create but not write may not replace.
            ("PUT", 'o', None) if request.header("if-none-match") == Some("*") => {
                (&['c', 'w'], Right::Send, "`c` (create) or `w` (write) in `sp`")
            }
            ("PUT", 'c' | 'o', _) => (&['w'], Right::Send, "`w` (write) in `sp`"),
            ("DELETE", 'c', None) => (&['d'], Right::Manage, "`d` (delete) in `sp`"),
            ("DELETE", 'o', None) => (&['d'], Right::Send, "`d` (delete) in `sp`"),
            _ => return None,
        };
        Some(Self {
            permissions,
            level,
            is_in_container: level == 'o' || (level == 'c' && comp == Some("list")),
            right,
            needs,
        })
    }
}

/// The first parameter of that name, as it was received: those that are asked for here have no escapes.
fn parameter<'a>(request: &Request<'a>, wanted: &str) -> Option<&'a str> {
    let mut parameters = request.query?.split('&').filter_map(|part| part.split_once('='));
    parameters
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}
