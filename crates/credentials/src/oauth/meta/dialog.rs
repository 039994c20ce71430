//! The page on which a person agrees.

use holdfast_model::secret::Secret;
use zeroize::Zeroizing;

use crate::oauth::request::encode;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow<'a> {
    /// Facebook Login: permissions by name.
    Login { scopes: &'a [String] },
    /// Login for Business: a configuration made at Meta says what is granted. The token is one of
    /// the client's business and not of the person.
    Business { config_id: &'a str },
}

#[derive(Clone, Copy)]
pub struct Dialog<'a> {
    pub client_id: &'a str,
    /// Must be the same, byte for byte, when the code is exchanged.
    pub redirect_uri: &'a str,
    pub state: &'a Secret,
    pub flow: &'a Flow<'a>,
    /// Ask again for what was declined before, which the platform otherwise leaves out.
    pub asks_again: bool,
}

pub fn dialog_url(dialog_host: &str, version: &str, dialog: &Dialog<'_>) -> Zeroizing<String> {
    let mut pairs = vec![
        ("client_id", dialog.client_id),
        ("redirect_uri", dialog.redirect_uri),
        ("state", dialog.state.expose()),
        ("response_type", "code"),
    ];
    let joined;
    match dialog.flow {
        Flow::Login { scopes } => {
            joined = scopes.join(",");
            pairs.push(("scope", &joined));
        }
        Flow::Business { config_id } => {
            pairs.push(("config_id", config_id));
            // General knowledge: without it the configuration's own response type wins.
            pairs.push(("override_default_response_type", "true"));
        }
    }
    if dialog.asks_again {
        pairs.push(("auth_type", "rerequest"));
    }
    let query = encode(&pairs);
    Zeroizing::new(format!("{dialog_host}/{version}/dialog/oauth?{}", query.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_asks_for_scopes_or_for_a_configuration() {
        let state = Secret::new("s".to_owned());
        let scopes = ["ads_management".to_owned(), "business_management".to_owned()];
        let login = Flow::Login { scopes: &scopes };
        let mut dialog = Dialog {
            client_id: "1",
            redirect_uri: "https://h.example.com/connect/meta/callback",
            state: &state,
            flow: &login,
            asks_again: true,
        };
        let url = dialog_url("https://www.facebook.com", "v25.0", &dialog);
        assert_eq!(
            url.as_str(),
            "https://www.facebook.com/v25.0/dialog/oauth?client_id=1&redirect_uri=https%3A%2F%2Fh\
             .example.com%2Fconnect%2Fmeta%2Fcallback&state=s&response_type=code&\
             scope=ads_management%2Cbusiness_management&auth_type=rerequest"
        );
        let business = Flow::Business { config_id: "7" };
        dialog.flow = &business;
        dialog.asks_again = false;
        let url = dialog_url("https://www.facebook.com", "v25.0", &dialog);
        assert!(url.contains("config_id=7&override_default_response_type=true"), "{}", *url);
        assert!(!url.contains("scope="), "{}", *url);
    }
}
