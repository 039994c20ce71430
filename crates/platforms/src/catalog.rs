//! The fault catalog: data, one row per fault, each with a page.
//!
//! A platform has a catalog before this release can deliver to it: what its answers mean is worth
//! explaining by itself. So nothing here asks for a [`Platform`](crate::Platform).

mod own;

use holdfast_model::fault::{Fault, FaultAction, FaultClass, PlatformCode};
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;

/// All faults of a platform, in families that are read together.
#[derive(Debug)]
pub struct Catalog {
    pub families: &'static [&'static [Entry]],
}

/// One fault: what it is called, what it means and what is done about it.
#[derive(Debug)]
pub struct Entry {
    /// `meta.token_expired`.
    pub name: &'static str,
    pub class: FaultClass,
    pub action: FaultAction,
    pub selectors: &'static [SelectorKind],
    /// The codes under which the platform reports it, for `holdfast explain` and the tables.
    pub codes: &'static [PlatformCode],
    pub summary: &'static str,
    pub remedy: &'static str,
    /// Markdown, compiled in.
    pub page: &'static str,
}

/// What a platform's answers mean.
pub fn of(platform: PlatformId) -> &'static Catalog {
    match platform {
        PlatformId::Meta => &crate::meta::CATALOG,
        PlatformId::Snap => &crate::snap::CATALOG,
        PlatformId::Whatsapp => &crate::whatsapp::CATALOG,
    }
}

/// Faults of Holdfast's own: causes that lie on this side of the wire.
pub fn own() -> &'static Catalog {
    &own::CATALOG
}

/// The name under which [`named`] finds the catalog of our own faults.
pub const OWN_NAME: &str = "holdfast";

/// The catalog that a person names: a platform's, or `holdfast`.
pub fn named(name: &str) -> Option<&'static Catalog> {
    match name {
        OWN_NAME => Some(own()),
        name => name.parse().ok().map(of),
    }
}

/// Every catalog under the name that its faults begin with.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Catalog)> {
    let platforms = PlatformId::ALL.into_iter().map(|id| (id.as_str(), of(id)));
    platforms.chain([(OWN_NAME, own())])
}

/// The row of a full fault name, whoever's it is.
pub fn entry(name: &str) -> Option<&'static Entry> {
    named(name.split_once('.')?.0)?.by_name(name)
}

impl Catalog {
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        self.families.iter().flat_map(|family| family.iter())
    }

    pub fn by_name(&self, name: &str) -> Option<&'static Entry> {
        self.entries().find(|entry| entry.name == name)
    }

    /// A row that must be there: for the names that a platform's own code writes, each of which a
    /// test looks up.
    pub fn row(&self, name: &str) -> &'static Entry {
        self.by_name(name).unwrap_or_else(|| panic!("the catalog has a row {name}"))
    }

    /// Entries for a code. With a subcode, an exact match comes before the code's general rows.
    pub fn by_code(&self, code: PlatformCode) -> Vec<&'static Entry> {
        let with = |code| self.entries().filter(move |entry| entry.codes.contains(&code));
        let exact: Vec<_> = with(code).collect();
        if !exact.is_empty() {
            return exact;
        }
        with(PlatformCode { code: code.code, subcode: None }).collect()
    }

    /// What a person may mean: a fault's name, with or without the platform's before it, a code,
    /// or code and subcode. `None` where it can be none of these.
    pub fn find(&self, wanted: &str) -> Option<Vec<&'static Entry>> {
        let is_meant = |entry: &&Entry| {
            entry.name == wanted
                || entry.name.split_once('.').is_some_and(|(_, short)| short == wanted)
        };
        if let Some(entry) = self.entries().find(is_meant) {
            return Some(vec![entry]);
        }
        wanted.parse().ok().map(|code| self.by_code(code))
    }
}

impl Entry {
    /// A fault of this kind with nothing known of the answer yet.
    pub fn fault(&self) -> Fault {
        Fault {
            name: self.name.to_owned(),
            class: self.class,
            action: self.action,
            selectors: self.selectors.to_vec(),
            code: None,
            summary: self.summary.to_owned(),
            remedy: self.remedy.to_owned(),
            platform_message: String::new(),
            trace_id: None,
        }
    }
}

pub(crate) const fn code(code: i64) -> PlatformCode {
    PlatformCode { code, subcode: None }
}

pub(crate) const fn sub(code: i64, subcode: i64) -> PlatformCode {
    PlatformCode { code, subcode: Some(subcode) }
}

/// These codes and after them as many consecutive ones as fit, from `first` on.
pub(crate) const fn with_range<const N: usize>(
    single: &[PlatformCode],
    first: i64,
) -> [PlatformCode; N] {
    let mut codes = [code(first); N];
    let mut at = 0;
    while at < N {
        codes[at] =
            if at < single.len() { single[at] } else { code(first + (at - single.len()) as i64) };
        at += 1;
    }
    codes
}

/// One row: platform and name, class, action, selectors, codes, summary, remedy. The page is the
/// file of that name.
macro_rules! row {
    (
        $platform:literal, $name:literal, $class:ident, $action:ident,
        [$($selector:ident),*], $codes:expr, $summary:literal, $remedy:literal
    ) => {
        Entry {
            name: concat!($platform, ".", $name),
            class: holdfast_model::fault::FaultClass::$class,
            action: holdfast_model::fault::FaultAction::$action,
            selectors: &[$(holdfast_model::scope::SelectorKind::$selector),*],
            codes: $codes,
            summary: $summary,
            remedy: $remedy,
            page: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/faults/", $platform, "/", $name, ".md"
            )),
        }
    };
}
pub(crate) use row;
