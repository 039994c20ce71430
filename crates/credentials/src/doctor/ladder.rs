//! The steps, in the order in which one would take them by hand.

use holdfast_model::credential::{CredentialKind, Expiry};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{DAY_S, UnixSeconds, humanize_seconds};
use holdfast_platforms::{Learned, ProbeAnswer};

use super::Outcome::{Fail, Pass, Skip, Warn};
use super::{Asked, Evidence, History, Outcome, Question, Step, meta, push};
use crate::Severity;

/// A clock that is off by more breaks timed proofs.
const SKEW_S: i64 = 300;

/// A token that dies sooner is worth a word.
const SOON_S: i64 = 21 * DAY_S;

pub fn steps(evidence: &Evidence) -> Vec<Step> {
    let mut steps = vec![
        step("source", Pass, &evidence.source),
        form(evidence),
        fingerprint(evidence),
        app_id(evidence),
        clock(evidence),
        reachability(evidence),
    ];
    if evidence.platform != PlatformId::Snap {
        steps.push(debug_token(evidence));
        steps.push(kind(evidence));
    }
    steps.push(expiry(evidence));
    if evidence.platform != PlatformId::Snap {
        steps.push(scopes(evidence));
        steps.push(proof(evidence));
    }
    steps.extend(assets(evidence));
    if evidence.platform == PlatformId::Whatsapp {
        steps.push(account(evidence));
    }
    steps.push(dry_run(evidence));
    steps.extend(push::steps(evidence));
    steps
}

pub(super) fn step(name: &'static str, outcome: Outcome, evidence: impl Into<String>) -> Step {
    Step { step: name, outcome, evidence: evidence.into() }
}

fn form(evidence: &Evidence) -> Step {
    let findings = &evidence.lint.findings;
    let gravest = findings.iter().map(|finding| finding.severity).max();
    let outcome = match gravest {
        Some(Severity::Refuse) => Fail,
        Some(Severity::Warn) => Warn,
        _ => Pass,
    };
    let said = evidence.lint.describe().join(" ");
    step("form", outcome, if said.is_empty() { "Nothing to remark.".to_owned() } else { said })
}

fn fingerprint(evidence: &Evidence) -> Step {
    let length = evidence.lint.token().len();
    match evidence.history {
        History::None => step("fingerprint", Skip, "No version of it is known to have worked."),
        History::SameAsLastGood { at } => {
            step("fingerprint", Pass, format!("The same as worked on {at}."))
        }
        History::DiffersFromLastGood { at, length: before } => {
            let said = format!(
                "Not the one that worked on {at}, which had {before} characters; this has {length}."
            );
            step("fingerprint", Warn, said)
        }
    }
}

fn app_id(evidence: &Evidence) -> Step {
    match (evidence.lint.decoded_app_id, &evidence.configured_app) {
        (Some(decoded), Some(app)) if decoded.to_string() == app.as_str() => {
            step("app", Pass, format!("The token names app {app}, as configured."))
        }
        (Some(decoded), Some(app)) => {
            let said =
                format!("The token names app {decoded}, and it is configured for app {app}.");
            step("app", Warn, said)
        }
        (Some(decoded), None) => {
            let said =
                format!("The token names app {decoded}; no app of ours is configured for it.");
            step("app", Pass, said)
        }
        (None, _) => step("app", Skip, "The token names no app that can be read."),
    }
}

fn clock(evidence: &Evidence) -> Step {
    match evidence.clock_ahead_s {
        None => step("clock", Skip, "The platform told no time."),
        Some(ahead) if ahead.abs() <= SKEW_S => {
            step("clock", Pass, format!("{} s from the platform's.", ahead.abs()))
        }
        Some(ahead) => {
            let which = if ahead > 0 { "ahead of" } else { "behind" };
            let apart = humanize_seconds(ahead.abs());
            step("clock", Fail, format!("{apart} {which} the platform's."))
        }
    }
}

fn reachability(evidence: &Evidence) -> Step {
    if evidence.asked.is_empty() {
        let why = if evidence.is_offline { "Offline, as asked." } else { "Nothing was asked." };
        return step("reachable", Skip, why);
    }
    if evidence.is_met_with_silence() {
        let said = evidence.asked.iter().find_map(Asked::fault);
        let said = said.map_or("no usable answer", |fault| fault.platform_message.as_str());
        return step("reachable", Fail, format!("The platform did not answer: {said}"));
    }
    step("reachable", Pass, "The platform answers.")
}

