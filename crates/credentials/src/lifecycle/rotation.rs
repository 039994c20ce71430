//! The steps of one run.
//!
//! ```text
//! lease → exchange → store → prove → active … delivers … → revoke the old one → retire it
//! ```
//!
//! A run does what is to be done now and ends; the next one is decided from what is durable then.
//! At every step at least one version that the platform accepts is durable here: the old one stays
//! what it is until the new one has been proved and has delivered, and a new one that is refused in
//! use gives its place back.

use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry, Made, VersionState};
use holdfast_model::id::VersionNo;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{DAY_S, HOUR_S, UnixMillis};

use super::command::{Command, End, Event, Exchanged, Found, Outcome, Trouble};
use super::known::{Attempts, Known, is_later, is_over};
use super::policy::{self, Setback, Way};
use super::proof::Proof;

/// So many requests with the new version have to be accepted before the old one is revoked: a
/// token that is good for one event may still be refused for the next kind.
pub const DELIVERIES_BEFORE_REVOKING: u64 = 20;

/// And so long it has to be in use: longer than any request takes that was signed with the old one.
pub const SETTLE_MS: i64 = 5 * 60 * 1_000;

/// Where nothing is delivered, a proof at this age says the same.
const PROVED_AGAIN_MS: i64 = DAY_S * 1_000;

/// A revocation that got no answer is tried again after this.
const REVOKE_AGAIN_MS: i64 = HOUR_S * 1_000;

/// What is to be done now.
enum Step {
    GoBack { to: VersionNo },
    Prove { version: VersionNo, even_if_silent: bool },
    Exchange { way: Way, with: VersionNo },
    Revoke { version: VersionNo },
    Retire { version: VersionNo },
    Wait { until: Option<UnixMillis> },
}

#[derive(Debug)]
enum Stage {
    Leasing,
    Exchanging(Way),
    Storing,
    Proving(VersionNo),
    GoingBack(VersionNo),
    Revoking(VersionNo, End),
    /// The last step but one.
    Ending(End),
}

/// One run for one credential.
#[derive(Debug)]
pub struct Rotation {
    known: Known,
    is_asked_for: bool,
    leased_until: UnixMillis,
    stage: Stage,
}

impl Rotation {
    /// Begins a run with [`Command::Lease`] if there is something to do; else says when to look
    /// again, if time alone can bring that.
    pub fn begin(known: Known, now: UnixMillis) -> Result<Self, Option<UnixMillis>> {
        match next_step(&known, false, now) {
            Step::Wait { until } => Err(until),
            _ => Ok(Self::new(known, false)),
        }
    }

    /// The same because somebody asked for it: what is planned for later is done now.
    pub fn begin_asked(known: Known, now: UnixMillis) -> Result<Self, Option<UnixMillis>> {
        match next_step(&known, true, now) {
            Step::Wait { until } => Err(until),
            _ => Ok(Self::new(known, true)),
        }
    }

    fn new(known: Known, is_asked_for: bool) -> Self {
        Self { known, is_asked_for, leased_until: UnixMillis(i64::MIN), stage: Stage::Leasing }
    }

    /// As it was when the run began, or better, when the lease was there.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What to do next. Whoever has outlived the lease begins nothing any more, because somebody else
    /// may have begun: only what is fenced off by the lease itself, or is nobody else's, is left.
    pub fn handle(&mut self, event: Event, now: UnixMillis) -> Command {
        let command = self.next(event, now);
        let is_safe = matches!(command, Command::Store { .. } | Command::End(_));
        if is_safe || now < self.leased_until {
            return command;
        }
        Command::End(End::default())
    }

    fn next(&mut self, event: Event, now: UnixMillis) -> Command {
        let stage = std::mem::replace(&mut self.stage, Stage::Ending(End::default()));
        match (stage, event) {
            (Stage::Leasing, Event::Leased { known, until }) => {
                self.leased_until = until;
                self.leased(*known, now)
            }
            (Stage::Exchanging(way), Event::Exchanged(exchanged)) => {
                self.exchanged(way, exchanged, now)
            }
            (Stage::Storing, Event::Stored(Some(version))) => self.prove(version, now),
            (Stage::Proving(version), Event::Proved(proof)) => self.proved(version, proof, now),
            (Stage::GoingBack(to), Event::WentBack(found)) => self.went_back(to, found, now),
            (Stage::Revoking(version, end), Event::Revoked(found)) => {
                self.revoked(version, end, found, now)
            }
            (Stage::Ending(end), Event::Done) => Command::End(end),
            (_, Event::Broke { says, is_passing }) => {
                let setback = if is_passing { Setback::Transient } else { Setback::Unfit };
                Command::End(self.failed(setback, says, now))
            }
            // Somebody else has the lease, or what happened does not belong here. What is durable
            // decides next time.
            _ => Command::End(End::default()),
        }
    }

