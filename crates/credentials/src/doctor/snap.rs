//! What fits what Snap said, which is little. (`snap-conversions.md` §11)

use holdfast_model::credential::Expiry;

use super::Confidence::{Certain, Likely, Possible};
use super::causes as is;
use super::{Asked, Evidence, Hypothesis, Question};
use crate::Severity;
use crate::lint::Shape;

const REFUSALS: [&str; 2] = ["snap.token_refused", "snap.forbidden"];

pub fn hypotheses(evidence: &Evidence) -> Vec<Hypothesis> {
    let rules: [fn(&Evidence) -> Vec<Hypothesis>; 5] = [form, asset, oauth, refused, otherwise];
    rules.iter().map(|rule| rule(evidence)).find(|found| !found.is_empty()).unwrap_or_default()
}

fn form(evidence: &Evidence) -> Vec<Hypothesis> {
    let lint = &evidence.lint;
    if let Some(refused) = lint.findings.iter().find(|f| f.severity == Severity::Refuse) {
        let cause = if lint.is_damaged { is::CUT_OR_ALTERED } else { is::NOT_A_TOKEN };
        return vec![cause.with(Certain, &refused.text)];
    }
    if lint.snap.is_staging && !evidence.works_somewhere() {
        return vec![is::KIT_TOKEN.with(Certain, "Its text names the environment STAGING.")];
    }
    if lint.snap.begins_absurdly_late(evidence.now) && !evidence.works_somewhere() {
        return vec![
            is::ALTERED_INSIDE.with(Likely, "It says that it begins in years."),
            is::OF_THE_FUTURE.with(Possible, "Or the clock of this machine is years behind."),
        ];
    }
    if lint.snap.is_of_the_future(evidence.now) && !evidence.works_somewhere() {
        return vec![is::OF_THE_FUTURE.with(Certain, "Its text names a time that has not come.")];
    }
    Vec::new()
}

fn asset(evidence: &Evidence) -> Vec<Hypothesis> {
    let unknown = evidence.answer(&["snap.asset_unknown"]);
    let why = "Snap answers 404 for it.";
    unknown.map(|_| is::ASSET_UNKNOWN.with(Likely, why)).into_iter().collect()
}

fn is_refused(asked: &Asked) -> bool {
    let names = |name: &str| REFUSALS.contains(&name) || name == "snap.oauth_expired";
    asked.question.is_about_the_asset() && asked.fault().is_some_and(|fault| names(&fault.name))
}

/// OAuth tokens and refresh tokens look alike, and only Snap's other host calls one expired.
fn oauth(evidence: &Evidence) -> Vec<Hypothesis> {
    if evidence.lint.shape != Shape::SnapOauth {
        return Vec::new();
    }
    let Some(refused) = evidence.asked.iter().find(|asked| is_refused(asked)) else {
        return Vec::new();
    };
    let identity = evidence.asked(Question::Identity);
    if evidence.answer(&["snap.oauth_expired"]).is_some() {
        let known = evidence.known.as_ref().map(|known| known.expires_at);
        let has_passed = matches!(known, Some(Expiry::At(at)) if at <= evidence.now);
        let why = "Snap calls it expired.";
        let again = "An access token and a refresh token look alike, and both are called so.";
        return match has_passed || evidence.is_the_last_good() {
            true => {
                vec![is::OAUTH_EXPIRED.with(Certain, why), is::REFRESH_TOKEN.with(Possible, again)]
            }
            false => {
                vec![is::OAUTH_EXPIRED.with(Likely, why), is::REFRESH_TOKEN.with(Likely, again)]
            }
        };
    }
    if identity.is_some_and(|asked| asked.reading.answer == holdfast_platforms::ProbeAnswer::Proved)
    {
        let why = "Snap knows whose it is, and refuses it for the asset.";
        if evidence.works_elsewhere(refused) {
            return vec![is::FOREIGN_ORGANIZATION.with(Likely, why)];
        }
        return vec![is::OAUTH_SCOPE.with(Likely, why), is::FOREIGN_ORGANIZATION.with(Likely, why)];
    }
    Vec::new()
}

/// 401 says nothing but no.
fn refused(evidence: &Evidence) -> Vec<Hypothesis> {
    let Some(refused) = evidence.asked.iter().find(|asked| is_refused(asked)) else {
        return Vec::new();
    };
    if evidence.asked.iter().any(|asked| asked.asset == refused.asset && asked.is_proof_of_use()) {
        return Vec::new();
    }
    if evidence.works_elsewhere(refused) {
        let why = "The same token works on another asset.";
        return vec![is::FOREIGN_ORGANIZATION.with(Certain, why)];
    }
    if evidence.is_the_last_good() {
        let why = "The same token worked before, and is refused on every asset now.";
        return vec![is::DELETED.with(Likely, why)];
    }
    let no_other = "It works on no asset that was tried, and none has worked before.";
    if evidence.lint.snap.is_young(evidence.now) {
        return vec![
            is::NOT_ACTIVE_YET.with(Likely, "It was made within the last day."),
            is::FOREIGN_ORGANIZATION.with(Possible, no_other),
            is::DELETED.with(Possible, no_other),
        ];
    }
    vec![is::FOREIGN_ORGANIZATION.with(Likely, no_other), is::DELETED.with(Likely, no_other)]
}

fn otherwise(evidence: &Evidence) -> Vec<Hypothesis> {
    if evidence.is_met_with_silence() {
        let said = evidence.asked.iter().find_map(Asked::fault);
        let said = said.map_or("", |fault| fault.platform_message.as_str());
        return vec![is::NO_ANSWER.with(Certain, format!("Every question met silence. {said}"))];
    }
    if let Some(hold) = evidence.holds.first().filter(|_| evidence.works_somewhere()) {
        return vec![
            is::NOT_THE_CREDENTIAL.with(Likely, format!("{}: {}", hold.name, hold.summary)),
        ];
    }
    Vec::new()
}
