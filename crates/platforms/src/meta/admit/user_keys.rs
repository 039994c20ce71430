//! The closed list of `user_data`'s keys, and what is done with their values.

use super::keys::KeyList;
use crate::meta::normalize::Field;

/// What is done with a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Normalized and hashed; one value or a list.
    Hash(Field),
    ClickId,
    BrowserId,
    IpAddress,
    /// Goes out as it came.
    Verbatim,
    /// A text or a whole number, trimmed.
    Id,
    /// Digits, as a text or a whole number.
    Digits,
}

/// How many keys there are.
pub const COUNT: usize = TABLE.len();

/// The keys and their rules, in the order in which they are written.
const TABLE: [(&str, Rule); 36] = [
    ("em", Rule::Hash(Field::Email)),
    ("ph", Rule::Hash(Field::Phone)),
    ("fn", Rule::Hash(Field::FirstName)),
    ("ln", Rule::Hash(Field::LastName)),
    ("db", Rule::Hash(Field::DateOfBirth)),
    ("ge", Rule::Hash(Field::Gender)),
    ("ct", Rule::Hash(Field::City)),
    ("st", Rule::Hash(Field::State)),
    ("zp", Rule::Hash(Field::Zip)),
    ("country", Rule::Hash(Field::Country)),
    ("external_id", Rule::Hash(Field::ExternalId)),
    ("client_ip_address", Rule::IpAddress),
    ("client_user_agent", Rule::Verbatim),
    ("fbc", Rule::ClickId),
    ("fbp", Rule::BrowserId),
    ("fb_login_id", Rule::Digits),
    ("lead_id", Rule::Digits),
    ("subscription_id", Rule::Id),
    ("anon_id", Rule::Id),
    ("madid", Rule::Id),
    ("page_id", Rule::Id),
    ("page_scoped_user_id", Rule::Id),
    ("ctwa_clid", Rule::Id),
    ("ig_account_id", Rule::Id),
    ("ig_sid", Rule::Id),
    ("whatsapp_business_account_id", Rule::Id),
    ("instagram_business_account_id", Rule::Id),
    ("partner_id", Rule::Id),
    ("partner_name", Rule::Id),
    ("f5first", Rule::Hash(Field::First5OfFirstName)),
    ("f5last", Rule::Hash(Field::First5OfLastName)),
    ("fi", Rule::Hash(Field::FirstInitial)),
    ("dobd", Rule::Hash(Field::DayOfBirth)),
    ("dobm", Rule::Hash(Field::MonthOfBirth)),
    ("doby", Rule::Hash(Field::YearOfBirth)),
    ("app_user_id", Rule::Hash(Field::AppUserId)),
];

pub const KEYS: KeyList<COUNT> = {
    let mut names = [""; COUNT];
    let mut at = 0;
    while at < COUNT {
        names[at] = TABLE[at].0;
        at += 1;
    }
    KeyList::new(names)
};

/// The name and the rule of the key at a position.
pub fn at(position: usize) -> (&'static str, Rule) {
    TABLE[position]
}

/// A set of keys of the closed list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeySet(u64);

impl KeySet {
    /// Names that are not in the list do not compile where this is evaluated as a constant.
    pub const fn of(names: &[&str]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < names.len() {
            set |= 1 << KEYS.position_of(names[at]);
            at += 1;
        }
        Self(set)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn has_any_of(self, other: KeySet) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_within(self, other: KeySet) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn insert(&mut self, at: usize) {
        self.0 |= 1 << at;
    }
}

/// Numbers are taken where no leading zero can have been lost on the way.
pub fn takes_numbers(rule: Rule) -> bool {
    match rule {
        Rule::Id | Rule::Digits => true,
        Rule::Hash(field) => matches!(
            field,
            Field::Phone
                | Field::DateOfBirth
                | Field::ExternalId
                | Field::AppUserId
                | Field::DayOfBirth
                | Field::MonthOfBirth
                | Field::YearOfBirth
        ),
        _ => false,
    }
}

pub fn expected(rule: Rule) -> &'static str {
    match rule {
        Rule::Hash(_) if takes_numbers(rule) => "a string, a whole number, or a list of them",
        Rule::Hash(_) => "a string or a list of strings",
        Rule::Id | Rule::Digits => "a string or a whole number",
        _ => "a string",
    }
}

/// Names that people use for something that has another name or place.
pub fn hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "email" => "the e-mail address is em",
        "phone" => "the phone number is ph",
        "click_id" | "fbclid" => "the click id is fbc, in the form fb.1.<milliseconds>.<fbclid>",
        "ip" | "ip_address" | "client_ip" => "the IP address is client_ip_address",
        "user_agent" => "the user agent is client_user_agent",
        "city" => "the city is ct",
        "state" => "the state is st",
        "zip" => "the postal code is zp",
        "event_id" | "event_time" | "event_name" | "action_source" | "event_source_url" => {
            "it belongs in the event, beside user_data"
        }
        _ => return None,
    })
}
