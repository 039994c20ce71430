//! The keys of `user_data`, and what is done with their values.

use crate::admission::keys::KeyList;
use crate::snap::normalize::Field;

/// What is done with a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Normalized and hashed. Goes out as a list where Snap's libraries write one.
    Hash { field: Field, is_list: bool },
    /// Never hashed: a hashed address is a documented refusal.
    IpAddress,
    /// Goes out as it came.
    Verbatim,
    /// The id of a device, in lower case and never hashed.
    DeviceId,
    /// Trimmed; keeps its case.
    Id { is_list: bool },
}

const fn hash(field: Field) -> Rule {
    Rule::Hash { field, is_list: true }
}

const ID: Rule = Rule::Id { is_list: false };

/// The keys and their rules, in the order in which they are written. (`snap-conversions.md` §3)
const TABLE: [(&str, Rule); 22] = [
    ("em", hash(Field::Email)),
    ("ph", hash(Field::Phone)),
    ("fn", hash(Field::Name)),
    ("ln", hash(Field::Name)),
    ("ge", hash(Field::Gender)),
    ("ct", hash(Field::City)),
    ("st", hash(Field::State)),
    ("zp", hash(Field::Zip)),
    ("country", hash(Field::Country)),
    ("db", Rule::Hash { field: Field::DateOfBirth, is_list: false }),
    ("external_id", Rule::Hash { field: Field::ExternalId, is_list: false }),
    ("client_ip_address", Rule::IpAddress),
    ("client_user_agent", Rule::Verbatim),
    ("sc_click_id", ID),
    ("sc_cookie1", ID),
    ("madid", Rule::DeviceId),
    ("idfv", Rule::DeviceId),
    ("subscription_id", ID),
    ("lead_id", ID),
    ("anon_id", Rule::Id { is_list: true }),
    ("download_id", ID),
    ("partner_id", ID),
];

/// How many keys there are.
const COUNT: usize = TABLE.len();

const KEYS: KeyList<COUNT> = {
    let mut names = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        names[at] = TABLE[at].0;
        at += 1;
    }
    KeyList::new(names)
};

/// Where a key is. The library for Java writes `mobile_ad_id` for what the documentation calls
/// `madid`.
pub fn find(name: &str) -> Option<usize> {
    KEYS.find(if name == "mobile_ad_id" { "madid" } else { name })
}

/// Where a key is that must be there: evaluated as a constant, a wrong one does not compile.
pub const fn position_of(name: &str) -> usize {
    KEYS.position_of(name)
}

/// The name and the rule of the key at a position.
pub fn at(position: usize) -> (&'static str, Rule) {
    TABLE[position]
}

/// A set of keys of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeySet(u32);

impl KeySet {
    /// Names that are not in the list do not compile where this is evaluated as a constant.
    pub const fn of(names: &[&str]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < names.len() {
            set |= 1 << position_of(names[at]);
            at += 1;
        }
        Self(set)
    }

    pub fn has_all_of(self, other: KeySet) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn has_any_of(self, other: KeySet) -> bool {
        self.0 & other.0 != 0
    }

    pub fn insert(&mut self, at: usize) {
        self.0 |= 1 << at;
    }
}

/// Numbers are taken where no leading zero can have been lost on the way.
pub fn takes_numbers(rule: Rule) -> bool {
    match rule {
        Rule::Id { .. } => true,
        Rule::Hash { field, .. } => {
            matches!(field, Field::Phone | Field::DateOfBirth | Field::ExternalId)
        }
        Rule::IpAddress | Rule::Verbatim | Rule::DeviceId => false,
    }
}

pub fn takes_lists(rule: Rule) -> bool {
    matches!(rule, Rule::Hash { .. } | Rule::Id { is_list: true })
}

pub fn expected(rule: Rule) -> &'static str {
    match (takes_lists(rule), takes_numbers(rule)) {
        (true, true) => "a string, a whole number, or a list of them",
        (true, false) => "a string or a list of strings",
        (false, true) => "a string or a whole number",
        (false, false) => "a string",
    }
}

/// Names that people use for something that has another name or place.
pub fn hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "email" | "hashed_email" => "the e-mail address is em",
        "phone" | "phone_number" | "hashed_phone_number" => "the phone number is ph",
        "click_id" | "ScCid" | "sccid" => "the click id is sc_click_id",
        "uuid_c1" | "_scid" => "the browser's cookie is sc_cookie1",
        "ip" | "ip_address" | "client_ip" => "the IP address is client_ip_address",
        "user_agent" => "the user agent is client_user_agent",
        "idfa" | "gaid" => "the advertising id is madid",
        "city" => "the city is ct",
        "state" => "the state is st",
        "zip" => "the postal code is zp",
        "event_id" | "event_time" | "event_name" | "action_source" | "event_source_url" => {
            "it belongs in the event, beside user_data"
        }
        _ => return None,
    })
}
