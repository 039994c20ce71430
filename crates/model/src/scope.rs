//! Selectors and scopes: which items a hold covers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a selector looks at. Ordered from the widest to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectorKind {
    Platform,
    App,
    Credential,
    Account,
    Asset,
    Template,
    Recipient,
    MessageClass,
    Purpose,
}

impl fmt::Display for SelectorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform => "platform",
            Self::App => "app",
            Self::Credential => "credential",
            Self::Account => "account",
            Self::Asset => "asset",
            Self::Template => "template",
            Self::Recipient => "recipient",
            Self::MessageClass => "message_class",
            Self::Purpose => "purpose",
        })
    }
}

/// A set of selectors, at most one of each kind. A scope covers an item when every selector of
/// it matches; the empty scope therefore covers nothing by definition, not everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(BTreeMap<SelectorKind, String>);

/// The facts of one item or lane that selectors are matched against. The same shape as a scope,
/// under another name because it is read the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeFacts(BTreeMap<SelectorKind, String>);

impl Scope {
    pub fn new(selectors: impl IntoIterator<Item = (SelectorKind, String)>) -> Self {
        Self(selectors.into_iter().collect())
    }

    /// The scope made of those facts whose kinds are named. Kinds the facts do not know are left
    /// out; `None` if nothing remains, because a scope without selectors must not be opened.
    pub fn of_kinds(facts: &ScopeFacts, kinds: &[SelectorKind]) -> Option<Self> {
        let picked: BTreeMap<_, _> = kinds
            .iter()
            .filter_map(|kind| facts.0.get(kind).map(|value| (*kind, value.clone())))
            .collect();
        (!picked.is_empty()).then_some(Self(picked))
    }

    pub fn covers(&self, facts: &ScopeFacts) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(kind, value)| facts.0.get(kind) == Some(value))
    }

    pub fn get(&self, kind: SelectorKind) -> Option<&str> {
        self.0.get(&kind).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (SelectorKind, &str)> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_str()))
    }
}

impl ScopeFacts {
    pub fn new(facts: impl IntoIterator<Item = (SelectorKind, String)>) -> Self {
        Self(facts.into_iter().collect())
    }

    pub fn get(&self, kind: SelectorKind) -> Option<&str> {
        self.0.get(&kind).map(String::as_str)
    }

    pub fn set(&mut self, kind: SelectorKind, value: impl Into<String>) {
        self.0.insert(kind, value.into());
    }
}

/// `credential=shop-token`, or `app=1,asset=2`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (kind, value)) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{kind}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ScopeFacts {
        ScopeFacts::new([
            (SelectorKind::Platform, "meta".to_owned()),
            (SelectorKind::Credential, "shop".to_owned()),
            (SelectorKind::Asset, "42".to_owned()),
        ])
    }

    #[test]
    fn all_selectors_must_match() {
        let both =
            Scope::of_kinds(&facts(), &[SelectorKind::Credential, SelectorKind::Asset]).unwrap();
        assert!(both.covers(&facts()));
        let mut sibling = facts();
        sibling.set(SelectorKind::Asset, "43");
        assert!(!both.covers(&sibling), "one asset never stops the credential's other assets");
        let credential = Scope::of_kinds(&facts(), &[SelectorKind::Credential]).unwrap();
        assert!(credential.covers(&sibling));
    }

    #[test]
    fn an_empty_scope_covers_nothing_and_cannot_be_made_from_facts() {
        assert!(!Scope::default().covers(&facts()));
        assert_eq!(Scope::of_kinds(&facts(), &[SelectorKind::Template]), None);
    }
}
