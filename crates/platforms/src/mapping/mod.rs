//! One event in the terms of another platform: which destinations of a route it is for, and what
//! of it is called differently there.
//!
//! A mapping works on the raw text, before admission: it takes apart only the objects that a rule
//! names and leaves every other byte as it came, so numbers keep their digits and keys their order.
//! It judges nothing. Whatever it makes goes through the same admission as an event that came like
//! that, and text that is no event reaches admission unchanged, to be refused there in its words.

mod path;
mod presets;
mod rules;
mod tree;

use std::borrow::Cow;

pub use rules::{MappingError, MappingRules, Preset};

use path::Path;
use presets::Names;
use tree::Node;

/// The compiled rules of one destination of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    only: Vec<String>,
    except: Vec<String>,
    preset: Option<&'static Names>,
    rename_events: Vec<(String, String)>,
    fields: Vec<(Path, Path)>,
    set: Vec<(Path, Box<str>)>,
    drop: Vec<Path>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped<'a> {
    /// The event to admit.
    Event(Cow<'a, [u8]>),
    /// The route does not send events of this name there.
    NotForIt,
}

const EVENT_NAME: &str = "event_name";

impl Mapping {
    /// Events are taken or not by the name with which they came. Then, in this order and each
    /// seeing what the former left: the preset, `fields`, `rename_events` (by the name with which
    /// they came), `set`, `drop`.
    pub fn apply<'a>(&self, raw: &'a [u8]) -> Mapped<'a> {
        let unchanged = Mapped::Event(Cow::Borrowed(raw));
        let Ok(text) = std::str::from_utf8(raw) else { return unchanged };
        let Some(mut event) = Node::object(text) else { return unchanged };
        let name = event.text_at(EVENT_NAME);
        if !self.takes(name.as_deref()) {
            return Mapped::NotForIt;
        }
        if !self.changes_anything() {
            return unchanged;
        }
        if let Some(preset) = self.preset {
            preset.apply(&mut event);
        }
        for (to, from) in &self.fields {
            if let Some(value) = event.take(from) {
                event.put(to, value);
            }
        }
        let renamed = self.rename_events.iter().find(|(from, _)| Some(from) == name.as_ref());
        if let Some((_, to)) = renamed {
            event.put_text(EVENT_NAME, to);
        }
        for (to, value) in &self.set {
            event.put(to, Node::written(value.clone()));
        }
        for path in &self.drop {
            event.take(path);
        }
        Mapped::Event(Cow::Owned(event.write()))
    }

    /// What the caller calls the field that is called so after the mapping.
    pub fn origin_of<'p>(&'p self, field: &'p str) -> &'p str {
        let moved = self.fields.iter().find(|(to, _)| to.as_str() == field);
        moved.map_or(field, |(_, from)| from.as_str())
    }

    fn takes(&self, name: Option<&str>) -> bool {
        let is_in = |list: &[String]| name.is_some_and(|name| list.iter().any(|one| one == name));
        (self.only.is_empty() || is_in(&self.only)) && !is_in(&self.except)
    }

    fn changes_anything(&self) -> bool {
        self.preset.is_some()
            || !(self.rename_events.is_empty()
                && self.fields.is_empty()
                && self.set.is_empty()
                && self.drop.is_empty())
    }
}

#[cfg(test)]
mod tests;
