//! Reading JSON text piece by piece, without building a tree.
//!
//! A reader that knows what it expects asks for it; what it does not care about is copied in
//! compact form. Written here rather than borrowed, because admission needs four things together:
//! texts borrowed from the input, numbers kept digit by digit, duplicate keys refused, and errors
//! that the caller can give a path. The unit tests hold it to `serde_json`'s view of what JSON is.
//!
//! It is stricter in two points, because one such event could make the platform refuse a whole
//! batch: duplicate keys, and halves of surrogate pairs.

mod text;

use std::borrow::Cow;

pub use text::plain_until;
use text::{hex_unit, unescape};

/// Deepest nesting inside an event. Real events have four levels; recursion needs a bound.
pub const MAX_DEPTH: usize = 32;

/// Most members of one object. Real ones have below fifty; the check for duplicates is quadratic.
pub const MAX_MEMBERS: usize = 256;

/// Longest number. Every number that a double can tell apart is shorter.
const MAX_NUMBER_BYTES: usize = 64;

/// Room for the keys of a usual event, so that the list does not grow while it is read.
const USUAL_KEYS: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    Unexpected {
        at: usize,
        expected: &'static str,
    },
    /// JSON, but longer than [`MAX_NUMBER_BYTES`] or beyond the range of a double.
    NumberTooLarge {
        at: usize,
    },
    TooDeep {
        at: usize,
    },
    TooManyMembers {
        at: usize,
    },
    DuplicateKey {
        key: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

impl Kind {
    /// For messages: `user_data.em is a number; …`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// A key: what it says, and how it is written, with its quotes.
#[derive(Debug)]
pub struct Key<'a> {
    pub name: Cow<'a, str>,
    pub raw: &'a str,
}

/// The keys of the objects that are being copied, innermost last, to find duplicates.
#[derive(Debug)]
pub struct Keys<'a>(Vec<Cow<'a, str>>);

impl<'a> Keys<'a> {
    pub fn new() -> Self {
        Self(Vec::with_capacity(USUAL_KEYS))
    }

    /// Where an object's keys begin.
    pub fn mark(&self) -> usize {
        self.0.len()
    }

    /// Adds a key to the object that began at `mark`.
    pub fn add(&mut self, mark: usize, name: Cow<'a, str>, at: usize) -> Result<(), Flaw> {
        let siblings = &self.0[mark..];
        if siblings.len() >= MAX_MEMBERS {
            return Err(Flaw::TooManyMembers { at });
        }
        if siblings.contains(&name) {
            return Err(Flaw::DuplicateKey { key: name.into_owned() });
        }
        self.0.push(name);
        Ok(())
    }

    pub fn release(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Bytes read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What comes next.
    #[inline]
    pub fn peek(&mut self) -> Result<Kind, Flaw> {
        self.skip_space();
        Ok(match self.byte() {
            Some(b'"') => Kind::Text,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => return Err(self.unexpected("a value")),
        })
    }

    pub fn null(&mut self) -> Result<(), Flaw> {
        self.literal("null")
    }

    pub fn boolean(&mut self) -> Result<bool, Flaw> {
        let is_true = self.byte() == Some(b't');
        self.literal(if is_true { "true" } else { "false" })?;
        Ok(is_true)
    }

    /// A number as it is written. It is finite as a double.
    pub fn number(&mut self) -> Result<&'a str, Flaw> {
        let start = self.at;
        self.skip_if(b'-');
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.skip_if(b'.') {
            self.digits()?;
        }
        let has_exponent = self.skip_if(b'e') || self.skip_if(b'E');
        if has_exponent {
            if !self.skip_if(b'+') {
                self.skip_if(b'-');
            }
            self.digits()?;
        }
        let written = &self.text[start..self.at];
        // Without an exponent, only a longer number could leave the range of a double.
        let is_finite = || written.parse().is_ok_and(f64::is_finite);
        if written.len() > MAX_NUMBER_BYTES || (has_exponent && !is_finite()) {
            return Err(Flaw::NumberTooLarge { at: start });
        }
        Ok(written)
    }

