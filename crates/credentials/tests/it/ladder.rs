//! The rungs that sending does not depend on: what was told of the account, and whether a death would
//! be told. None of them decides about the token.

use holdfast_credentials::doctor::{
    Asked, Conclusion, Diagnosis, Evidence, History, Outcome, Question, examine,
};
use holdfast_credentials::lint;
use holdfast_model::id::AssetId;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::{Learned, ProbeAnswer, ProbeReading, catalog};
use holdfast_testkit::{APP_ID, fake_token};

use crate::doctor::NOW;

const NUMBER: &str = "106500000000001";
const WABA: &str = "102200000000001";

fn asked(question: Question, asset: Option<&str>, reading: ProbeReading) -> Asked {
    Asked { question, asset: asset.map(|id| AssetId::new(id).unwrap()), reading }
}

fn works() -> Asked {
    let reading =
        ProbeReading { answer: ProbeAnswer::Proved, fault: None, learned: Learned::default() };
    asked(Question::Asset, Some(NUMBER), reading)
}

fn listed(names: &[&str]) -> ProbeReading {
    let listed = Some(names.iter().map(|name| (*name).to_owned()).collect());
    let learned = Learned { listed, ..Learned::default() };
    ProbeReading { answer: ProbeAnswer::Proved, fault: None, learned }
}

fn refused(answer: ProbeAnswer, fault: &str) -> ProbeReading {
    let fault = Some(catalog::entry(fault).unwrap().fault());
    ProbeReading { answer, fault, learned: Learned::default() }
}

fn examined(platform: PlatformId, asked: Vec<Asked>) -> Diagnosis {
    examine(&Evidence {
        platform,
        source: "A test.".to_owned(),
        credential: None,
        lint: lint(&fake_token(APP_ID, 3), platform, None, NOW),
        configured_app: None,
        has_app_secret: true,
        history: History::None,
        known: None,
        clock_ahead_s: None,
        asked,
        holds: Vec::new(),
        now: NOW,
        is_offline: false,
    })
}

/// One more answer beside a number that works: the rung's outcome, and the conclusion as it was.
fn check(rung: &str, more: Asked, expected: Outcome, says: &str) {
    let diagnosis = examined(PlatformId::Whatsapp, vec![works(), more]);
    assert_eq!(diagnosis.conclusion, Conclusion::Works, "{rung}: {diagnosis:?}");
    assert!(diagnosis.hypotheses.is_empty(), "{rung}: {:?}", diagnosis.hypotheses);
    let step = diagnosis.steps.iter().find(|step| step.step == rung).unwrap();
    assert_eq!(step.outcome, expected, "{rung}: {}", step.evidence);
    assert!(step.evidence.contains(says), "{rung}: {}", step.evidence);
}

#[test]
fn what_the_account_tells() {
    let app = APP_ID.to_string();
    let silent = || refused(ProbeAnswer::Silent, "meta.server_error");
    let forbidden = || refused(ProbeAnswer::Unprobeable, "meta.permission_missing");
    let (numbers, apps) = (Question::AccountNumbers, Question::SubscribedApps);
    for (rung, question, reading, expected, says) in [
        ("account", numbers, listed(&[NUMBER, "2"]), Outcome::Pass, "2 number(s)"),
        ("account", numbers, listed(&["2"]), Outcome::Warn, NUMBER),
        ("account", numbers, forbidden(), Outcome::Warn, "cannot judge it"),
        ("account", numbers, silent(), Outcome::Skip, "No usable answer"),
        ("webhooks", apps, listed(&[&app]), Outcome::Pass, app.as_str()),
        ("webhooks", apps, listed(&["1"]), Outcome::Warn, "not app"),
        ("webhooks", apps, listed(&[]), Outcome::Warn, "No app is subscribed"),
        ("webhooks", apps, forbidden(), Outcome::Skip, "cannot judge it"),
        ("webhooks", apps, silent(), Outcome::Skip, "No usable answer"),
    ] {
        check(rung, asked(question, Some(WABA), reading), expected, says);
    }
}

#[test]
fn what_is_told_by_itself() {
    for (names, expected, says) in [
        (&["permissions", "application.business_integration_uninstall"][..], Outcome::Pass, "told"),
        (&["permissions"], Outcome::Warn, "business_integration"),
        (&["application", "application.other"], Outcome::Warn, "permissions and"),
        (&[], Outcome::Warn, "permissions and business_integration"),
    ] {
        check("push", asked(Question::Subscriptions, None, listed(names)), expected, says);
    }
    let refusal = refused(ProbeAnswer::Silent, "meta.unknown_code");
    check("push", asked(Question::Subscriptions, None, refusal), Outcome::Skip, "No usable");
}

/// An account that answers is no proof that the number works, and one that is silent no sign that
/// nobody is there.
#[test]
fn the_account_neither_proves_nor_silences() {
    let numbers = || asked(Question::AccountNumbers, Some(WABA), listed(&[NUMBER]));
    let alone = examined(PlatformId::Whatsapp, vec![numbers()]);
    assert_eq!(alone.conclusion, Conclusion::Unproved, "{alone:?}");
    let silent = refused(ProbeAnswer::Silent, "meta.no_answer");
    let mute = vec![asked(Question::Asset, Some(NUMBER), silent), numbers()];
    let mute = examined(PlatformId::Whatsapp, mute);
    assert_eq!(mute.conclusion, Conclusion::Undetermined, "{mute:?}");
    // Meta has no accounts of numbers, and Snap tells nothing by itself.
    let names = |platform| -> Vec<&str> {
        examined(platform, vec![works()]).steps.iter().map(|step| step.step).collect()
    };
    assert!(!names(PlatformId::Meta).contains(&"account"));
    assert_eq!(names(PlatformId::Meta).last(), Some(&"push"));
    assert_eq!(names(PlatformId::Snap).last(), Some(&"dry run"));
}