    /// What is known may have changed until the lease was there: somebody else may just have
    /// finished.
    fn leased(&mut self, known: Known, now: UnixMillis) -> Command {
        self.known = known;
        match next_step(&self.known, self.is_asked_for, now) {
            Step::Wait { .. } => Command::End(End::default()),
            Step::GoBack { to } => {
                self.stage = Stage::GoingBack(to);
                Command::GoBack { to }
            }
            Step::Prove { version, even_if_silent } => {
                self.stage = Stage::Proving(version);
                Command::Prove { version, even_if_silent }
            }
            Step::Exchange { way, with } => {
                self.stage = Stage::Exchanging(way.clone());
                Command::Exchange { way, with }
            }
            Step::Revoke { version } => self.revoke(version, finished()),
            Step::Retire { version } => self.retire(version, finished()),
        }
    }

    fn exchanged(&mut self, way: Way, exchanged: Exchanged, now: UnixMillis) -> Command {
        let made = Made::Renewed { parent: self.known.parent.map(|parent| parent.version) };
        let (setback, says) = match exchanged {
            Exchanged::Brought => {
                self.stage = Stage::Storing;
                return Command::Store { made };
            }
            Exchanged::Same { expires_at } => return self.same(&way, made, expires_at, now),
            Exchanged::AppRefused(says) => (Setback::App, says),
            Exchanged::Transient(says) => (Setback::Transient, says),
            Exchanged::Refused(says) => (Setback::Definitive, says),
        };
        Command::End(self.failed(setback, says, now))
    }

    fn same(&mut self, way: &Way, made: Made, expires_at: Expiry, now: UnixMillis) -> Command {
        let Some(active) = self.known.active() else { return Command::End(End::default()) };
        let version = active.version;
        let is_longer = match (active.expires_at, expires_at) {
            (Expiry::At(old), Expiry::At(new)) => is_later(new, old),
            (Expiry::Unknown, Expiry::At(_)) => true,
            _ => false,
        };
        let end = match is_longer {
            true => self.succeeded(version, expires_at, now),
            // What is refused is no better for having been brought again.
            false if self.known.refused_since.is_some() => {
                let says = "the platform gave the token again that it refuses".to_owned();
                self.failed(Setback::Unfit, says, now)
            }
            false => self.no_gain(way, now),
        };
        self.stage = Stage::Ending(end);
        Command::Adopt { version, made, expires_at }
    }

    fn prove(&mut self, version: VersionNo, now: UnixMillis) -> Command {
        self.stage = Stage::Proving(version);
        Command::Prove { version, even_if_silent: is_dying(&self.known, now) }
    }

    fn proved(&mut self, version: VersionNo, proof: Proof, now: UnixMillis) -> Command {
        match proof {
            Proof::Active { expires_at } => Command::End(self.succeeded(version, expires_at, now)),
            Proof::Silent { says } => Command::End(self.failed(Setback::Transient, says, now)),
            Proof::Refused { says } => {
                let end = self.failed(Setback::Unfit, says, now);
                self.retire(version, end)
            }
            Proof::NoGain => {
                let end = self.no_gain(&policy::way(&self.known), now);
                match is_revocable(&self.known, version) {
                    true => self.revoke(version, end),
                    false => self.retire(version, end),
                }
            }
        }
    }

    fn went_back(&mut self, to: VersionNo, found: Found, now: UnixMillis) -> Command {
        match found {
            Found::Yes => {
                let says = format!("the newer version was refused in use; version {to} is back");
                let end = self.failed_with(to, Setback::Unfit, says, now);
                Command::End(End { outcome: Outcome::WentBack, ..end })
            }
            Found::No(says) => {
                let end = self.failed(Setback::Unfit, says, now);
                // Refused like the newer one, it is no way back.
                self.retire(to, end)
            }
            Found::Silent(says) => Command::End(self.failed(Setback::Transient, says, now)),
        }
    }