fn debug_token(evidence: &Evidence) -> Step {
    let asked = evidence.asked(Question::DebugByApp).or(evidence.asked(Question::DebugBySelf));
    let Some(asked) = asked else { return step("debug_token", Skip, "Not asked.") };
    step("debug_token", outcome_of(asked), answer_of(asked))
}

pub(super) fn outcome_of(asked: &Asked) -> Outcome {
    match asked.reading.answer {
        ProbeAnswer::Proved => Pass,
        ProbeAnswer::Refuted => Fail,
        ProbeAnswer::Silent => Warn,
        ProbeAnswer::Unprobeable => Skip,
    }
}

pub(super) fn answer_of(asked: &Asked) -> String {
    let answer = match asked.reading.answer {
        ProbeAnswer::Proved => "It works",
        ProbeAnswer::Refuted => "Refused",
        ProbeAnswer::Silent => "No usable answer",
        ProbeAnswer::Unprobeable => "This question cannot judge it",
    };
    let Some(fault) = asked.fault() else { return format!("{answer}.") };
    let code = fault.code.map(|code| format!("{code} ")).unwrap_or_default();
    let said = match fault.platform_message.as_str() {
        "" => fault.summary.as_str(),
        message => message,
    };
    format!("{answer}: {code}{said}")
}

