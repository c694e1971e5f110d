//! Keys of filters, and finding their values in an event.

use model::json;

/// What a filter looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A context attribute or extension, lower case.
    Attribute(String),
    /// `data` itself (no steps) or a member below it.
    Data(Vec<String>),
}

impl Key {
    pub(super) fn parse(text: &str) -> Self {
        if text.eq_ignore_ascii_case("data") {
            return Self::Data(Vec::new());
        }
        if let Some((head, path)) = text.split_once('.')
            && head.eq_ignore_ascii_case("data")
        {
            return Self::Data(path.split('.').map(String::from).collect());
        }
        let name = text.to_lowercase();
        Self::Attribute(match name.as_str() {
            "eventid" => String::from("id"),
            "eventtype" => String::from("type"),
            _ => name,
        })
    }

    pub(super) fn is_attribute(&self) -> bool {
        matches!(self, Self::Attribute(_))
    }
}

/// All keys of a topic's filters. `data` is entered only if a filter looks into it.
#[derive(Debug, Default)]
pub(super) struct Keys {
    count: usize,
    attributes: Vec<(String, usize)>,
    data: Option<Node>,
}

/// A step of `data` paths; paths share their beginnings, so that every object is walked once.
#[derive(Debug, Default)]
struct Node {
    position: Option<usize>,
    children: Vec<(String, Self)>,
}

impl Keys {
    /// Values of `key` will be found at `position`, which is the number of keys added before.
    pub(super) fn add(&mut self, key: &Key, position: usize) {
        self.count += 1;
        match key {
            Key::Attribute(name) => self.attributes.push((name.clone(), position)),
            Key::Data(path) => self.data.get_or_insert_default().add(path, position),
        }
    }

    /// The raw value of every key, by position. Of duplicate members the first counts.
    pub(super) fn extract<'e>(&self, event: &'e [u8]) -> Vec<Option<&'e [u8]>> {
        let mut values = vec![None; self.count];
        let mut data = self.data.as_ref();
        let mut missing = self.attributes.len() + usize::from(data.is_some());
        for (name, value) in json::members(event) {
            if missing == 0 {
                break;
            }
            let attribute = self.attributes.iter().find(|(attribute, _)| *attribute == *name);
            if let Some((_, position)) = attribute {
                if values[*position].is_none() {
                    values[*position] = Some(value);
                    missing -= 1;
                }
            } else if let Some(node) = data.take_if(|_| name == "data") {
                node.extract(value, &mut values);
                missing -= 1;
            }
        }
        values
    }
}

impl Node {
    fn add(&mut self, path: &[String], position: usize) {
        let Some((step, rest)) = path.split_first() else {
            self.position = Some(position);
            return;
        };
        let child = match self.children.iter().position(|(name, _)| name == step) {
            Some(known) => known,
            None => {
                self.children.push((step.clone(), Self::default()));
                self.children.len() - 1
            }
        };
        self.children[child].1.add(rest, position);
    }

    /// Recursion is as deep as the longest configured path, whatever the event looks like. Of duplicate members
    /// the first counts.
    fn extract<'e>(&self, value: &'e [u8], values: &mut [Option<&'e [u8]>]) {
        if let Some(position) = self.position {
            values[position] = Some(value);
        }
        let mut missing = self.children.len();
        if missing == 0 {
            return;
        }
        let mut seen = vec![false; missing];
        for (name, value) in json::members(value) {
            let child = self.children.iter().position(|(step, _)| *step == *name);
            let Some(child) = child.filter(|child| !seen[*child]) else {
                continue;
            };
            seen[child] = true;
            self.children[child].1.extract(value, values);
            missing -= 1;
            if missing == 0 {
                return;
            }
        }
    }
}
