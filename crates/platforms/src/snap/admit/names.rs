//! The names that Snap gives to events and to where they happened.

/// The closed list of Snap's libraries, as Snap writes them.
const EVENTS: [&str; 31] = [
    "PAGE_VIEW",
    "VIEW_CONTENT",
    "ADD_CART",
    "ADD_TO_WISHLIST",
    "ADD_BILLING",
    "START_CHECKOUT",
    PURCHASE,
    "SIGN_UP",
    "LOGIN",
    "SUBSCRIBE",
    "START_TRIAL",
    "SEARCH",
    "LIST_VIEW",
    "SAVE",
    "SHARE",
    "RATE",
    "RESERVE",
    "INVITE",
    "AD_CLICK",
    "AD_VIEW",
    "COMPLETE_TUTORIAL",
    "LEVEL_COMPLETE",
    "ACHIEVEMENT_UNLOCKED",
    "SPENT_CREDITS",
    "APP_INSTALL",
    "APP_OPEN",
    "CUSTOM_EVENT_1",
    "CUSTOM_EVENT_2",
    "CUSTOM_EVENT_3",
    "CUSTOM_EVENT_4",
    "CUSTOM_EVENT_5",
];

pub const PURCHASE: &str = "PURCHASE";

/// Names of other platforms, without underscores, and what Snap calls the same.
const ELSEWHERE: [(&str, &str); 6] = [
    ("ADDTOCART", "ADD_CART"),
    ("VIEWCONTENT", "VIEW_CONTENT"),
    ("PAGEVIEW", "PAGE_VIEW"),
    ("INITIATECHECKOUT", "START_CHECKOUT"),
    ("COMPLETEREGISTRATION", "SIGN_UP"),
    ("ADDPAYMENTINFO", "ADD_BILLING"),
];

pub const WEB: &str = "WEB";
pub const MOBILE_APP: &str = "MOBILE_APP";
pub const OFFLINE: &str = "OFFLINE";

/// What Snap takes for `action_source`, in lower case, and its own word for it. `website` and `app`
/// are used by integrations and on no page of Snap's; `app` is disputed.
const SOURCES: [(&str, &str); 11] = [
    ("web", WEB),
    ("mobile_app", MOBILE_APP),
    ("offline", OFFLINE),
    ("website", WEB),
    ("app", MOBILE_APP),
    ("physical_store", OFFLINE),
    ("phone_call", OFFLINE),
    ("email", OFFLINE),
    ("chat", OFFLINE),
    ("system_generated", OFFLINE),
    ("other", OFFLINE),
];

/// Snap's spelling of a name that it knows, however it is written.
pub fn event(name: &str) -> Option<&'static str> {
    EVENTS.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// What Snap calls an event that others call so.
pub fn called_elsewhere(name: &str) -> Option<&'static str> {
    let bare: String = name.chars().filter(|c| !matches!(c, '_' | ' ')).collect();
    let found = ELSEWHERE.iter().find(|(other, _)| other.eq_ignore_ascii_case(&bare));
    found.map(|(_, snaps)| *snaps)
}

pub fn source(name: &str) -> Option<&'static str> {
    let found = SOURCES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, native)| *native)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for name in EVENTS {
            assert_eq!(event(&name.to_lowercase()), Some(name));
        }
        for name in ["LEAD", "REFUND", "ADD_TO_CART", "PURCHASE ", "CUSTOM_EVENT_6", ""] {
            assert_eq!(event(name), None, "{name}");
        }
        assert_eq!(called_elsewhere("AddToCart"), Some("ADD_CART"));
        assert_eq!(called_elsewhere("add_to_cart"), Some("ADD_CART"));
        assert_eq!(called_elsewhere("LEAD"), None);
    }

    #[test]
    fn sources_become_native() {
        for (name, native) in SOURCES {
            assert_eq!(source(name), Some(native));
            assert_eq!(source(&name.to_uppercase()), Some(native));
            assert_eq!(source(native), Some(native));
        }
        assert_eq!(source("business_messaging"), None);
    }
}
