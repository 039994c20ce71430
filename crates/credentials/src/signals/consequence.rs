//! What follows from what happened.

use holdfast_model::time::UnixSeconds;

use super::{Happening, Signal};

/// What is to be done. Which credentials and destinations it is done to is found by whoever knows
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Tokens are dead. The credentials that are certainly concerned are held for this fault, each
    /// after a probe where one is possible; those that may be concerned are verified.
    Hold { fault: &'static str },
    /// Something changed, for better or worse: the credentials concerned are verified. A proof may
    /// end a hold, a refusal may open one.
    Verify,
    /// The account is stopped for this fault, tokens are not. Another token does not help.
    Policy {
        fault: &'static str,
        /// The kind of message that it is about; all of them without one.
        message_class: Option<&'static str>,
        until: Option<UnixSeconds>,
    },
    /// What stopped the account is over.
    PolicyOver { fault: &'static str },
    /// Nothing is done; it is written down.
    Note,
}

/// For messages that the business begins: all that is not a reply in an open window.
const BUSINESS_INITIATED: &str = "business_initiated";
const CUSTOMER_INITIATED: &str = "customer_initiated";
const UTILITY: &str = "utility";

/// What tokens are held for when a push says that they are not to be used any more.
const WITHDRAWN: [&str; 3] =
    ["meta.integration_uninstalled", "meta.deauthorized", "whatsapp.access_withdrawn"];

/// Whether this fault says that somebody took a token's access away, and told us.
pub fn is_withdrawal(fault: &str) -> bool {
    WITHDRAWN.contains(&fault)
}

impl Signal {
    /// Whether it says that access which had been taken away is given again.
    pub fn gives_back(&self) -> bool {
        matches!(self.happening, Happening::IntegrationInstalled | Happening::AccountConnected)
    }

    pub fn consequence(&self) -> Consequence {
        match &self.happening {
            Happening::IntegrationUninstalled => {
                Consequence::Hold { fault: "meta.integration_uninstalled" }
            }
            Happening::Deauthorized => Consequence::Hold { fault: "meta.deauthorized" },
            Happening::AppUninstalled | Happening::PartnerRemoved => {
                Consequence::Hold { fault: "whatsapp.access_withdrawn" }
            }
            // Of a client that is new no credential is here to be verified.
            Happening::IntegrationInstalled
            | Happening::IntegrationUpdated
            | Happening::PermissionsChanged
            | Happening::AdAccountChanged
            | Happening::AccountConnected => Consequence::Verify,
            Happening::AccountDeleted => policy("whatsapp.account_deleted"),
            Happening::AccountDisabled => policy("whatsapp.account_locked"),
            Happening::AccountReinstated => {
                Consequence::PolicyOver { fault: "whatsapp.account_locked" }
            }
            Happening::AccountRestricted { restriction, until } => restricted(restriction, *until),
        }
    }

    /// What happened, in a few words, for logs and the audit trail.
    pub fn words(&self) -> String {
        let words = match &self.happening {
            Happening::IntegrationInstalled => "a business installed the integration",
            Happening::IntegrationUninstalled => "a business uninstalled the integration",
            Happening::IntegrationUpdated => "a business changed what the integration may use",
            Happening::PermissionsChanged => "a person's permissions changed",
            Happening::Deauthorized => "a person removed the app",
            Happening::AdAccountChanged => "the state of an ad account changed",
            Happening::AppUninstalled => "a business took the app's access to WhatsApp away",
            Happening::PartnerRemoved => "a WhatsApp account is shared with the app no more",
            Happening::AccountConnected => "a WhatsApp account is connected",
            Happening::AccountDeleted => "a WhatsApp account was deleted or moved away",
            Happening::AccountRestricted { restriction, .. } => {
                return format!("a WhatsApp account is restricted: {restriction}");
            }
            Happening::AccountDisabled => "a WhatsApp account is disabled",
            Happening::AccountReinstated => "a WhatsApp account is allowed again",
        };
        words.to_owned()
    }
}

fn policy(fault: &'static str) -> Consequence {
    Consequence::Policy { fault, message_class: None, until: None }
}

/// A restriction of something that Holdfast does not do, such as calls, stops nothing here, and
/// neither does one that nobody described yet: what it forbids the platform will refuse.
fn restricted(restriction: &str, until: Option<UnixSeconds>) -> Consequence {
    let message_class = match restriction {
        "RESTRICTED_BIZ_INITIATED_MESSAGING" => BUSINESS_INITIATED,
        "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => CUSTOMER_INITIATED,
        "RESTRICTED_UTILITY_TEMPLATES" | "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES" => UTILITY,
        _ => return Consequence::Note,
    };
    let message_class = Some(message_class);
    Consequence::Policy { fault: "whatsapp.account_restricted", message_class, until }
}

#[cfg(test)]
mod tests {
    use holdfast_model::fault::{FaultAction, FaultClass};
    use holdfast_platforms::catalog;

    use super::*;
    use crate::signals::About;

    fn consequence(happening: Happening) -> Consequence {
        Signal { about: About::Business("1".to_owned()), happening, at: None }.consequence()
    }

    #[test]
    fn each_happening_has_the_consequence_of_the_sheets() {
        let restricted = |restriction: &str| Happening::AccountRestricted {
            restriction: restriction.to_owned(),
            until: None,
        };
        for (happening, class) in [
            (Happening::IntegrationUninstalled, Some(FaultClass::Credential)),
            (Happening::Deauthorized, Some(FaultClass::Credential)),
            (Happening::AppUninstalled, Some(FaultClass::Credential)),
            (Happening::PartnerRemoved, Some(FaultClass::Credential)),
            (Happening::AccountDisabled, Some(FaultClass::Policy)),
            (Happening::AccountDeleted, Some(FaultClass::Policy)),
            (restricted("RESTRICTED_BIZ_INITIATED_MESSAGING"), Some(FaultClass::Policy)),
            (restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION"), None),
            (restricted("SOMETHING_NEW"), None),
            (Happening::IntegrationInstalled, None),
            (Happening::PermissionsChanged, None),
        ] {
            let consequence = consequence(happening);
            let fault = match consequence {
                Consequence::Hold { fault } => Some((fault, FaultClass::Credential)),
                Consequence::Policy { fault, .. } => Some((fault, FaultClass::Policy)),
                _ => None,
            };
            assert_eq!(fault.map(|(_, class)| class), class, "{consequence:?}");
            if let Some((name, class)) = fault {
                let entry = catalog::entry(name).unwrap_or_else(|| panic!("no row {name}"));
                assert_eq!((entry.class, entry.action), (class, FaultAction::Hold), "{name}");
                assert_eq!(is_withdrawal(name), class == FaultClass::Credential, "{name}");
            }
        }
        assert_eq!(consequence(Happening::AccountConnected), Consequence::Verify);
        assert_eq!(consequence(Happening::IntegrationUpdated), Consequence::Verify);
    }

    #[test]
    fn a_restriction_of_messages_that_we_begin_leaves_replies_alone() {
        let until = Some(UnixSeconds(9));
        let restriction = "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned();
        let found = consequence(Happening::AccountRestricted { restriction, until });
        let message_class = Some(BUSINESS_INITIATED);
        let fault = "whatsapp.account_restricted";
        assert_eq!(found, Consequence::Policy { fault, message_class, until });
    }
}
