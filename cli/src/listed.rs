//! Lists as the service answers them, each item exactly as it came: a number keeps its digits.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::Event;

/// `{"value": [ … ]}`
#[derive(Debug, Deserialize)]
pub(crate) struct List {
    pub(crate) value: Vec<Item>,
}

/// One JSON document of the service.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Item(Box<RawValue>);

impl Item {
    /// The document on one line. Outside of strings a line break is just space, and inside it is always escaped.
    pub(crate) fn line(&self) -> String {
        self.0.get().replace(['\n', '\r'], " ")
    }

    /// The CloudEvent in it.
    pub(crate) fn event(&self) -> Event {
        #[derive(Deserialize)]
        struct Holder {
            event: Event,
        }
        serde_json::from_str(self.0.get())
            .map(|holder: Holder| holder.event)
            .unwrap_or_default()
    }

    /// The document's fields, to be looked at.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl From<Box<RawValue>> for Item {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_stays_as_it_came_but_for_its_line_breaks() {
        let list: List = serde_json::from_str("{\"value\":[{\"b\":1.10,\n\"a\":\"x\\ny\"}]}").unwrap();
        assert_eq!(list.value[0].line(), "{\"b\":1.10, \"a\":\"x\\ny\"}");
        assert_eq!(list.value[0].value()["a"], "x\ny");
    }
}
