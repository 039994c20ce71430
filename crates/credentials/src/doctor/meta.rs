//! What fits what Meta said. (`tokens.md` §8.2, §8.4 and the ranking of §11)

use holdfast_model::credential::{CredentialKind, Expiry};
use holdfast_model::fault::{Fault, FaultClass};
use holdfast_model::platform::PlatformId;
use holdfast_platforms::ProbeAnswer;

use super::Confidence::{Certain, Likely, Possible};
use super::causes::{self as is, named};
use super::{Asked, Evidence, Hypothesis, Question};
use crate::Severity;
use crate::lint::Shape;

/// Meta names these itself, and means what it says.
const SPEAKS_FOR_ITSELF: [&str; 18] = [
    "meta.debug_only_token",
    "meta.session_key_malformed",
    "meta.token_expired",
    "meta.session_replaced",
    "meta.session_origin",
    "meta.app_removed",
    "meta.user_checkpoint",
    "meta.password_changed",
    "meta.user_unconfirmed",
    "meta.system_user_removed",
    "meta.token_revoked",
    "meta.logged_out",
    "meta.page_role_lost",
    "meta.page_permission",
    "meta.data_access_lapsed",
    "meta.api_blocked",
    "meta.policy_block",
    "meta.version_retired",
];

/// The app was refused as a caller, for its id or for its secret.
const APP_IS_REFUSED: [&str; 2] = ["meta.app_invalid", "meta.app_secret_mismatch"];

/// Further off than this, a timed proof is refused.
const SKEW_S: i64 = 300;

