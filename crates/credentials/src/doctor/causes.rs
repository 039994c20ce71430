//! What a cause is called, what it means, what would settle it and what to do about it.
//!
//! Causes that a platform names itself are rows of its fault catalog and are not repeated here.

use holdfast_model::fault::Fault;

use super::{Confidence, Hypothesis};

pub struct Cause {
    pub name: &'static str,
    pub says: &'static str,
    pub settled_by: &'static str,
    /// `{credential}` is its name.
    pub action: &'static str,
}

impl Cause {
    pub fn with(&self, confidence: Confidence, because: impl Into<String>) -> Hypothesis {
        Hypothesis {
            cause: self.name.to_owned(),
            confidence,
            says: self.says.to_owned(),
            because: because.into(),
            settled_by: self.settled_by.to_owned(),
            action: self.action.to_owned(),
        }
    }
}

/// The platform names the cause itself.
pub fn named(fault: &Fault, confidence: Confidence) -> Hypothesis {
    Hypothesis {
        cause: fault.name.clone(),
        confidence,
        says: fault.summary.clone(),
        because: match (&fault.code, fault.platform_message.as_str()) {
            (Some(code), message) => format!("The platform says {code}: {message}"),
            (None, message) => format!("The platform says: {message}"),
        },
        settled_by: "The platform has said so itself.".to_owned(),
        action: fault.remedy.clone(),
    }
}

pub const CUT_OR_ALTERED: Cause = Cause {
    name: "token.cut_or_altered",
    says: "The text is not what the platform issued: it was cut or changed on its way here.",
    settled_by: "Copy it again at its source and compare the length.",
    action: "Copy the token again with the platform's Copy button, whole, and add it: \
             `holdfast credential add {credential} --token-file PATH`. Do not make a new one for this.",
};

pub const ALTERED_INSIDE: Cause = Cause {
    name: "token.altered_inside",
    says: "A character inside the text is another one than the platform issued; its form does not show \
           which.",
    settled_by: "Copy it again at its source. If the same text is refused again, it was invalidated.",
    action: "Copy the token again with the platform's Copy button and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const WRONG_VARIABLE: Cause = Cause {
    name: "token.wrong_variable_or_stale_copy",
    says: "Another text was stored than the one that worked: a wrong variable, or an old copy.",
    settled_by: "Compare length and fingerprint with the version that worked: \
                 `holdfast credential show {credential}`.",
    action: "Look where the token was taken from; then add the right one: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const NOT_A_TOKEN: Cause = Cause {
    name: "token.is_something_else",
    says: "The text is not a token for this.",
    settled_by: "Its form says so; nobody needs to be asked.",
    action: "Put the access token itself there: `holdfast credential add {credential} --token-file PATH`.",
};

pub const WRAPPED: Cause = Cause {
    name: "token.wrapped_by_the_caller",
    says: "What arrives at the platform is not what is stored: something wraps or encodes it on its way.",
    settled_by: "`holdfast credential verify {credential}` sends it as it is.",
    action: "Add it again without quotes, `Bearer` or encoding: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const INVALIDATED: Cause = Cause {
    name: "token.invalidated_by_the_platform",
    says: "The platform does not accept any more what it issued.",
    settled_by: "The same text worked before, so it was not damaged here.",
    action: "Make a new token, preferably of a system user, and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const APP_SECRET_RESET: Cause = Cause {
    name: "app.secret_reset_or_app_deleted",
    says: "The app that issued it was deleted, or its secret was reset.",
    settled_by: "Look at the app's dashboard, Settings, Basic.",
    action: "Open the app's dashboard. If the secret was reset, store the new one \
             (`holdfast app add`) and make a new token.",
};

pub const APP_WRONG: Cause = Cause {
    name: "app.id_or_secret_wrong",
    says: "The app's own id or secret is refused, so it cannot ask about the token.",
    settled_by: "Compare both with the app's dashboard, Settings, Basic.",
    action: "Store the app's secret again: `holdfast app add`. The token is not judged by this.",
};

pub const REFUSED_WITHOUT_REASON: Cause = Cause {
    name: "token.expired_or_revoked",
    says: "The token is not accepted, and the platform does not say why.",
    settled_by: "`debug_token` asked by the app that issued it says why; store that app's secret.",
    action: "Make a new token, preferably of a system user, and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const EXPIRED: Cause = Cause {
    name: "token.expired",
    says: "The date until which the token was issued has passed.",
    settled_by: "The stored expiry date has passed, and it is refused.",
    action: "Make a new token, preferably of a system user, and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const ASSET_NOT_ASSIGNED: Cause = Cause {
    name: "asset.not_assigned_or_wrong_id",
    says: "The asset is not assigned to the one the token belongs to, or its id is wrong.",
    settled_by: "Business settings, Users, System users: the list of assigned assets shows it or not.",
    action: "Check the asset's id; then assign it: Business settings, Users, System users, the user, \
             Assign assets. Then `holdfast credential verify {credential}`.",
};

pub const OTHER_BUSINESS: Cause = Cause {
    name: "token.of_another_business",
    says: "The token belongs to another business than the asset.",
    settled_by: "Business settings of the asset's owner do not list the token's system user.",
    action: "Make the token in the business that owns the asset, and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const NUMBER_NOT_OF_ACCOUNT: Cause = Cause {
    name: "asset.number_not_of_the_account",
    says: "The phone number id is none of the account's: the number itself or the account's id may \
           stand in its place.",
    settled_by: "WhatsApp Manager, API setup: the phone number id stands below the number.",
    action: "Use the phone number id, which is not the phone number: App dashboard, WhatsApp, API \
             setup.",
};

