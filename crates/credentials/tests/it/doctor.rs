//! What the doctor says without asking anyone.

use holdfast_credentials::doctor::{Conclusion, Diagnosis, Evidence, History, examine};
use holdfast_credentials::lint;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixSeconds;
use holdfast_testkit::{APP_ID, SNAP_PRODUCTION, fake_snap_token, fake_token};

pub const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

pub fn offline(platform: PlatformId, text: &str) -> Diagnosis {
    examine(&Evidence {
        platform,
        source: "A test.".to_owned(),
        credential: None,
        lint: lint(text, platform, None, NOW),
        configured_app: None,
        has_app_secret: false,
        history: History::None,
        known: None,
        clock_ahead_s: None,
        asked: Vec::new(),
        holds: Vec::new(),
        now: NOW,
        is_offline: true,
    })
}

pub fn all_that_is_said(diagnosis: &Diagnosis) -> String {
    serde_json::to_string(diagnosis).unwrap()
}

#[test]
fn a_whole_token_is_not_called_good_without_an_answer() {
    for (platform, token) in [
        (PlatformId::Meta, fake_token(APP_ID, 1)),
        (PlatformId::Snap, fake_snap_token(SNAP_PRODUCTION, 1_700_000_000, 1)),
    ] {
        let diagnosis = offline(platform, &token);
        assert_eq!(diagnosis.conclusion, Conclusion::Unproved);
        assert!(diagnosis.hypotheses.is_empty());
        assert!(diagnosis.next_action.contains("without --offline"), "{}", diagnosis.next_action);
        assert!(!all_that_is_said(&diagnosis).contains("{credential}"));
    }
}