fn learned<'a, T: 'a>(
    evidence: &'a Evidence,
    look: impl Fn(&'a Learned) -> Option<T>,
) -> Option<T> {
    evidence.asked.iter().find_map(|asked| look(&asked.reading.learned))
}

fn kind(evidence: &Evidence) -> Step {
    let known = evidence.known.as_ref().map(|known| known.kind);
    let kind = learned(evidence, |learned| learned.kind).or(known);
    match kind {
        None | Some(CredentialKind::Unknown) => step("kind", Skip, "Nobody told its kind."),
        Some(CredentialKind::App) => step("kind", Fail, "An app's token cannot send anything."),
        Some(CredentialKind::User) if evidence.platform == PlatformId::Whatsapp => {
            let said = "A user's token. The one that the App dashboard shows lives for 24 hours; a \
                        system user's stays.";
            step("kind", Warn, said)
        }
        Some(CredentialKind::User) => {
            let said = "A user's token: it dies with their password, their session or their job. \
                        A system user's does not.";
            step("kind", Warn, said)
        }
        Some(CredentialKind::Page) => step("kind", Warn, "A page's token dies with its parent."),
        Some(CredentialKind::SystemUser) => step("kind", Pass, "A system user's token."),
        Some(other) => step("kind", Pass, format!("{other:?}")),
    }
}

fn expiry(evidence: &Evidence) -> Step {
    let is_known = |expiry: &Expiry| *expiry != Expiry::Unknown;
    let known = evidence.known.as_ref();
    let expires = learned(evidence, |learned| Some(learned.expires_at).filter(is_known))
        .or(known.map(|known| known.expires_at))
        .unwrap_or_default();
    let data = learned(evidence, |learned| Some(learned.data_access_expires_at).filter(is_known))
        .or(known.map(|known| known.data_access_expires_at))
        .unwrap_or_default();
    let said = match (expires, data) {
        (Expiry::Unknown, Expiry::Unknown) if evidence.platform == PlatformId::Snap => {
            return step("expiry", Skip, "Static tokens of Snap have no date.");
        }
        (Expiry::Unknown, Expiry::Unknown) => {
            return step("expiry", Skip, "Nobody told a date; that is unknown, not never.");
        }
        _ => {
            let data = when("data access ends", data, evidence.now);
            format!("{}; {data}.", when("expires", expires, evidence.now))
        }
    };
    let soonest = [expires, data].into_iter().filter_map(at).min();
    let outcome = match soonest.map(|at| at.0.saturating_sub(evidence.now.0)) {
        Some(left) if left <= 0 => Fail,
        Some(left) if left <= SOON_S => Warn,
        _ => Pass,
    };
    step("expiry", outcome, said)
}

fn at(expiry: Expiry) -> Option<UnixSeconds> {
    match expiry {
        Expiry::At(at) => Some(at),
        _ => None,
    }
}

fn when(what: &str, expiry: Expiry, now: UnixSeconds) -> String {
    match expiry {
        Expiry::Unknown => format!("{what}: unknown"),
        Expiry::Never => format!("{what} never"),
        Expiry::At(at) if at <= now => format!("{what}: passed on {at}"),
        Expiry::At(at) => format!("{what} in {}, on {at}", humanize_seconds(at.0 - now.0)),
    }
}

/// Scopes drift between the two lists that Meta keeps of them, so they never fail a token.
fn scopes(evidence: &Evidence) -> Step {
    let scopes = learned(evidence, |l| (!l.scopes.is_empty()).then_some(&l.scopes));
    let Some(scopes) = scopes else { return step("scopes", Skip, "Nobody told its permissions.") };
    let has = |scope: &&str| scopes.iter().any(|s| s == scope);
    let listed = scopes.join(", ");
    let needed = meta::needed(evidence.platform);
    if !needed.iter().any(has) {
        let said = format!("{listed}. {} is not among them; the asset decides.", needed[0]);
        return step("scopes", Warn, said);
    }
    if evidence.platform == PlatformId::Whatsapp && !has(&MANAGEMENT) {
        let said =
            format!("{listed}. {MANAGEMENT} is not: enough to send, not to manage templates.");
        return step("scopes", Warn, said);
    }
    step("scopes", Pass, listed)
}

/// What templates and numbers need, and sending does not.
const MANAGEMENT: &str = "whatsapp_business_management";

fn proof(evidence: &Evidence) -> Step {
    let asks = |asked: &&Asked| {
        asked
            .fault()
            .is_some_and(|f| matches!(&*f.name, "meta.proof_required" | "meta.proof_invalid"))
    };
    let refused = evidence.asked.iter().find(asks);
    match refused {
        Some(asked) if asked.question == Question::IdentityUnproved => {
            step("proof", Pass, "The app requires a proof, and its secret is stored.")
        }
        Some(asked) => step("proof", Fail, answer_of(asked)),
        None if evidence.asked.is_empty() => step("proof", Skip, "Not asked."),
        None if !evidence.is_alive() => {
            step("proof", Skip, "Nothing was accepted, with or without.")
        }
        None if evidence.has_app_secret => {
            step("proof", Pass, "Sent with every call, and accepted.")
        }
        None => step("proof", Pass, "Not required."),
    }
}

fn assets(evidence: &Evidence) -> Vec<Step> {
    let about: Vec<&Asked> = evidence
        .asked
        .iter()
        .filter(|asked| matches!(asked.question, Question::Asset | Question::Quality))
        .collect();
    let mut ids: Vec<_> = about.iter().filter_map(|asked| asked.asset.as_ref()).collect();
    ids.dedup();
    if ids.is_empty() && evidence.is_offline {
        return vec![step("asset", Skip, "Offline, as asked.")];
    }
    if ids.is_empty() {
        return vec![step("asset", Skip, "No asset was named, and no destination uses it.")];
    }
    let of = |id| about.iter().filter(move |asked| asked.asset.as_ref() == Some(id));
    let one = |id| {
        // One of two reads suffices: a token that may send may be refused the other.
        let best = of(id).find(|asked| asked.is_proof_of_use()).or(of(id).next());
        best.map(|asked| step("asset", outcome_of(asked), format!("{id}: {}", answer_of(asked))))
    };
    ids.into_iter().filter_map(one).collect()
}

/// Whether the account that was named has the numbers that the token is for.
fn account(evidence: &Evidence) -> Step {
    let Some(asked) = evidence.asked(Question::AccountNumbers) else {
        let why = if evidence.is_offline { "Offline, as asked." } else { "No account was named." };
        return step("account", Skip, why);
    };
    let account = asked.asset.as_ref().map(ToString::to_string).unwrap_or_default();
    let Some(listed) = &asked.reading.learned.listed else {
        // Managing is not sending: what is refused here stops nothing.
        let outcome = if asked.reading.answer == ProbeAnswer::Silent { Skip } else { Warn };
        return step("account", outcome, format!("{account}: {}", answer_of(asked)));
    };
    let about_number = |asked: &&Asked| asked.question == Question::Asset;
    let numbers =
        evidence.asked.iter().filter(about_number).filter_map(|asked| asked.asset.as_ref());
    let foreign: Vec<String> =
        numbers.map(ToString::to_string).filter(|number| !listed.contains(number)).collect();
    if foreign.is_empty() {
        return step("account", Pass, format!("{account} has {} number(s).", listed.len()));
    }
    let said = format!("{account} has {} number(s), not {}.", listed.len(), foreign.join(", "));
    step("account", Warn, said)
}

fn dry_run(evidence: &Evidence) -> Step {
    match evidence.asked(Question::DryRun) {
        None if evidence.platform == PlatformId::Whatsapp => {
            step("dry run", Skip, "WhatsApp has none: what is sent arrives.")
        }
        None => step("dry run", Skip, "Only when asked for."),
        Some(asked) => step("dry run", outcome_of(asked), answer_of(asked)),
    }
}