pub fn hypotheses(evidence: &Evidence) -> Vec<Hypothesis> {
    let rules: [fn(&Evidence) -> Vec<Hypothesis>; 10] = [
        form,
        unreadable,
        not_a_token,
        speaks_for_itself,
        refused,
        proof,
        asset,
        permission,
        app,
        otherwise,
    ];
    // The first that fits: what comes after it looks at a token that passed it.
    rules.iter().map(|rule| rule(evidence)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// What can be told without asking anyone.
fn form(evidence: &Evidence) -> Vec<Hypothesis> {
    let lint = &evidence.lint;
    let Some(refused) = lint.findings.iter().find(|f| f.severity == Severity::Refuse) else {
        return match evidence.asked.is_empty() {
            true => suspicion(evidence).into_iter().collect(),
            false => Vec::new(),
        };
    };
    if lint.is_damaged {
        return vec![is::CUT_OR_ALTERED.with(Certain, &refused.text)];
    }
    vec![is::NOT_A_TOKEN.with(Certain, &refused.text)]
}

/// What the form suggests where nobody can be asked.
fn suspicion(evidence: &Evidence) -> Option<Hypothesis> {
    if evidence.lint.is_damaged {
        return Some(damage(evidence));
    }
    let is_something_else = !matches!(evidence.lint.shape, Shape::Graph | Shape::Unknown);
    let because = damage(evidence).because;
    is_something_else.then(|| is::NOT_A_TOKEN.with(Likely, because))
}

fn damage(evidence: &Evidence) -> Hypothesis {
    let mut warnings = evidence.lint.findings.iter().filter(|f| f.severity == Severity::Warn);
    let seen = warnings.next().map_or("", |finding| finding.text.as_str());
    is::CUT_OR_ALTERED.with(Likely, seen)
}

/// "Could not be decrypted": the text is not, byte for byte, what Meta issued.
fn unreadable(evidence: &Evidence) -> Vec<Hypothesis> {
    if evidence.answer(&["meta.token_damaged"]).is_none() {
        return Vec::new();
    }
    let says = "Meta cannot decrypt it, which means that it is not the text that Meta issued";
    if evidence.is_the_last_good() {
        return vec![
            is::INVALIDATED.with(Likely, format!("{says}; but the same text worked before.")),
            is::APP_SECRET_RESET.with(Possible, "The same text worked before."),
        ];
    }
    if evidence.lint.is_damaged {
        let seen = damage(evidence).because;
        return vec![
            is::CUT_OR_ALTERED.with(Certain, format!("{says}. {seen}")),
            is::WRONG_VARIABLE.with(Possible, "A damaged text may also be another text."),
        ];
    }
    if evidence.differs_from_the_last_good() {
        let differs = format!("{says}, and it is not the one that worked before.");
        return vec![
            is::CUT_OR_ALTERED.with(Likely, differs),
            is::WRONG_VARIABLE.with(Possible, "It is not the one that worked before."),
        ];
    }
    vec![
        is::ALTERED_INSIDE.with(
            Likely,
            format!("{says}. Its form shows no damage, and nothing is known of before."),
        ),
        is::INVALIDATED.with(Possible, "Nothing is known of before."),
    ]
}

fn not_a_token(evidence: &Evidence) -> Vec<Hypothesis> {
    if evidence.answer(&["meta.not_a_token"]).is_none() {
        return Vec::new();
    }
    if evidence.lint.shape == Shape::Graph {
        let why = "Meta sees no token, and what is stored has the form of one.";
        return vec![is::WRAPPED.with(Likely, why), is::CUT_OR_ALTERED.with(Possible, why)];
    }
    vec![is::NOT_A_TOKEN.with(Likely, "Meta sees no token, and the text has no token's form.")]
}

fn speaks_for_itself(evidence: &Evidence) -> Vec<Hypothesis> {
    let answer = evidence.answer(&SPEAKS_FOR_ITSELF).and_then(Asked::fault);
    answer.map(|fault| named(fault, Certain)).into_iter().collect()
}

/// Refused, and Meta gave no subcode.
fn refused(evidence: &Evidence) -> Vec<Hypothesis> {
    let Some(answer) = evidence.answer(&["meta.token_refused"]) else { return Vec::new() };
    let expiry = expiries(evidence).find_map(|expiry| match expiry {
        Expiry::At(at) => Some(at),
        _ => None,
    });
    if expiry.is_some_and(|at| at <= evidence.now) {
        return vec![is::EXPIRED.with(Likely, "Its date has passed, and it is refused.")];
    }
    let said = answer.fault().map_or("", |fault| fault.platform_message.as_str());
    vec![is::REFUSED_WITHOUT_REASON.with(Likely, format!("Refused without a subcode. {said}"))]
}

/// What was learned now, else what was known before.
fn expiries(evidence: &Evidence) -> impl Iterator<Item = Expiry> {
    let learned = evidence.asked.iter().map(|asked| asked.reading.learned.expires_at);
    learned.chain(evidence.known.as_ref().map(|known| known.expires_at))
}

fn proof(evidence: &Evidence) -> Vec<Hypothesis> {
    let is_about_use = |asked: &&Asked| asked.question != Question::IdentityUnproved;
    let fault = |name: &str| {
        let mut asked = evidence.asked.iter().filter(is_about_use);
        asked.any(|asked| asked.fault().is_some_and(|fault| fault.name == name))
    };
    if fault("meta.proof_invalid") {
        if evidence.clock_ahead_s.is_some_and(|ahead| ahead.abs() > SKEW_S) {
            return vec![
                is::CLOCK.with(Likely, "The proof is refused, and the clocks differ."),
                is::PROOF_WRONG.with(Possible, "The proof is refused."),
            ];
        }
        return vec![is::PROOF_WRONG.with(Likely, app_difference(evidence))];
    }
    if fault("meta.proof_required") {
        return vec![is::PROOF_MISSING.with(Certain, "Meta asks for appsecret_proof.")];
    }
    Vec::new()
}

fn app_difference(evidence: &Evidence) -> String {
    match (evidence.lint.decoded_app_id, &evidence.configured_app) {
        (Some(decoded), Some(configured)) if decoded.to_string() != configured.as_str() => {
            format!(
                "The proof is refused. The token names app {decoded}, the secret is of {configured}."
            )
        }
        _ => "The proof is refused.".to_owned(),
    }
}

/// 100/33: the platform does not say whether the asset or the token is out of place.
fn asset(evidence: &Evidence) -> Vec<Hypothesis> {
    let about_asset = |asked: &&Asked| asked.question.is_about_the_asset();
    let missing = evidence.asked.iter().filter(about_asset).find(|asked| {
        asked
            .fault()
            .is_some_and(|f| matches!(&*f.name, "meta.asset_missing" | "meta.alias_unknown"))
    });
    let Some(missing) = missing else { return Vec::new() };
    if is_answered_elsewhere(evidence, missing) {
        return Vec::new();
    }
    let id = missing.asset.as_ref().map(ToString::to_string).unwrap_or_default();
    if evidence.works_elsewhere(missing) {
        let why = format!("It works on another asset, and Meta shows it no {id}.");
        return vec![
            is::ASSET_NOT_ASSIGNED.with(Likely, why.clone()),
            is::OTHER_BUSINESS.with(Possible, why),
        ];
    }
    if let Some(numbers) = numbers_without(evidence, &id) {
        let why = format!("Meta shows it no {id}, and the account's numbers are {numbers}.");
        return vec![is::NUMBER_NOT_OF_ACCOUNT.with(Certain, why)];
    }
    let why =
        format!("The token is alive, and Meta shows it no {id}. It was tried on no other asset.");
    let other = format!("{why} A token of another business looks the same from here.");
    vec![is::ASSET_NOT_ASSIGNED.with(Likely, why), is::OTHER_BUSINESS.with(Possible, other)]
}

/// The numbers of the account that was named, if this id is none of them.
fn numbers_without(evidence: &Evidence, id: &str) -> Option<String> {
    let asked = evidence.asked(Question::AccountNumbers)?;
    let listed = asked.reading.learned.listed.as_ref()?;
    let is_missing = !listed.is_empty() && !listed.iter().any(|number| number == id);
    is_missing.then(|| listed.join(", "))
}

/// A token that may send may still be refused one of two reads.
fn is_answered_elsewhere(evidence: &Evidence, refused: &Asked) -> bool {
    let mut same = evidence.asked.iter().filter(|asked| asked.asset == refused.asset);
    same.any(Asked::is_proof_of_use)
}

/// Any of these lets a token send.
pub fn needed(platform: PlatformId) -> &'static [&'static str] {
    match platform {
        PlatformId::Whatsapp => &["whatsapp_business_messaging"],
        _ => &["ads_management", "business_management"],
    }
}

fn permission(evidence: &Evidence) -> Vec<Hypothesis> {
    let needed = needed(evidence.platform);
    let Some(refused) = evidence.answer(&["meta.permission_missing"]) else { return Vec::new() };
    let mut learned = evidence.asked.iter().map(|asked| &asked.reading.learned.scopes);
    let scopes = learned.find(|scopes| !scopes.is_empty());
    let lacks = |scopes: &Vec<String>| !scopes.iter().any(|scope| needed.contains(&scope.as_str()));
    if is_answered_elsewhere(evidence, refused) {
        // Some tokens may send and read little. This one was granted nothing to send with.
        let why = "Meta refuses to show it the asset, and it was granted no permission to send.";
        let suspicion = scopes.filter(|scopes| lacks(scopes));
        return suspicion.map(|_| is::SCOPE_MISSING.with(Likely, why)).into_iter().collect();
    }
    match scopes {
        Some(scopes) if lacks(scopes) => {
            let why = format!("Meta refuses it, and it was granted only {}.", scopes.join(", "));
            vec![is::SCOPE_MISSING.with(Certain, why)]
        }
        Some(_) => {
            let why = "Meta refuses it, and the permission was granted.";
            vec![is::APP_ACCESS_LEVEL.with(Likely, why), is::SCOPE_MISSING.with(Possible, why)]
        }
        None => {
            let why = "Meta refuses it; which permissions were granted is not known.";
            vec![is::SCOPE_MISSING.with(Likely, why), is::APP_ACCESS_LEVEL.with(Possible, why)]
        }
    }
}

/// The caller was refused, which judges the app and not the token.
fn app(evidence: &Evidence) -> Vec<Hypothesis> {
    let by_app = evidence.asked(Question::DebugByApp).and_then(Asked::fault);
    let answered = evidence.answer(&APP_IS_REFUSED).and_then(Asked::fault);
    // Of all that may be wrong with an app, Meta says this one itself.
    let says_deleted = |fault: &&Fault| fault.platform_message.contains("has been deleted");
    if let Some(fault) = [by_app, answered].into_iter().flatten().find(says_deleted) {
        return vec![named(fault, Certain)];
    }
    let is_refused = by_app.is_some_and(|fault| {
        matches!(fault.class, FaultClass::App | FaultClass::Credential)
            || APP_IS_REFUSED.contains(&fault.name.as_str())
    });
    if is_refused {
        let said = by_app.map_or("", |fault| fault.platform_message.as_str());
        return vec![is::APP_WRONG.with(Likely, format!("Asked by the app, Meta said: {said}"))];
    }
    answered
        .map(|_| is::APP_SECRET_RESET.with(Likely, "Meta refuses the app that issued it."))
        .into_iter()
        .collect()
}

fn otherwise(evidence: &Evidence) -> Vec<Hypothesis> {
    if evidence.is_met_with_silence() {
        let said = evidence.asked.iter().find_map(Asked::fault);
        let said = said.map_or("", |fault| fault.platform_message.as_str());
        return vec![is::NO_ANSWER.with(Certain, format!("Every question met silence. {said}"))];
    }
    let kind = evidence.asked.iter().find_map(|asked| asked.reading.learned.kind);
    if kind == Some(CredentialKind::App) {
        return vec![is::WRONG_KIND.with(Certain, "debug_token calls it an app's token.")];
    }
    if let Some(Expiry::At(at)) = data_access(evidence).filter(|_| evidence.is_alive())
        && at <= evidence.now
    {
        let lapsed = "Meta calls it valid, but the access to data that was granted has lapsed.";
        let mut hypothesis = is::EXPIRED.with(Likely, lapsed);
        hypothesis.cause = "meta.data_access_lapsed".to_owned();
        return vec![hypothesis];
    }
    let is_proved = evidence.works_somewhere();
    if let Some(hold) = evidence.holds.first().filter(|_| is_proved) {
        return vec![
            is::NOT_THE_CREDENTIAL.with(Likely, format!("{}: {}", hold.name, hold.summary)),
        ];
    }
    let is_refuted = evidence.asked.iter().any(|one| one.reading.answer == ProbeAnswer::Refuted);
    if is_refuted && !is_proved {
        let why = "The platform refuses it in words that are not known here.";
        return vec![is::REFUSED_WITHOUT_REASON.with(Possible, why)];
    }
    Vec::new()
}

fn data_access(evidence: &Evidence) -> Option<Expiry> {
    let learned = evidence.asked.iter().map(|asked| asked.reading.learned.data_access_expires_at);
    learned.into_iter().find(|expiry| *expiry != Expiry::Unknown)
}