    fn revoke(&mut self, version: VersionNo, end: End) -> Command {
        self.stage = Stage::Revoking(version, end);
        Command::Revoke { version }
    }

    fn revoked(&mut self, version: VersionNo, end: End, found: Found, now: UnixMillis) -> Command {
        match found {
            // It is tried again, as long as its text is here to name it with.
            Found::Silent(_) => {
                Command::End(End { not_before: Some(now.plus_millis(REVOKE_AGAIN_MS)), ..end })
            }
            Found::Yes | Found::No(_) => self.retire(version, end),
        }
    }

    fn retire(&mut self, version: VersionNo, end: End) -> Command {
        self.stage = Stage::Ending(end);
        Command::Retire { version }
    }

    // ── What is written down ────────────────────────────────────────────────────────────────

    fn succeeded(&self, version: VersionNo, expires_at: Expiry, now: UnixMillis) -> End {
        let name = self.known.credential.id.as_str();
        let way = policy::way(&self.known);
        let record = Attempts {
            version: Some(version),
            tried_at: now,
            renewed_at: Some(now),
            failures: 0,
            next_at: policy::after_success(name, &way, expires_at, now),
            outcome: format!("version {version} is active"),
        };
        End { record: Some(record), outcome: Outcome::Renewed, ..End::default() }
    }

    fn no_gain(&self, way: &Way, now: UnixMillis) -> End {
        let record = Attempts {
            version: self.known.active().map(|active| active.version),
            tried_at: now,
            renewed_at: self.renewed_at(),
            failures: 0,
            next_at: policy::after_no_gain(way, now),
            outcome: "the platform gave nothing that lives longer; no harm is done".to_owned(),
        };
        End { record: Some(record), outcome: Outcome::NoGain, ..End::default() }
    }

    fn failed(&self, setback: Setback, says: String, now: UnixMillis) -> End {
        let in_use = self.known.active().map_or(VersionNo(0), |active| active.version);
        self.failed_with(in_use, setback, says, now)
    }

    /// With this version in use from now on, whose end decides how soon it is tried again.
    fn failed_with(
        &self,
        in_use: VersionNo,
        setback: Setback,
        says: String,
        now: UnixMillis,
    ) -> End {
        let name = self.known.credential.id.as_str();
        let way = policy::way(&self.known);
        let failures = self.known.failures().saturating_add(1);
        let in_use_now = self.known.version(in_use);
        let ends_at = in_use_now.and_then(|version| policy::ends_at(&way, version));
        let (trouble, outcome) = match setback {
            Setback::App => (Some(Trouble::App), Outcome::AppRefused),
            Setback::Unfit | Setback::Definitive => (Some(Trouble::Refused), Outcome::Refused),
            Setback::Transient => {
                let is_worrying =
                    failures >= policy::WORRYING_FAILURES || is_dying(&self.known, now);
                (is_worrying.then_some(Trouble::Unanswered), Outcome::Unanswered)
            }
        };
        let record = Attempts {
            version: Some(in_use),
            tried_at: now,
            renewed_at: self.renewed_at(),
            failures,
            next_at: policy::after_failure(name, &way, setback, failures, ends_at, now),
            outcome: says.clone(),
        };
        let trouble = trouble.map(|trouble| (trouble, says));
        End { record: Some(record), trouble, outcome, not_before: None }
    }

    fn renewed_at(&self) -> Option<UnixMillis> {
        self.known.attempts.as_ref().and_then(|attempts| attempts.renewed_at)
    }
}

fn finished() -> End {
    End { outcome: Outcome::Finished, ..End::default() }
}