    /// A text, borrowed where it has no escapes.
    #[inline]
    pub fn text(&mut self) -> Result<Cow<'a, str>, Flaw> {
        let start = self.at + 1;
        let has_escapes = self.skip_text()?;
        let inner = &self.text[start..self.at - 1];
        Ok(if has_escapes { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// Enters an object or a list. Then call [`Self::next_key`] or [`Self::next_element`] until
    /// it says that there is no more.
    pub fn open(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Flaw::TooDeep { at: self.at }) } else { Ok(()) }
    }

    /// The next key of an object, or `None` after its end. The value must be read before the next
    /// call.
    #[inline]
    pub fn next_key(&mut self, is_first: &mut bool) -> Result<Option<Key<'a>>, Flaw> {
        self.skip_space();
        if self.skip_if(b'}') {
            self.depth -= 1;
            return Ok(None);
        }
        self.separate(is_first, "a comma or the end of the object")?;
        let start = self.at;
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        let name = self.text()?;
        let raw = &self.text[start..self.at];
        self.skip_space();
        if !self.skip_if(b':') {
            return Err(self.unexpected("a colon"));
        }
        Ok(Some(Key { name, raw }))
    }

    /// Whether a list has one more element, which must be read before the next call.
    #[inline]
    pub fn next_element(&mut self, is_first: &mut bool) -> Result<bool, Flaw> {
        self.skip_space();
        if self.skip_if(b']') {
            self.depth -= 1;
            return Ok(false);
        }
        self.separate(is_first, "a comma or the end of the list")?;
        Ok(true)
    }

    /// Copies a value in compact form: no white space, and no members that are null.
    pub fn copy(&mut self, out: &mut Vec<u8>, keys: &mut Keys<'a>) -> Result<Kind, Flaw> {
        let kind = self.peek()?;
        let start = self.at;
        match kind {
            Kind::Null => self.null()?,
            Kind::Bool => drop(self.boolean()?),
            Kind::Number => drop(self.number()?),
            Kind::Text => drop(self.skip_text()?),
            Kind::List => {
                self.copy_list(out, keys)?;
                return Ok(kind);
            }
            Kind::Object => {
                self.copy_object(out, keys)?;
                return Ok(kind);
            }
        }
        out.extend_from_slice(&self.text.as_bytes()[start..self.at]);
        Ok(kind)
    }

    /// Nothing may follow the value but white space.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        self.skip_space();
        if self.byte().is_some() { Err(self.unexpected("the end of the event")) } else { Ok(()) }
    }

    fn copy_list(&mut self, out: &mut Vec<u8>, keys: &mut Keys<'a>) -> Result<(), Flaw> {
        self.open()?;
        out.push(b'[');
        let opened = out.len();
        let mut is_first = true;
        while self.next_element(&mut is_first)? {
            if out.len() > opened {
                out.push(b',');
            }
            self.copy(out, keys)?;
        }
        out.push(b']');
        Ok(())
    }

    fn copy_object(&mut self, out: &mut Vec<u8>, keys: &mut Keys<'a>) -> Result<(), Flaw> {
        self.open()?;
        out.push(b'{');
        let opened = out.len();
        let mark = keys.mark();
        let mut is_first = true;
        while let Some(key) = self.next_key(&mut is_first)? {
            keys.add(mark, key.name, self.at)?;
            let before = out.len();
            if before > opened {
                out.push(b',');
            }
            out.extend_from_slice(key.raw.as_bytes());
            out.push(b':');
            if self.copy(out, keys)? == Kind::Null {
                out.truncate(before);
            }
        }
        keys.release(mark);
        out.push(b'}');
        Ok(())
    }

    /// Passes a text with its quotes and tells whether it has escapes. They are checked.
    fn skip_text(&mut self) -> Result<bool, Flaw> {
        let bytes = self.text.as_bytes();
        let mut has_escapes = false;
        self.at += 1;
        loop {
            let end = plain_until(bytes, self.at);
            self.at = end;
            match bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(has_escapes);
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return Err(self.unexpected("the closing quote of a text")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        const EXPECTED: &str = "a valid escape in a text";
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Some(2),
            Some(b'u') => match hex_unit(rest.get(2..6)) {
                Some(0xD800..=0xDBFF) => match (rest.get(6..8), hex_unit(rest.get(8..12))) {
                    (Some(b"\\u"), Some(0xDC00..=0xDFFF)) => Some(12),
                    _ => None,
                },
                Some(0xDC00..=0xDFFF) | None => None,
                Some(_) => Some(6),
            },
            _ => None,
        };
        self.at += length.ok_or_else(|| self.unexpected(EXPECTED))?;
        Ok(())
    }

    #[inline]
    fn separate(&mut self, is_first: &mut bool, expected: &'static str) -> Result<(), Flaw> {
        if !std::mem::replace(is_first, false) {
            if !self.skip_if(b',') {
                return Err(self.unexpected(expected));
            }
            self.skip_space();
        }
        Ok(())
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Flaw> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected(word));
        }
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    fn skip_if(&mut self, byte: u8) -> bool {
        let is_there = self.byte() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, expected: &'static str) -> Flaw {
        Flaw::Unexpected { at: self.at, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn copied(text: &str) -> Result<String, Flaw> {
        let mut scanner = Scanner::new(text);
        let mut out = Vec::new();
        scanner.copy(&mut out, &mut Keys::new())?;
        scanner.finish()?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn copies_without_space_and_nulls() {
        for (text, expected) in [
            (
                r#" { "a" : [ 1 , null, "x y" ] , "b" : null , "c" : { } } "#,
                r#"{"a":[1,null,"x y"],"c":{}}"#,
            ),
            (r#"{"b":null}"#, "{}"),
            (r#"{"a":null,"b":1}"#, r#"{"b":1}"#),
            ("[ ]", "[]"),
            (" -0.5e+3 ", "-0.5e+3"),
            (r#""\u00e9\n\ud83d\ude00""#, r#""\u00e9\n\ud83d\ude00""#),
            ("12345678901234567890.10", "12345678901234567890.10"),
        ] {
            assert_eq!(copied(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "\"",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[1,]",
            "[1 2]",
            "{'a':1}",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "-",
            "nul",
            "truex",
            "NaN",
            "1e999",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "{}{}",
            "{\"a\":1 \"b\":2}",
        ] {
            assert!(copied(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_duplicate_keys_however_they_are_written() {
        for text in
            [r#"{"a":1,"a":2}"#, r#"{"a":null,"\u0061":2}"#, r#"[{"x":{"a":1,"b":2,"a":3}}]"#]
        {
            assert_eq!(copied(text), Err(Flaw::DuplicateKey { key: "a".into() }), "{text}");
        }
        assert!(copied(r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn depth_and_members_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(copied(&nested(MAX_DEPTH)).is_ok());
        assert!(matches!(copied(&nested(MAX_DEPTH + 1)), Err(Flaw::TooDeep { .. })));
        let wide = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(copied(&wide(MAX_MEMBERS)).is_ok());
        assert!(matches!(copied(&wide(MAX_MEMBERS + 1)), Err(Flaw::TooManyMembers { .. })));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            "\\PC{0,12}".prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_copy_means_the_same(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            let copy = copied(&text).unwrap();
            // Members that are null are left out; doubles beyond range are null in serde_json.
            let mut expected: serde_json::Value = serde_json::from_str(&text).unwrap();
            strip_nulls(&mut expected);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&copy).unwrap(), expected);
        }

        #[test]
        fn says_yes_to_what_serde_json_says_yes_to(text in "[\\[\\]{}:,\"\\\\ a0-9eE.+unltrf-]{0,16}") {
            let ours = copied(&text);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let strict = matches!(ours, Err(Flaw::DuplicateKey { .. }));
            prop_assert!(strict || ours.is_ok() == theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }

        #[test]
        fn texts_are_read_as_serde_json_reads_them(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let mut scanner = Scanner::new(&written);
            prop_assert_eq!(scanner.text().unwrap(), text);
        }
    }

    fn strip_nulls(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.retain(|_, member| !member.is_null());
                map.values_mut().for_each(strip_nulls);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(strip_nulls),
            _ => {}
        }
    }
}
