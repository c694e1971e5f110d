//! Who may do what: named rules with rights and two live keys each.

use std::fmt;

/// All authorization rules of a Namespace, and whether they count.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub rules: Vec<Rule>,
    /// Whether keys and what they sign are refused, so that only bearer tokens open doors (`disableLocalAuth`).
    pub local_auth_disabled: bool,
}

/// An authorization rule: whoever shows one of its two keys has its rights.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    pub rights: Rights,
    pub primary: Secret,
    pub secondary: Secret,
}

/// What a rule allows. `manage` implies the other two, as in Azure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    pub send: bool,
    pub listen: bool,
    pub manage: bool,
}

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Send,
    Listen,
    Manage,
}

impl Rights {
    /// Every right.
    pub const ALL: Self = Self {
        send: true,
        listen: true,
        manage: true,
    };

    pub(crate) const fn to_bits(self) -> u8 {
        self.send as u8 | (self.listen as u8) << 1 | (self.manage as u8) << 2
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self {
            send: bits & 1 != 0,
            listen: bits & 2 != 0,
            manage: bits & 4 != 0,
        }
    }

    /// Whether `right` is among these.
    pub const fn allow(self, right: Right) -> bool {
        match right {
            Right::Send => self.send || self.manage,
            Right::Listen => self.listen || self.manage,
            Right::Manage => self.manage,
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "Send",
            Self::Listen => "Listen",
            Self::Manage => "Manage",
        })
    }
}

/// A key. It never prints: `Debug` shows three stars whatever it holds, its length included.
/// An empty secret matches nothing.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for comparing and for files of mode 0600, never for logs or answers.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let rule = Rule {
            name: "sender".into(),
            rights: Rights::default(),
            primary: Secret::new("cHJpbWFyeQ=="),
            secondary: Secret::default(),
        };
        let shown = format!(
            "{:?} {:#?}",
            rule,
            Keys {
                rules: vec![rule.clone()],
                ..Keys::default()
            }
        );
        assert!(!shown.contains("cHJ"), "{shown}");
        assert!(shown.contains("primary: ***"), "{shown}");
    }

    #[test]
    fn manage_implies_send_and_listen() {
        let manage = Rights {
            manage: true,
            ..Rights::default()
        };
        assert!(manage.allow(Right::Send) && manage.allow(Right::Listen) && manage.allow(Right::Manage));
        let send = Rights {
            send: true,
            ..Rights::default()
        };
        assert!(send.allow(Right::Send) && !send.allow(Right::Listen) && !send.allow(Right::Manage));
    }
}