fn next_step(known: &Known, is_asked_for: bool, now: UnixMillis) -> Step {
    let Some(active) = known.active() else { return Step::Wait { until: None } };
    let again = known.attempts.as_ref().map(|attempts| (attempts.tried_at, attempts.next_at));
    // What was tried since it began waits for its next time.
    let may = |since: UnixMillis| match again {
        Some((tried_at, next_at)) => is_asked_for || tried_at < since || now >= next_at,
        None => true,
    };
    if let (Some(since), Some(old)) = (known.refused_since, known.fallback(now))
        && active.made.replaces()
        && may(since)
    {
        return Step::GoBack { to: old.version };
    }
    if let Some(candidate) = known.candidate() {
        if is_over(candidate.expires_at, now) {
            return Step::Retire { version: candidate.version };
        }
        if may(candidate.added_at) {
            let even_if_silent = is_dying(known, now);
            return Step::Prove { version: candidate.version, even_if_silent };
        }
        return Step::Wait { until: again.map(|(_, next_at)| next_at) };
    }
    if let Some(version) = left_over(known, active) {
        return Step::Retire { version };
    }
    let way = policy::way(known);
    let due = policy::due_at(known, &way, now);
    if due.is_some_and(|due| due <= now || is_asked_for) {
        return Step::Exchange { way, with: active.version };
    }
    match finish(known, active, now) {
        Step::Wait { until } => Step::Wait { until: [due, until].into_iter().flatten().min() },
        step => step,
    }
}

/// Refused in use, and its place was given back; or brought by a renewal, and then somebody brought
/// another one.
fn left_over(known: &Known, active: &CredentialVersion) -> Option<VersionNo> {
    let gave_way = |version: &&CredentialVersion| {
        version.state == VersionState::Superseded && version.version > active.version
    };
    let came_late = |version: &&CredentialVersion| {
        version.state == VersionState::Candidate
            && matches!(version.made, Made::Renewed { .. })
            && version.version < active.version
    };
    known.versions.iter().find(|one| gave_way(one) || came_late(one)).map(|one| one.version)
}

/// What becomes of the versions that were in use before the active one.
fn finish(known: &Known, active: &CredentialVersion, now: UnixMillis) -> Step {
    let mut waits = None;
    if !active.made.replaces() || known.refused_since.is_some() {
        return Step::Wait { until: None };
    }
    // Where the new one is refused, the old one may be the only one that works.
    let may_end = known.children_behind == 0 && !known.is_held && has_shown_itself(known, active);
    for old in known.superseded() {
        if is_over(old.expires_at, now) {
            return Step::Retire { version: old.version };
        }
        let settled_at = known.active_since.plus_millis(SETTLE_MS);
        if now < settled_at {
            waits = Some(settled_at);
        } else if may_end && !is_revocable(known, old.version) {
            return Step::Retire { version: old.version };
        } else if may_end {
            match known.revoke_after.filter(|after| now < *after) {
                Some(after) => waits = Some(after),
                None => return Step::Revoke { version: old.version },
            }
        } else if let Expiry::At(at) = old.expires_at {
            waits = Some(at.to_millis());
        }
    }
    Step::Wait { until: waits }
}

/// Whether the active version has done what it is for, and not only once.
fn has_shown_itself(known: &Known, active: &CredentialVersion) -> bool {
    let proved_again = |at: UnixMillis| at.0 - active.added_at.0 >= PROVED_AGAIN_MS;
    known.delivered >= DELIVERIES_BEFORE_REVOKING
        || active.verified_at.is_some_and(proved_again)
        || known.children > 0
}

/// Meta ends one token on request; the client, the app of the token and the secret must agree.
/// Page tokens end with their parent's, and no way is known to end one of Instagram's or Snap's.
/// The same token may have come in twice, here or under another credential: as long as it is kept
/// once more, it is not revoked.
pub fn is_revocable(known: &Known, version: VersionNo) -> bool {
    let kind = known.active().map_or(CredentialKind::Unknown, |active| active.kind);
    // One that has just come in was not looked for elsewhere.
    let Some(fingerprint) = known.version(version).map(|version| &version.fingerprint) else {
        return false;
    };
    let is_another = |other: &&CredentialVersion| {
        other.version != version && other.state != VersionState::Retired
    };
    known.credential.platform != PlatformId::Snap
        && known.has_app_secret
        && matches!(kind, CredentialKind::SystemUser | CredentialKind::User)
        && !known.kept_elsewhere.contains(fingerprint)
        && !known.versions.iter().filter(is_another).any(|other| other.fingerprint == *fingerprint)
}

/// Whether the token in use is in the last eighth of what was left when it came in, or over.
fn is_dying(known: &Known, now: UnixMillis) -> bool {
    let Some(active) = known.active() else { return true };
    policy::ends_at(&policy::way(known), active)
        .is_some_and(|at| at.0 - now.0 <= (at.0 - active.added_at.0) / 8)
}
