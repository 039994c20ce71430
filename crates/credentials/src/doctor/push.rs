//! Whether the platform tells by itself that a token has died, so that it need not be found out by
//! asking. (`tokens.md` §7 and step 14 of §11)

use holdfast_model::platform::PlatformId;
use holdfast_platforms::ProbeAnswer;
use holdfast_platforms::meta::missing_death_signals;

use super::Outcome::{Pass, Skip, Warn};
use super::ladder::{answer_of, step};
use super::{Asked, Evidence, Outcome, Question, Step};

pub fn steps(evidence: &Evidence) -> Vec<Step> {
    match evidence.platform {
        // Snap has no such thing.
        PlatformId::Snap => Vec::new(),
        PlatformId::Meta => vec![subscriptions(evidence)],
        PlatformId::Whatsapp => vec![subscriptions(evidence), subscribed_apps(evidence)],
    }
}

fn subscriptions(evidence: &Evidence) -> Step {
    let Some(asked) = evidence.asked(Question::Subscriptions) else {
        return step("push", Skip, why_not_asked(evidence));
    };
    let Some(listed) = &asked.reading.learned.listed else { return refused("push", asked) };
    let missing = missing_death_signals(listed);
    if missing.is_empty() {
        return step("push", Pass, "The app is told when access is taken away.");
    }
    let said = format!(
        "The app is not subscribed to {}: that access was taken away is found out by asking only.",
        missing.join(" and ")
    );
    step("push", Warn, said)
}

fn why_not_asked(evidence: &Evidence) -> &'static str {
    if evidence.is_offline {
        return "Offline, as asked.";
    }
    match evidence.has_app_secret {
        true => "Nothing was asked.",
        false => "Only the app itself may ask what it is told, and its secret is not stored here.",
    }
}

/// A question that was not answered. The token is not judged by it.
fn refused(name: &'static str, asked: &Asked) -> Step {
    let outcome: Outcome = match asked.reading.answer {
        ProbeAnswer::Silent | ProbeAnswer::Unprobeable => Skip,
        ProbeAnswer::Proved | ProbeAnswer::Refuted => Warn,
    };
    step(name, outcome, answer_of(asked))
}

/// Whether what happens on the account reaches the app that issued the token.
fn subscribed_apps(evidence: &Evidence) -> Step {
    let Some(asked) = evidence.asked(Question::SubscribedApps) else {
        let why = if evidence.is_offline { "Offline, as asked." } else { "No account was named." };
        return step("webhooks", Skip, why);
    };
    let Some(listed) = &asked.reading.learned.listed else { return refused("webhooks", asked) };
    let account = asked.asset.as_ref().map(ToString::to_string).unwrap_or_default();
    if listed.is_empty() {
        let said = format!(
            "No app is subscribed to {account}: neither messages nor the end of access is told."
        );
        return step("webhooks", Warn, said);
    }
    let decoded = evidence.lint.decoded_app_id.map(|id| id.to_string());
    let app = evidence.configured_app.as_ref().map(ToString::to_string).or(decoded);
    match app {
        Some(app) if !listed.contains(&app) => {
            let said = format!("{account} tells {}, not app {app}.", listed.join(", "));
            step("webhooks", Warn, said)
        }
        _ => step("webhooks", Pass, format!("{account} tells app {}.", listed.join(", "))),
    }
}
