//! Reading typed fields: every type error is refused with the field's path.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{Flaw, Keys, Kind, Scanner};
use super::refusal;
use super::text::is_blank;
use super::warnings::Warnings;
use crate::Rejection;

/// The state of one pass over one event.
#[derive(Debug)]
pub struct Reader<'a> {
    pub scanner: Scanner<'a>,
    /// Objects that go out as they came, in compact form, one after the other.
    pub copied: Vec<u8>,
    pub keys: Keys<'a>,
    pub warnings: Warnings,
}

/// Whether a member of a copied object stays in the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    Keep,
    Drop,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            copied: Vec::with_capacity(text.len() / 2),
            keys: Keys::new(),
            warnings: Warnings::default(),
        }
    }

    /// A text; `None` for null and for what is only white space.
    pub fn text(&mut self, path: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        match self.scanner.peek()? {
            Kind::Null => Ok(self.scanner.null().map(|()| None)?),
            Kind::Text => Ok(Some(self.scanner.text()?).filter(|text| !is_blank(text))),
            found => Err(refusal::wrong_type(path.to_owned(), found, "a string")),
        }
    }

    /// A text, or a whole number taken as its digits.
    pub fn text_or_integer(&mut self, path: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        if self.scanner.peek()? != Kind::Number {
            return self.text(path);
        }
        let digits = self.whole_number(path, "a string or a whole number")?;
        Ok(Some(Cow::Borrowed(digits)))
    }

    pub fn integer(&mut self, path: &str) -> Result<Option<i64>, Rejection> {
        match self.scanner.peek()? {
            Kind::Null => Ok(self.scanner.null().map(|()| None)?),
            Kind::Number => {
                let digits = self.whole_number(path, "a whole number")?;
                let number =
                    digits.parse().map_err(|_| refusal::invalid(path, "a number in range"));
                number.map(Some)
            }
            found => Err(refusal::wrong_type(path.to_owned(), found, "a whole number")),
        }
    }

    pub fn boolean(&mut self, path: &str) -> Result<Option<bool>, Rejection> {
        match self.scanner.peek()? {
            Kind::Null => Ok(self.scanner.null().map(|()| None)?),
            Kind::Bool => Ok(Some(self.scanner.boolean()?)),
            found => Err(refusal::wrong_type(path.to_owned(), found, "true or false")),
        }
    }

    /// One of a closed list of texts.
    pub fn choice(
        &mut self,
        path: &str,
        choices: &'static [&'static str],
    ) -> Result<Option<&'static str>, Rejection> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => Ok(Some(choice)),
            None => Err(refusal::invalid(path, &format!("one of {}", choices.join(", ")))),
        }
    }

    /// Copies an object; `member` copies the value of each of its members. Null and an empty list
    /// (PHP's empty object) count as absent, and so does an object in which nothing is left.
    pub fn object(
        &mut self,
        path: &str,
        mut member: impl FnMut(&mut Self, &str) -> Result<Member, Rejection>,
    ) -> Result<Option<Range<usize>>, Rejection> {
        if !self.enter_object(path)? {
            return Ok(None);
        }
        let start = self.copied.len();
        self.copied.push(b'{');
        let mark = self.keys.mark();
        let mut is_first = true;
        while let Some(key) = self.scanner.next_key(&mut is_first)? {
            let name = key.name.clone();
            self.keys.add(mark, key.name, self.scanner.at())?;
            let before = self.copied.len();
            if before > start + 1 {
                self.copied.push(b',');
            }
            self.copied.extend_from_slice(key.raw.as_bytes());
            self.copied.push(b':');
            if self.skip_null()? || member(self, &name)? == Member::Drop {
                self.copied.truncate(before);
            }
        }
        self.keys.release(mark);
        self.copied.push(b'}');
        let is_empty = self.copied.len() == start + 2;
        Ok((!is_empty).then_some(start..self.copied.len()))
    }

    /// Whether an object begins here; it is entered. An object that is null, blank or an empty
    /// list is read and counts as absent.
    pub fn enter_object(&mut self, path: &str) -> Result<bool, Rejection> {
        match self.scanner.peek()? {
            Kind::Object => {
                self.scanner.open()?;
                Ok(true)
            }
            Kind::List => {
                self.scanner.open()?;
                if self.scanner.next_element(&mut true)? {
                    return Err(refusal::wrong_type(path.to_owned(), Kind::List, "an object"));
                }
                Ok(false)
            }
            Kind::Text if self.text(path)?.is_none() => Ok(false),
            Kind::Null => Ok(self.scanner.null().map(|()| false)?),
            found => Err(refusal::wrong_type(path.to_owned(), found, "an object")),
        }
    }

    pub fn skip_null(&mut self) -> Result<bool, Rejection> {
        let is_null = self.scanner.peek()? == Kind::Null;
        if is_null {
            self.scanner.null()?;
        }
        Ok(is_null)
    }

    /// Copies whatever comes.
    pub fn copy(&mut self) -> Result<Kind, Rejection> {
        Ok(self.scanner.copy(&mut self.copied, &mut self.keys)?)
    }

    /// Copies a value; `None` if it is blank or an empty list. The caller takes the copy back then.
    pub fn copy_unless_blank(&mut self) -> Result<Option<Kind>, Rejection> {
        let start = self.copied.len();
        let kind = self.copy()?;
        let is_blank = match &self.copied[start..] {
            b"[]" => true,
            [b'"', inner @ .., b'"'] => inner.iter().all(|b| *b == b' '),
            _ => false,
        };
        Ok((!is_blank).then_some(kind))
    }

    /// The digits of a whole number, which must come next.
    pub fn whole_number(&mut self, path: &str, expected: &str) -> Result<&'a str, Rejection> {
        let written = self.scanner.number().map_err(|flaw| match flaw {
            Flaw::NumberTooLarge { .. } => refusal::invalid(path, expected),
            other => other.into(),
        })?;
        if written.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            let message = format!("{path} has a fraction or an exponent; expected {expected}");
            return Err(refusal::refuse(refusal::WRONG_TYPE, path, message));
        }
        Ok(written)
    }
}
