//! An event's attributes as a filter or a person reads them.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Event;
use super::attribute::Attribute;
use crate::json::unescape;

/// The attributes of an [`Event`]. Strings are unescaped, data is left as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventView<'a> {
    pub id: Cow<'a, str>,
    pub source: Cow<'a, str>,
    pub type_: Cow<'a, str>,
    pub subject: Option<Cow<'a, str>>,
    /// RFC 3339 in UTC with `Z`.
    pub time: Option<Cow<'a, str>>,
    pub dataschema: Option<Cow<'a, str>>,
    pub datacontenttype: Option<Cow<'a, str>>,
    /// In the order of the event.
    pub extensions: SmallVec<[(Cow<'a, str>, Value<'a>); 2]>,
    /// The JSON text of `data`; [`json::members`](crate::json::members) finds the way into it.
    pub data: Option<&'a str>,
    /// Never together with `data`.
    pub data_base64: Option<Cow<'a, str>>,
}

/// The value of an extension attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    String(Cow<'a, str>),
    Boolean(bool),
    Integer(i64),
}

impl<'a> EventView<'a> {
    /// The attributes of `event`. Cheap: the event knows where they are.
    pub fn parse(event: &'a Event) -> Self {
        let json = event.text();
        let string = |attribute| event.outline.get(attribute, json).map(unescape);
        Self {
            id: string(Attribute::Id).unwrap_or_default(),
            source: string(Attribute::Source).unwrap_or_default(),
            type_: string(Attribute::Type).unwrap_or_default(),
            subject: string(Attribute::Subject),
            time: string(Attribute::Time),
            dataschema: string(Attribute::DataSchema),
            datacontenttype: string(Attribute::DataContentType),
            extensions: extensions(event, json),
            data: event.outline.get(Attribute::Data, json),
            data_base64: string(Attribute::DataBase64),
        }
    }

    /// The value of the extension attribute `name`.
    pub fn extension(&self, name: &str) -> Option<&Value<'a>> {
        self.extensions
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }
}

fn extensions<'a>(event: &Event, json: &'a str) -> SmallVec<[(Cow<'a, str>, Value<'a>); 2]> {
    let pair = |extension: &super::attribute::Extension| {
        (
            unescape(extension.name.of_str(json)),
            Value::read(extension.value.of_str(json)),
        )
    };
    event.outline.extensions.iter().map(pair).collect()
}

impl<'a> Value<'a> {
    fn read(json: &'a str) -> Self {
        match json {
            "true" => Self::Boolean(true),
            "false" => Self::Boolean(false),
            // What is no string was checked to be an integer when the event was read.
            _ => json
                .parse()
                .map_or_else(|_| Self::String(unescape(json)), Self::Integer),
        }
    }
}
