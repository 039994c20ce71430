//! Raw JSON, taken apart only where somebody looks into it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::path::Path;

#[derive(Debug)]
pub enum Node<'a> {
    /// As it came.
    Raw(&'a str),
    /// Written by a rule.
    Written(Box<str>),
    /// In the order in which it came, repeated keys too: admission refuses those.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// `None` if the text is not one JSON object.
    pub fn object(text: &'a str) -> Option<Self> {
        members(text).map(Node::Object)
    }

    pub fn written(json: Box<str>) -> Self {
        Self::Written(json)
    }

    /// The text at a key of this object.
    pub fn text_at(&self, key: &str) -> Option<String> {
        let Self::Object(members) = self else { return None };
        match &members.iter().find(|(name, _)| name == key)?.1 {
            Self::Raw(json) => serde_json::from_str(json).ok(),
            Self::Written(json) => serde_json::from_str(json).ok(),
            Self::Object(_) => None,
        }
    }

    /// Removes and returns the value at the path.
    pub fn take(&mut self, path: &Path) -> Option<Node<'a>> {
        let (way, last) = path.split();
        let mut node = self;
        for key in way {
            node = node.child(key)?;
        }
        let members = node.open()?;
        let at = members.iter().position(|(name, _)| name == last)?;
        Some(members.remove(at).1)
    }

    /// Puts a value at the path, in the place of what is there. Makes the objects on the way where
    /// nothing is; where something else than an object is in the way, nothing happens and
    /// admission refuses what is there.
    pub fn put(&mut self, path: &Path, value: Node<'a>) {
        let (way, last) = path.split();
        let mut node = self;
        for key in way {
            let Some(members) = node.open() else { return };
            let at = members.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
                members.push((Cow::Owned(key.to_owned()), Self::Object(Vec::new())));
                members.len() - 1
            });
            node = &mut members[at].1;
        }
        let Some(members) = node.open() else { return };
        match members.iter_mut().find(|(name, _)| name == last) {
            Some((_, place)) => *place = value,
            None => members.push((Cow::Owned(last.to_owned()), value)),
        }
    }

    /// Puts a text at a key of this object.
    pub fn put_text(&mut self, key: &str, text: &str) {
        let Some(members) = self.open() else { return };
        let json = serde_json::Value::from(text).to_string();
        let value = Self::Written(json.into_boxed_str());
        match members.iter_mut().find(|(name, _)| name == key) {
            Some((_, place)) => *place = value,
            None => members.push((Cow::Owned(key.to_owned()), value)),
        }
    }

    /// Keeps only the members of the object at `key` that pass.
    pub fn retain(&mut self, key: Option<&str>, keep: impl Fn(&str) -> bool) {
        let node = match key {
            None => Some(self),
            Some(key) => self.child(key),
        };
        if let Some(members) = node.and_then(Node::open) {
            members.retain(|(name, _)| keep(name));
        }
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out);
        out
    }

    fn child(&mut self, key: &str) -> Option<&mut Node<'a>> {
        self.open()?.iter_mut().find(|(name, _)| name == key).map(|(_, child)| child)
    }

    /// The members, if it is an object.
    fn open(&mut self) -> Option<&mut Vec<(Cow<'a, str>, Node<'a>)>> {
        if let Self::Raw(text) = self {
            *self = Self::Object(members(text)?);
        }
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        let members = match self {
            Self::Raw(text) => return out.extend_from_slice(text.as_bytes()),
            Self::Written(text) => return out.extend_from_slice(text.as_bytes()),
            Self::Object(members) => members,
        };
        out.push(b'{');
        for (at, (name, value)) in members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let name = serde_json::Value::from(name.as_ref()).to_string();
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            value.write_to(out);
        }
        out.push(b'}');
    }
}

fn members(text: &str) -> Option<Vec<(Cow<'_, str>, Node<'_>)>> {
    serde_json::from_str::<Members<'_>>(text).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                    members.push((key.0, Node::Raw(value.get())));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
