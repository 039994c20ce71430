//! The closed lists of the schema (`meta-conversions.md §3, §4, §13`).

pub const EVENT: [&str; 19] = [
    "event_name",
    "event_time",
    "action_source",
    "user_data",
    "event_source_url",
    "event_id",
    "custom_data",
    "app_data",
    "opt_out",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "referrer_url",
    "original_event_data",
    "attribution_data",
    "customer_segmentation",
    "messaging_channel",
    "messaging_outcome_data",
    "advanced_measurement_table",
];

pub const ACTION_SOURCES: [&str; 9] = [
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
];

/// Keys of `user_data` whose values must be hashed. `external_id` may be.
pub const HASHED: [&str; 18] = [
    "em",
    "ph",
    "fn",
    "ln",
    "db",
    "ge",
    "ct",
    "st",
    "zp",
    "country",
    "external_id",
    "f5first",
    "f5last",
    "fi",
    "dobd",
    "dobm",
    "doby",
    "app_user_id",
];

pub const PLAIN: [&str; 18] = [
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "fb_login_id",
    "lead_id",
    "subscription_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
    "whatsapp_business_account_id",
    "instagram_business_account_id",
    "partner_id",
    "partner_name",
];

/// `user_data` with nothing outside of one of these identifies nobody.
pub const TOO_BROAD: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

/// The names that business messaging takes.
pub const MESSAGING_EVENTS: [&str; 14] = [
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
