//! Where secrets are sent, and where we are reached.
//!
//! A platform has several hosts. Whoever points one of them at the sandbox means all of them: a
//! test's app secret must not reach a platform because a key was forgotten.

use holdfast_model::platform::PlatformId;

use super::{PlatformUrl, Settings};

const META: &str = "https://graph.facebook.com";
const SNAP: &str = "https://tr.snapchat.com";

impl Settings {
    /// Where a platform's tokens are sent: its fixed host, unless the file says otherwise.
    pub fn base_url(&self, platform: PlatformId) -> &str {
        match platform {
            // WhatsApp's tokens are tokens of the Graph API.
            PlatformId::Meta | PlatformId::Whatsapp => &self.meta.base_url.0,
            PlatformId::Snap => &self.snap.base_url.0,
        }
    }

    /// Where people sign in at Meta.
    pub fn meta_dialog_url(&self) -> &str {
        host(&self.meta.dialog_url, "https://www.facebook.com", &self.meta.base_url, META)
    }

    /// Where tokens of Instagram Login are sent.
    pub fn instagram_url(&self) -> &str {
        host(&self.meta.instagram_url, "https://graph.instagram.com", &self.meta.base_url, META)
    }

    /// Where people sign in at Snap, and where tokens are refreshed.
    pub fn snap_accounts_url(&self) -> &str {
        host(&self.snap.accounts_url, "https://accounts.snapchat.com", &self.snap.base_url, SNAP)
    }

    /// Snap's Ads API.
    pub fn snap_ads_url(&self) -> &str {
        host(&self.snap.ads_url, "https://adsapi.snapchat.com", &self.snap.base_url, SNAP)
    }

    /// Where others reach this gateway, without a slash at the end.
    pub fn public_url(&self) -> String {
        match &self.server.public_url {
            Some(url) => url.0.clone(),
            None => format!("http://{}", self.server.listen),
        }
    }
}

fn host<'a>(
    set: &'a Option<PlatformUrl>,
    usual: &'static str,
    base: &'a PlatformUrl,
    usual_base: &str,
) -> &'a str {
    match set {
        Some(url) => &url.0,
        None if base.0 == usual_base => usual,
        None => &base.0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn whoever_points_one_host_at_a_sandbox_means_all_of_them() {
        let parse = |toml: &str| Settings::parse(toml, &BTreeMap::new()).unwrap();
        let usual = parse("");
        assert_eq!(usual.meta_dialog_url(), "https://www.facebook.com");
        assert_eq!(usual.snap_accounts_url(), "https://accounts.snapchat.com");
        let sandbox = parse("[platforms.meta]\nbase_url = \"http://127.0.0.1:1\"\n");
        assert_eq!(sandbox.meta_dialog_url(), "http://127.0.0.1:1");
        assert_eq!(sandbox.instagram_url(), "http://127.0.0.1:1");
        assert_eq!(sandbox.snap_ads_url(), "https://adsapi.snapchat.com");
        let apart = parse(
            "[platforms.meta]\nbase_url = \"http://127.0.0.1:1\"\n\
             dialog_url = \"http://127.0.0.1:2\"\n",
        );
        assert_eq!(apart.meta_dialog_url(), "http://127.0.0.1:2");
    }

    #[test]
    fn we_are_reached_where_we_listen_unless_somebody_says_otherwise() {
        let parse = |toml: &str| Settings::parse(toml, &BTreeMap::new()).unwrap();
        assert_eq!(parse("").public_url(), "http://127.0.0.1:8377");
        let behind_proxy = parse("[server]\npublic_url = \"https://holdfast.example.com/\"\n");
        assert_eq!(behind_proxy.public_url(), "https://holdfast.example.com");
    }
}
