//! `action_source: business_messaging`: what happened in a conversation on WhatsApp, Messenger or
//! Instagram (Meta: Conversions API for business messaging).
//!
//! Meta never deduplicates these events, so each repetition counts; that they have no
//! `dedup_until` is what makes their batches small and their attempts recorded. The list of names
//! is closed, and the customer is named by an id of the conversation instead of hashes.

use super::event::Event;
use super::refusal::refuse;
use super::rules::Required;
use super::user_data::Written;
use super::user_keys::KeySet;
use super::warnings::Warnings;
use crate::Rejection;

/// The value of `action_source`.
pub const ACTION_SOURCE: &str = "business_messaging";

pub const CHANNELS: &[&str] = &["whatsapp", "messenger", "instagram"];

/// Names that business messaging accepts; a closed list. Some datasets accept only a part of it,
/// which is for Meta to say.
const EVENTS: [&str; 14] = [
    "Purchase",
    "LeadSubmitted",
    "InitiateCheckout",
    "AddToCart",
    "ViewContent",
    "OrderCreated",
    "OrderShipped",
    "OrderDelivered",
    "OrderCanceled",
    "OrderReturned",
    "CartAbandoned",
    "QualifiedLead",
    "RatingProvided",
    "ReviewProvided",
];

/// How a channel names the two sides of a conversation.
struct Channel {
    name: &'static str,
    /// Which customer: the id that came with the conversation.
    customer: (KeySet, &'static str),
    /// Which business; any one of these.
    business: (KeySet, &'static str),
}

#[rustfmt::skip]
const IDS: [Channel; 3] = [
    Channel {
        name: "whatsapp",
        customer: (KeySet::of(&["ctwa_clid"]), "ctwa_clid"),
        // With a page's id Meta compares the page to the one that issued the click id (2804072).
        business: (
            KeySet::of(&["whatsapp_business_account_id", "page_id"]),
            "whatsapp_business_account_id",
        ),
    },
    Channel {
        name: "messenger",
        customer: (KeySet::of(&["page_scoped_user_id"]), "page_scoped_user_id"),
        business: (KeySet::of(&["page_id"]), "page_id"),
    },
    Channel {
        name: "instagram",
        customer: (KeySet::of(&["ig_sid"]), "ig_sid"),
        business: (
            KeySet::of(&["instagram_business_account_id", "ig_account_id"]),
            "instagram_business_account_id",
        ),
    },
];

/// Keys that say which business or who sends for it, and nothing of a customer.
const NOT_A_CUSTOMER: KeySet = KeySet::of(&[
    "page_id",
    "whatsapp_business_account_id",
    "ig_account_id",
    "instagram_business_account_id",
    "partner_id",
    "partner_name",
]);

/// Channel and name.
pub fn companions(event: &Event<'_>, required: &Required<'_>) -> Result<(), Rejection> {
    if event.messaging_channel.is_none() {
        let message = "messaging_channel is missing; expected whatsapp, messenger or instagram for \
                       action_source business_messaging";
        return Err(refuse("meta.messaging_channel_missing", "messaging_channel", message));
    }
    if !EVENTS.contains(&required.name) {
        let message = format!(
            "event_name is not one that business_messaging accepts; expected one of {}",
            EVENTS.join(", ")
        );
        return Err(refuse("meta.messaging_event_not_allowed", "event_name", message));
    }
    Ok(())
}

/// Whether a customer is named. An event that names only the business is refused, because Meta
/// wants information on the customer; ids that are documented but not known to be enforced are a
/// warning where they are missing.
pub fn identity(
    written: &Written,
    event: &Event<'_>,
    warnings: &mut Warnings,
) -> Result<(), Rejection> {
    let channel = IDS.iter().find(|channel| Some(channel.name) == event.messaging_channel);
    let Some(channel) = channel else { return Ok(()) };
    let (customer, customer_key) = channel.customer;
    let (business, business_key) = channel.business;
    if written.keys.is_within(NOT_A_CUSTOMER) {
        let mut message = format!(
            "user_data names the business and no customer; expected {customer_key} from the \
             conversation for messaging_channel {}",
            channel.name
        );
        if let Some((_, path, expected)) = &written.first_dropped {
            message.push_str(&format!("; {path} was left out: expected {expected}"));
        }
        return Err(refuse("meta.no_identity", format!("user_data.{customer_key}"), message));
    }
    for (keys, key) in [(customer, customer_key), (business, business_key)] {
        if !written.keys.has_any_of(keys) {
            warnings.add(|| {
                format!("user_data.{key} is missing; Meta documents it for {}", channel.name)
            });
        }
    }
    let elsewhere = IDS.iter().filter(|other| other.name != channel.name);
    for other in elsewhere.filter(|other| written.keys.has_any_of(other.customer.0)) {
        warnings.add(|| format!("user_data.{} belongs to {}", other.customer.1, other.name));
    }
    Ok(())
}
