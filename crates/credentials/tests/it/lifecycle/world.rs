//! Credentials of all kinds over four hundred days of fake time, and what must be true at every
//! moment of them.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_credentials::lifecycle::{End, Known, Parent, Trouble, Way, policy, warning};
use holdfast_model::alert::{Alert, RenewalStage, Transition};
use holdfast_model::credential::{Credential, CredentialKind, Expiry, Made, Origin, VersionState};
use holdfast_model::id::{AppId, CredentialId, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::Learned;
use holdfast_testkit::Seeded;

use super::people;
use super::platform::{self, HOUR_MS, Platform};
use super::run::{Begun, LEASE_MS, Run};
use super::store::{Lease, Stored};
use super::tally::Tally;

pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How often somebody looks at those that do not wake by themselves.
const TICK_MS: i64 = 6 * HOUR_MS;

/// The process died.
#[derive(Debug)]
pub struct Crashed;

pub struct World {
    pub now: i64,
    pub rng: Seeded,
    pub platform: Platform,
    pub tally: Tally,
    pub plans: people::Plans,
    credentials: BTreeMap<String, Stored>,
    /// In memory, like what was seen: gone with the process.
    revoke_after: BTreeMap<String, i64>,
    /// In memory: gone with the process.
    seen: BTreeMap<String, (VersionNo, i64)>,
    pub alerts: BTreeSet<String>,
    exchanges: BTreeSet<(String, u64)>,
    /// Grants that the platform ended, or whose next token was lost on the way: only a person can
    /// bring them back, and until then nothing here can help.
    excused: BTreeSet<String>,
    /// Whose next refresh token has come and is not stored yet.
    pub in_hand: BTreeSet<String>,
    /// Refresh tokens seen in use, to know that none before them is used again.
    newest_given: BTreeMap<String, usize>,
    /// Effects until the next crash.
    crash_in: Option<u32>,
    pub points: u32,
    /// How often one call gets no answer, in a thousand.
    pub silence: usize,
    outage_until: i64,
    /// The answer to this call is lost although it was acted on.
    pub lose_answers: bool,
    next_tick: i64,
    watched: BTreeMap<String, i64>,
    /// When each has to be looked at again, as long as nothing changes.
    waits: BTreeMap<String, i64>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            now: 1_800_000_000_000,
            rng: Seeded::new(seed),
            platform: Platform::new(),
            tally: Tally::default(),
            plans: people::Plans::default(),
            credentials: BTreeMap::new(),
            revoke_after: BTreeMap::new(),
            seen: BTreeMap::new(),
            alerts: BTreeSet::new(),
            exchanges: BTreeSet::new(),
            excused: BTreeSet::new(),
            in_hand: BTreeSet::new(),
            newest_given: BTreeMap::new(),
            crash_in: None,
            points: 0,
            silence: 40,
            outage_until: 0,
            lose_answers: true,
            next_tick: 0,
            watched: BTreeMap::new(),
            waits: BTreeMap::new(),
        };
        people::furnish(&mut world);
        world
    }

    /// Without any misfortune but a crash after so many effects, and only one credential with what
    /// it hangs on.
    pub fn quiet(id: &str, crash_in: Option<u32>) -> Self {
        let mut world = Self::new(0);
        world.silence = 0;
        world.lose_answers = false;
        world.crash_in = crash_in;
        let parent = world.stored(id).credential.origin.parent().map(|id| id.to_string());
        world.credentials.retain(|known, _| known == id || Some(known) == parent.as_ref());
        world
    }

    pub fn at(&self) -> UnixMillis {
        UnixMillis(self.now)
    }

    pub fn chance(&mut self, in_a_thousand: usize) -> bool {
        self.rng.below(1_000) < in_a_thousand
    }

    pub fn add(&mut self, name: &str, stored: Stored) {
        self.credentials.insert(name.to_owned(), stored);
    }

    pub fn ids(&self) -> Vec<String> {
        self.credentials.keys().cloned().collect()
    }

    pub fn stored(&self, id: &str) -> &Stored {
        &self.credentials[id]
    }

    /// What is planned for it, and for whatever hangs on it, is planned anew.
    pub fn stored_mut(&mut self, id: &str) -> &mut Stored {
        let hangs_on = |known: &String| {
            known == id || self.credentials.get(known).is_some_and(|child| is_page_of(child, id))
        };
        self.waits.retain(|known, _| !hangs_on(known));
        self.credentials.get_mut(id).unwrap()
    }

    // ── Time ────────────────────────────────────────────────────────────────────────────────

    pub fn run(mut self, days: i64) -> Tally {
        let end = self.now + days * DAY_MS;
        self.next_tick = self.now;
        while self.now < end {
            people::act(&mut self);
            let is_tick = self.now >= self.next_tick;
            if is_tick {
                self.next_tick = self.now + TICK_MS;
                self.misfortune();
            }
            for id in self.ids() {
                let is_awake = self.waits.get(&id).is_none_or(|at| *at <= self.now);
                if is_tick || is_awake {
                    self.deliver(&id);
                    self.watch(&id);
                    let until = self.renew(&id);
                    self.waits.insert(id.clone(), until);
                    self.warn(&id);
                }
            }
            self.check("between two moments");
            let next =
                self.waits.values().copied().chain(self.plans.next()).min().unwrap_or(i64::MAX);
            self.now = next.max(self.now + 1_000).min(self.next_tick).min(end);
        }
        self.tally.points = self.points;
        self.tally
    }

    /// The platforms are unwell now and then; a person changes the app's secret once in a while.
    fn misfortune(&mut self) {
        if self.silence == 0 {
            return;
        }
        if self.chance(30) {
            self.outage_until = self.now + self.rng.below(30) as i64 * HOUR_MS;
        }
        if self.chance(4) {
            self.platform.secret_is_right = false;
        }
    }

    /// Runs until nothing is to be done any more; returns when to look again.
    fn renew(&mut self, id: &str) -> i64 {
        for _ in 0..40 {
            if self.silence > 0 && self.crash_in.is_none() && self.chance(150) {
                self.crash_in = Some(self.rng.below(9) as u32);
            }
            let outcome = if self.silence > 0 && self.chance(150) {
                self.two_at_once(id)
            } else {
                self.one_run(id)
            };
            match outcome {
                Ok(Some(until)) => return until,
                Ok(None) => {}
                Err(Crashed) => self.restart(),
            }
        }
        panic!("{id} is renewed on and on: {}", self.stored(id).summary());
    }

    fn one_run(&mut self, id: &str) -> Result<Option<i64>, Crashed> {
        let mut run = match Run::begin(self, id)? {
            Begun::Waits { until } => return Ok(Some(until.map_or(i64::MAX, |until| until.0))),
            Begun::Busy { until } => return Ok(Some(until)),
            Begun::Run(run) => run,
        };
        loop {
            self.now += 200;
            if let Some(end) = run.step(self)? {
                return Ok(self.rests(id, &end));
            }
        }
    }

    /// Another node begins while the first is in the middle, sometimes after the first one's lease
    /// has run out.
    fn two_at_once(&mut self, id: &str) -> Result<Option<i64>, Crashed> {
        let mut first = match Run::begin(self, id)? {
            Begun::Waits { until } => return Ok(Some(until.map_or(i64::MAX, |until| until.0))),
            Begun::Busy { until } => return Ok(Some(until)),
            Begun::Run(run) => run,
        };
        for _ in 0..self.rng.below(4) {
            if let Some(end) = first.step(self)? {
                return Ok(self.rests(id, &end));
            }
        }
        if self.chance(500) {
            self.now += LEASE_MS + 1;
        }
        match Run::begin(self, id)? {
            Begun::Run(mut second) => {
                self.tally.second_leases += 1;
                while second.step(self)?.is_none() {
                    self.now += 200;
                }
            }
            Begun::Busy { .. } => self.tally.turned_away += 1,
            Begun::Waits { .. } => {}
        }
        loop {
            self.now += 200;
            if let Some(end) = first.step(self)? {
                return Ok(self.rests(id, &end));
            }
        }
    }

    fn rests(&mut self, id: &str, end: &End) -> Option<i64> {
        let at = end.not_before?.0;
        self.revoke_after.insert(id.to_owned(), at);
        Some(at)
    }

    pub fn tell_trouble(&mut self, id: &str, end: &End) {
        if let Some((trouble, _)) = &end.trouble {
            let stage = match trouble {
                Trouble::Unanswered => RenewalStage::Unanswered,
                Trouble::App => RenewalStage::App,
                Trouble::Refused => RenewalStage::Refused,
            };
            self.tell(id, Transition::RenewalFailing { stage });
        }
    }

    fn restart(&mut self) {
        self.tally.crashes += 1;
        self.crash_in = None;
        self.seen.clear();
        self.revoke_after.clear();
        self.now += 2_000;
        // What had come and was not stored yet went with the process.
        for id in std::mem::take(&mut self.in_hand) {
            self.excuse_lost_answer(&id);
        }
        self.check("after a crash");
    }

    /// An effect has happened. Everything must be true here too, and the process may die here.
    pub fn point(&mut self, id: &str) -> Result<(), Crashed> {
        self.points += 1;
        for (known, stored) in &self.credentials {
            if known == id || is_page_of(stored, id) {
                self.check_one(known, stored, "between two effects");
            }
        }
        match &mut self.crash_in {
            Some(0) => Err(Crashed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    // ── What a run is decided by ────────────────────────────────────────────────────────────

    pub fn known(&mut self, id: &str) -> Known {
        let stored = &self.credentials[id];
        let active = stored.active().map(|active| active.version);
        let parent = stored.credential.origin.parent().map(ToString::to_string);
        let parent = parent.and_then(|parent| self.credentials.get(&parent)?.active());
        let parent = parent.map(|active| Parent { version: active.version });
        let children: Vec<&Stored> =
            self.credentials.values().filter(|child| is_page_of(child, id)).collect();
        let is_behind = |child: &&&Stored| {
            !child
                .active()
                .is_some_and(|own| matches!(own.made, Made::Renewed { parent } if parent == active))
        };
        let children_behind = children.iter().filter(is_behind).count() as u32;
        let children = children.len() as u32;
        let now = self.now;
        let seen = self.seen.entry(id.to_owned()).or_insert((VersionNo(0), now));
        if Some(seen.0) != active {
            *seen = (active.unwrap_or(VersionNo(0)), now);
        }
        Known {
            has_app_secret: stored.credential.app.is_some(),
            has_refresh_token: !stored.refresh_tokens.is_empty(),
            parent,
            children,
            children_behind,
            attempts: stored.attempts.clone(),
            refused_since: stored.refused.filter(|(of, _)| Some(*of) == active).map(|(_, at)| at),
            is_held: stored.refused.is_some_and(|(of, _)| Some(of) == active),
            kept_elsewhere: BTreeSet::new(),
            revoke_after: self.revoke_after.get(id).map(|at| UnixMillis(*at)),
            delivered: active.and_then(|of| stored.delivered.get(&of.0).copied()).unwrap_or(0),
            active_since: UnixMillis(seen.1),
            versions: stored.versions.clone(),
            credential: stored.credential.clone(),
        }
    }

    /// What the exchange gives up: a token's text, the parent's, or the newest refresh token.
    pub fn given(&self, id: &str, way: &Way, with: VersionNo) -> Option<String> {
        let stored = self.stored(id);
        match way {
            Way::RefreshSnap => stored.refresh_tokens.last().cloned(),
            Way::DerivePage { .. } => {
                let parent = self.stored(stored.credential.origin.parent()?.as_str());
                parent.text(parent.active()?.version).cloned()
            }
            _ => stored.text(with).cloned(),
        }
    }

    // ── The way to the platform ─────────────────────────────────────────────────────────────

    /// None if no usable answer came; what was asked may have been done all the same.
    pub fn ask(
        &mut self,
        id: &str,
        call: impl FnOnce(&mut Platform, i64) -> HttpResponse,
    ) -> Option<HttpResponse> {
        let is_snap = self.is_snap(id);
        // Access tokens of an hour survive short outages, which is what they are for.
        if !is_snap && self.now < self.outage_until {
            self.tally.silences += 1;
            return Some(platform::page_of_a_proxy(503));
        }
        self.platform.is_terse = self.silence > 0 && self.chance(200);
        if !self.chance(self.silence) {
            let answer = call(&mut self.platform, self.now);
            self.platform.is_terse = false;
            return Some(answer);
        }
        self.tally.silences += 1;
        match self.rng.below(4) {
            0 => None,
            1 => Some(platform::page_of_a_proxy(500)),
            2 => Some(platform::respond(429, serde_json::json!({ "error": "too_many" }))),
            _ if self.lose_answers => {
                let _lost = call(&mut self.platform, self.now);
                self.platform.is_terse = false;
                self.excuse_lost_answer(id);
                None
            }
            _ => None,
        }
    }

    /// A strictly rotated refresh token that was issued and never arrived is nobody's any more.
    pub fn excuse_lost_answer(&mut self, id: &str) {
        let newest = self.stored(id).refresh_tokens.last();
        let is_lost = newest.is_some_and(|newest| !self.platform.grant_is_alive(newest));
        if is_lost && self.excused.insert(id.to_owned()) {
            self.tally.lost_grants += 1;
        }
    }

    fn is_snap(&self, id: &str) -> bool {
        self.stored(id).credential.platform == holdfast_model::platform::PlatformId::Snap
    }

    pub fn can_debug(&self, id: &str) -> bool {
        let is_instagram = |stored: &Stored| {
            stored.active().is_some_and(|active| active.kind == CredentialKind::Instagram)
        };
        !self.is_snap(id) && !is_instagram(self.stored(id))
    }

    /// None: silence. An error: the platform says that it is not valid.
    pub fn debug(&mut self, id: &str, number: VersionNo) -> Option<Result<Learned, ()>> {
        let text = self.stored(id).text(number)?.clone();
        let is_heard = !self.is_silent(id);
        self.platform.is_terse = self.silence > 0 && self.chance(200);
        let says = self.platform.accepts(&text, self.now).then(|| self.platform.learned(&text));
        self.platform.is_terse = false;
        is_heard.then(|| says.ok_or(()))
    }

    /// Whether it works on what it is for.
    pub fn probe(&mut self, id: &str, number: VersionNo) -> Option<bool> {
        let text = self.stored(id).text(number)?.clone();
        let is_heard = !self.is_silent(id);
        is_heard.then(|| self.platform.accepts(&text, self.now))
    }

    fn is_silent(&mut self, id: &str) -> bool {
        !self.is_snap(id) && self.now < self.outage_until || self.chance(self.silence)
    }

    pub fn learn(&mut self, id: &str, number: VersionNo, learned: &Learned) {
        let Some(version) = self.stored_mut(id).version_mut(number) else { return };
        if let Some(kind) = learned.kind {
            version.kind = kind;
        }
        if learned.expires_at != Expiry::Unknown {
            version.expires_at = learned.expires_at;
        }
        if learned.data_access_expires_at != Expiry::Unknown {
            version.data_access_expires_at = learned.data_access_expires_at;
        }
    }

    // ── What goes on beside renewing ────────────────────────────────────────────────────────

    fn deliver(&mut self, id: &str) {
        let Some(active) = self.stored(id).active().cloned() else { return };
        let text = self.stored(id).text(active.version).unwrap().clone();
        let is_new = matches!(active.made, Made::Renewed { .. })
            && self.stored(id).versions.iter().any(|v| v.state == VersionState::Superseded);
        // Now and then a new token is refused in use although it was proved.
        let is_bad = is_new && self.silence > 0 && self.chance(20) && self.fallback_lives(id);
        if is_bad {
            self.platform.revoke(&text);
        }
        if self.platform.accepts(&text, self.now) {
            let requests = 1 + self.rng.below(12) as u64;
            *self.stored_mut(id).delivered.entry(active.version.0).or_default() += requests;
            return;
        }
        let token = self.platform.token(&text);
        let has_ended = [token.expires_at, token.data_access_until];
        if has_ended.into_iter().flatten().any(|at| at <= self.now) && !token.is_revoked {
            self.check_was_told(id, active.version);
        }
        let at = self.at();
        let stored = self.stored_mut(id);
        if stored.refused.is_none_or(|(of, _)| of != active.version) {
            stored.refused = Some((active.version, at));
            self.tally.refusals += 1;
            self.plans.of_refusal(id, self.now, &mut self.rng);
        }
    }

    fn fallback_lives(&self, id: &str) -> bool {
        let stored = self.stored(id);
        let no_children = !self.credentials.values().any(|child| is_page_of(child, id));
        let mut old = stored.versions.iter().filter(|v| v.state == VersionState::Superseded);
        let for_a_while = self.now + HOUR_MS / 6;
        no_children
            && old.any(|v| self.platform.accepts(stored.text(v.version).unwrap(), for_a_while))
    }

    /// Daily, as the watcher does.
    fn watch(&mut self, id: &str) {
        let last = self.watched.get(id).copied().unwrap_or(i64::MIN);
        let Some(number) = self.stored(id).active().map(|active| active.version) else { return };
        if self.now.saturating_sub(last) < DAY_MS {
            return;
        }
        self.watched.insert(id.to_owned(), self.now);
        if self.can_debug(id)
            && let Some(Ok(learned)) = self.debug(id, number)
        {
            self.learn(id, number, &learned);
        }
        if self.probe(id, number) == Some(true) {
            let at = self.at();
            if let Some(version) = self.stored_mut(id).version_mut(number) {
                version.verified_at = Some(at);
            }
        }
    }

    /// As the gateway's alerts do.
    fn warn(&mut self, id: &str) {
        let Some(active) = self.stored(id).active().cloned() else { return };
        let known = self.known(id);
        let way = policy::way(&known);
        let next_at = policy::due_at(&known, &way, self.at());
        let course = warning::Course {
            way: &way,
            failures: known.failures(),
            next_at,
            overdue_ms: 0,
            added_at: active.added_at,
            now: self.at(),
        };
        if let Expiry::At(at) = active.expires_at
            && let Some(days) = warning::stage(at, self.at())
            && !course.takes_care_of(days, at)
        {
            self.tell(id, Transition::Expiring { days });
        }
        if let Expiry::At(at) = active.data_access_expires_at
            && let Some(days) = warning::stage(at, self.at())
        {
            self.tell(id, Transition::DataAccessEnding { days });
        }
    }

    fn tell(&mut self, id: &str, transition: Transition) {
        let stored = self.stored(id);
        let Some(active) = stored.active() else { return };
        let key = Alert::key_of_version(&stored.credential.id, active.version, transition);
        if self.alerts.insert(key) {
            self.tally.alerts += 1;
            self.plans.of_alert(id, transition, self.now, &mut self.rng);
        }
    }

    /// A person brought another token that works.
    pub fn excuse_no_more(&mut self, id: &str) {
        self.excused.remove(id);
    }

    // ── What must be true ───────────────────────────────────────────────────────────────────

    pub fn note_exchange(&mut self, id: &str, lease: Lease) {
        let is_first = self.exchanges.insert((id.to_owned(), lease.generation));
        assert!(is_first, "{id}: two exchanges under lease {}", lease.generation);
        self.tally.exchanges += 1;
    }

    pub fn note_given(&mut self, id: &str, way: &Way, given: &str) {
        if *way != Way::RefreshSnap {
            return;
        }
        let tokens = &self.credentials[id].refresh_tokens;
        let at = tokens.iter().rposition(|token| token == given).unwrap();
        let newest = self.newest_given.entry(id.to_owned()).or_default();
        assert!(at >= *newest, "{id}: a refresh token was used again after the next one");
        assert_eq!(at, tokens.len() - 1, "{id}: an old refresh token was used");
        *newest = at;
    }

    pub fn check_revocation(&self, id: &str, number: VersionNo, text: &str) {
        let stored = self.stored(id);
        let active = stored.active().unwrap();
        assert_ne!(active.version, number, "{id}: the version in use is revoked");
        let in_use = stored.text(active.version).unwrap();
        assert_ne!(in_use, text, "{id}: the token in use is revoked under another number");
        assert!(
            self.platform.accepts(in_use, self.now),
            "{id}: the old one is revoked while the new one does not work"
        );
        let is_old = stored
            .versions
            .iter()
            .any(|v| v.version == number && v.state == VersionState::Superseded);
        let children = self.credentials.values().filter(|child| is_page_of(child, id)).count();
        let delivered = stored.delivered.get(&active.version.0).copied().unwrap_or(0);
        let is_proved_again =
            active.verified_at.is_some_and(|at| at.0 - active.added_at.0 >= DAY_MS);
        assert!(
            !is_old || delivered >= 20 || is_proved_again || children > 0,
            "{id}: the old one is revoked before the new one has shown itself"
        );
        for child in self.credentials.values().filter(|child| is_page_of(child, id)) {
            let Some(own) = child.active() else { continue };
            let token = self.platform.token(child.text(own.version).unwrap());
            assert_ne!(
                token.parent.as_deref(),
                Some(text),
                "{id}: a page hangs on what is revoked"
            );
        }
    }

    fn check(&self, when: &str) {
        for (id, stored) in &self.credentials {
            self.check_one(id, stored, when);
        }
    }

    fn check_one(&self, id: &str, stored: &Stored, when: &str) {
        let actives = stored.versions.iter().filter(|v| v.state == VersionState::Active);
        assert_eq!(actives.count(), 1, "{id}, {when}: not one version is in use");
        if people::renews_itself(id) && !self.excused.contains(id) {
            let works = |text: &String| self.platform.accepts(text, self.now);
            assert!(
                stored.texts.values().any(works),
                "{id}, {when}, {}: nothing that is stored works: {}",
                self.now,
                stored.summary()
            );
        }
        if people::has_refresh_token(id) {
            assert!(!stored.refresh_tokens.is_empty(), "{id}: the refresh token is gone");
        }
        for version in &stored.versions {
            let is_kept = version.state != VersionState::Retired;
            assert_eq!(is_kept, stored.text(version.version).is_some(), "{id}, {when}");
            assert!(!version.scopes.is_empty(), "{id}, {when}: what was known is erased");
        }
    }

    /// At the moment of death.
    fn check_was_told(&mut self, id: &str, version: VersionNo) {
        let known = format!("credential:{id}/{version}:");
        let is_told = self.alerts.iter().any(|key| key.starts_with(&known));
        assert!(is_told, "{id}/{version} ended, nobody told: {}", self.stored(id).summary());
        self.tally.deaths_told += 1;
    }
}

fn is_page_of(stored: &Stored, id: &str) -> bool {
    matches!(&stored.credential.origin, Origin::Page { parent, .. } if parent.as_str() == id)
}

pub fn credential(
    id: &str,
    platform: holdfast_model::platform::PlatformId,
    is_ours: bool,
) -> Credential {
    Credential {
        id: CredentialId::new(id).unwrap(),
        platform,
        app: is_ours.then(|| AppId::new("1000001").unwrap()),
        origin: Origin::Given,
        contact: None,
        created_at: UnixMillis(0),
    }
}
