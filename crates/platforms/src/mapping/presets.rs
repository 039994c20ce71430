//! What Meta and Snap call the same. From their documentation; what has no counterpart keeps its
//! name, and the destination's admission says what it thinks of it.

use super::rules::Preset;
use super::tree::Node;

/// One direction.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// Names of events, compared without regard to case.
    events: &'static [(&'static str, &'static str)],
    action_sources: &'static [(&'static str, &'static str)],
    /// Keys that mean nothing there and would only cause a remark on every event.
    meaningless: &'static [(Option<&'static str>, &'static [&'static str])],
}

pub fn names(preset: Preset) -> &'static Names {
    match preset {
        Preset::MetaToSnap => &META_TO_SNAP,
        Preset::SnapToMeta => &SNAP_TO_META,
    }
}

impl Names {
    pub fn apply(&self, event: &mut Node<'_>) {
        for (key, names) in [("event_name", self.events), ("action_source", self.action_sources)] {
            let name = event.text_at(key);
            let known = name.and_then(|name| {
                names.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name.trim()))
            });
            if let Some((_, ours)) = known {
                event.put_text(key, ours);
            }
        }
        for (object, keys) in self.meaningless {
            event.retain(*object, |key| !keys.contains(&key));
        }
    }
}

static META_TO_SNAP: Names = Names {
    events: &[
        ("AddPaymentInfo", "ADD_BILLING"),
        ("AddToCart", "ADD_CART"),
        ("AddToWishlist", "ADD_TO_WISHLIST"),
        ("CompleteRegistration", "SIGN_UP"),
        ("InitiateCheckout", "START_CHECKOUT"),
        ("PageView", "PAGE_VIEW"),
        ("Purchase", "PURCHASE"),
        ("Search", "SEARCH"),
        ("StartTrial", "START_TRIAL"),
        ("Subscribe", "SUBSCRIBE"),
        ("ViewContent", "VIEW_CONTENT"),
    ],
    action_sources: &[
        ("website", "WEB"),
        ("app", "MOBILE_APP"),
        ("physical_store", "OFFLINE"),
        ("phone_call", "OFFLINE"),
        ("email", "OFFLINE"),
        ("chat", "OFFLINE"),
        ("system_generated", "OFFLINE"),
        ("other", "OFFLINE"),
    ],
    meaningless: &[
        (
            None,
            &[
                "advanced_measurement_table",
                "attribution_data",
                "customer_segmentation",
                "messaging_channel",
                "original_event_data",
                "referrer_url",
            ],
        ),
        (
            Some("user_data"),
            &["fb_login_id", "fbc", "fbp", "page_id", "page_scoped_user_id", "ctwa_clid"],
        ),
    ],
};

static SNAP_TO_META: Names = Names {
    events: &[
        ("ADD_BILLING", "AddPaymentInfo"),
        ("ADD_CART", "AddToCart"),
        ("ADD_TO_WISHLIST", "AddToWishlist"),
        ("PAGE_VIEW", "PageView"),
        ("PURCHASE", "Purchase"),
        ("SEARCH", "Search"),
        ("SIGN_UP", "CompleteRegistration"),
        ("START_CHECKOUT", "InitiateCheckout"),
        ("START_TRIAL", "StartTrial"),
        ("SUBSCRIBE", "Subscribe"),
        ("VIEW_CONTENT", "ViewContent"),
    ],
    action_sources: &[("WEB", "website"), ("MOBILE_APP", "app"), ("OFFLINE", "physical_store")],
    meaningless: &[
        (None, &["integration"]),
        (Some("user_data"), &["download_id", "idfv", "sc_click_id", "sc_cookie1"]),
    ],
};