pub const SCOPE_MISSING: Cause = Cause {
    name: "permission.scope_missing",
    says: "The token was issued without a permission that this needs.",
    settled_by: "`debug_token` lists the permissions that were granted.",
    action: "Make the token anew with the permission ads_management (for messages: \
             whatsapp_business_messaging), and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const APP_ACCESS_LEVEL: Cause = Cause {
    name: "app.access_level",
    says: "The app may not use this permission for others' assets yet.",
    settled_by: "The app's dashboard, App Review, shows the access level of each permission.",
    action: "Open the app's dashboard, App Review, Permissions, and ask for advanced access.",
};

pub const PROOF_MISSING: Cause = Cause {
    name: "app.proof_missing",
    says: "The app requires a proof with each call, and its secret is not stored here.",
    settled_by: "The platform asks for appsecret_proof itself.",
    action: "Store the app's secret (`holdfast app add`), and add the token with `--app`; or switch \
             off \"Require App Secret\" in the app's dashboard, Settings, Advanced.",
};

pub const PROOF_WRONG: Cause = Cause {
    name: "app.proof_of_another_secret",
    says: "The proof was made with a secret that is not the one of the token's app.",
    settled_by: "The app id in the token and the app whose secret is stored are shown above.",
    action: "Store the secret of the app that issued the token: `holdfast app add`.",
};

pub const CLOCK: Cause = Cause {
    name: "machine.clock_wrong",
    says: "The clock of this machine is wrong by more than a timed proof allows.",
    settled_by: "The platform's Date header beside this machine's clock.",
    action: "Set the clock (NTP), then run this again.",
};

pub const NOT_THE_CREDENTIAL: Cause = Cause {
    name: "not_the_credential",
    says: "The credential works; deliveries fail for another reason.",
    settled_by: "The fault of the open hold, below.",
    action: "Read `holdfast hold list`: the hold says what to do.",
};

pub const NO_ANSWER: Cause = Cause {
    name: "platform.no_answer",
    says: "The platform did not answer, which says nothing about the token.",
    settled_by: "Any answer of the platform.",
    action: "Check the network from this machine to the platform, then run this again.",
};

pub const WRONG_KIND: Cause = Cause {
    name: "token.of_a_kind_that_cannot_send",
    says: "This is the token of an app, which cannot send events.",
    settled_by: "`debug_token` names its kind.",
    action: "Use a system user's token: Business settings, Users, System users, Generate token.",
};

// Snap.

pub const NOT_ACTIVE_YET: Cause = Cause {
    name: "token.not_active_yet",
    says: "The token is young, and Snap refuses new tokens for a while.",
    settled_by: "The same token is accepted later.",
    action: "Wait, and do not make another: that starts the time anew. \
             `holdfast credential verify {credential}` tells when it is accepted.",
};

pub const OF_THE_FUTURE: Cause = Cause {
    name: "token.starts_in_the_future",
    says: "The token says it begins in the future: the clock of this machine is behind, or it is not \
           active yet.",
    settled_by: "The machine's clock beside another one.",
    action: "Set the clock (NTP), then run this again.",
};

pub const KIT_TOKEN: Cause = Cause {
    name: "token.of_another_product",
    says: "The token is of Snap's environment STAGING: one of Camera Kit or Snap Kit.",
    settled_by: "Its own text says so.",
    action: "Generate a Conversions API token: Ads Manager, Business Details, Conversions API Tokens.",
};

pub const FOREIGN_ORGANIZATION: Cause = Cause {
    name: "asset.of_another_organization",
    says: "The asset does not belong to the organization that the token was generated in.",
    settled_by: "The same token on an asset that the organization surely owns: \
                 `holdfast doctor snap --asset ID --asset OWN_ID`.",
    action: "In Ads Manager, Business Details, look which organization owns the pixel or app; generate \
             the token there: `holdfast credential add {credential} --token-file PATH`.",
};

pub const DELETED: Cause = Cause {
    name: "token.deleted",
    says: "The token was deleted or replaced in Business Details.",
    settled_by: "Ads Manager, Business Details, Conversions API Tokens lists the living ones.",
    action: "Generate a new token: Ads Manager, Business Details, Conversions API Tokens, and add it: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const OAUTH_EXPIRED: Cause = Cause {
    name: "token.oauth_expired",
    says: "The OAuth access token has passed its hour.",
    settled_by: "A refresh with its refresh token succeeds.",
    action: "Refresh it, and add the new access token: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const REFRESH_TOKEN: Cause = Cause {
    name: "token.refresh_token_pasted",
    says: "This is a refresh token in the place of an access token; both look alike.",
    settled_by: "A refresh with this very text succeeds.",
    action: "Exchange it for an access token, and add that: \
             `holdfast credential add {credential} --token-file PATH`.",
};

pub const OAUTH_SCOPE: Cause = Cause {
    name: "permission.scope_or_membership_missing",
    says: "The OAuth token lacks the scope snapchat-offline-conversions-api, or its user is no member \
           of the asset's ad account.",
    settled_by: "The scopes that came with the token; the members of the ad account.",
    action: "Authorize again with the scope snapchat-offline-conversions-api, as a user who is a \
             member of the asset's ad account.",
};

pub const ASSET_UNKNOWN: Cause = Cause {
    name: "asset.unknown",
    says: "Snap knows no such asset; a pixel's id and an app's id are easily confused.",
    settled_by: "Events Manager shows the pixel's id.",
    action: "Correct the asset's id: Events Manager, the pixel, Pixel ID.",
};
