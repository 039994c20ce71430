//! Which credentials there are, and what people do when they are told.

use std::collections::BTreeSet;

use holdfast_model::alert::{RenewalStage, Transition};
use holdfast_model::credential::{
    CredentialKind, CredentialVersion, Expiry, Made, Origin, Verification, VersionState,
};
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId::{Meta, Snap};
use holdfast_model::time::UnixMillis;
use holdfast_testkit::Seeded;

use super::platform::{HOUR_MS, Habit, SIXTY_DAYS_MS, Token, page_token};
use super::store::Stored;
use super::world::{DAY_MS, World, credential};

/// Name, kind, whether the app is ours, life, and how long data may be read.
type Issued = (&'static str, CredentialKind, bool, Option<i64>, Option<i64>);

const TOKENS: [Issued; 8] = [
    ("su-never", CredentialKind::SystemUser, true, None, None),
    ("su-60d", CredentialKind::SystemUser, true, Some(SIXTY_DAYS_MS), None),
    ("bisu", CredentialKind::SystemUser, true, Some(SIXTY_DAYS_MS), None),
    ("pasted", CredentialKind::SystemUser, false, Some(SIXTY_DAYS_MS), None),
    ("user", CredentialKind::User, true, Some(SIXTY_DAYS_MS), None),
    ("user-lapsing", CredentialKind::User, true, Some(SIXTY_DAYS_MS), Some(90 * DAY_MS)),
    ("user-short", CredentialKind::User, true, Some(3 * HOUR_MS / 2), None),
    ("instagram", CredentialKind::Instagram, true, Some(SIXTY_DAYS_MS), None),
];

const GRANTS: [(&str, Habit); 3] = [
    ("snap-keeps", Habit::Keeps),
    ("snap-rotates", Habit::Rotates),
    ("snap-strict", Habit::RotatesStrictly),
];

const PAGES: [(&str, &str); 2] = [("page-of-su", "su-60d"), ("page-of-user", "user")];

pub fn renews_itself(id: &str) -> bool {
    !matches!(id, "su-never" | "pasted" | "user-lapsing" | "snap-static")
}

pub fn has_refresh_token(id: &str) -> bool {
    GRANTS.iter().any(|(name, _)| *name == id)
}

pub fn furnish(world: &mut World) {
    for (name, kind, is_ours, ..) in TOKENS {
        let mut stored = Stored::new(credential(name, Meta, is_ours));
        bring(world, name, &mut stored, kind, Made::Added);
        world.add(name, stored);
    }
    for (name, habit) in GRANTS {
        let mut stored = Stored::new(credential(name, Snap, true));
        stored.refresh_tokens.push(world.platform.grant(name, habit));
        bring(world, name, &mut stored, CredentialKind::SnapOauth, Made::Added);
        world.add(name, stored);
    }
    let mut stored = Stored::new(credential("snap-static", Snap, false));
    bring(world, "snap-static", &mut stored, CredentialKind::SnapConversions, Made::Added);
    world.add("snap-static", stored);
    for (name, parent) in PAGES {
        let mut stored = Stored::new(credential(name, Meta, true));
        stored.credential.origin =
            Origin::Page { parent: CredentialId::new(parent).unwrap(), page: name.to_owned() };
        let of = world.stored(parent);
        let of = of.text(of.active().unwrap().version).unwrap().clone();
        let token = page_token(name, &of, world.now);
        put(world, &mut stored, token, CredentialKind::Page, Made::Added, Expiry::Unknown);
        world.add(name, stored);
    }
}

/// A token that a person made at the platform.
fn bring(world: &mut World, name: &str, stored: &mut Stored, kind: CredentialKind, made: Made) {
    let of = TOKENS.iter().find(|(known, ..)| *known == name);
    let life = match kind {
        CredentialKind::SnapOauth => Some(HOUR_MS),
        _ => of.and_then(|(.., life, _)| *life),
    };
    let token = Token {
        kind,
        user: name.to_owned(),
        issued_at: world.now,
        expires_at: life.map(|life| world.now + life),
        data_access_until: of.and_then(|(.., data)| *data).map(|life| world.now + life),
        is_revoked: false,
        parent: None,
    };
    // Whoever adds it has it probed, which tells the date; of Snap's nobody says it.
    let expires_at = match (kind, token.expires_at) {
        (CredentialKind::SnapOauth | CredentialKind::SnapConversions, _) => Expiry::Unknown,
        (_, Some(at)) => Expiry::At(UnixMillis(at).to_seconds()),
        (_, None) => Expiry::Never,
    };
    put(world, stored, token, kind, made, expires_at);
}

fn put(
    world: &mut World,
    stored: &mut Stored,
    token: Token,
    kind: CredentialKind,
    made: Made,
    expires_at: Expiry,
) {
    let data_access_expires_at = match token.data_access_until {
        Some(at) => Expiry::At(UnixMillis(at).to_seconds()),
        None => Expiry::Never,
    };
    let text = world.platform.issue(token);
    let number = stored.next_number();
    let version = CredentialVersion {
        credential: stored.credential.id.clone(),
        version: number,
        state: VersionState::Candidate,
        verification: Verification::Proved,
        kind,
        fingerprint: text.clone(),
        length: 0,
        head: String::new(),
        tail: String::new(),
        decoded_app_id: None,
        expires_at,
        data_access_expires_at,
        scopes: vec!["ads_management".to_owned()],
        scopes_lost: Vec::new(),
        subject: None,
        added_at: world.at(),
        verified_at: None,
        last_delivery_at: None,
        made,
    };
    stored.add(version, text);
    stored.activate(number, Some(world.at()));
}

/// What people are about to do.
#[derive(Debug, Default)]
pub struct Plans {
    todo: BTreeSet<(i64, Deed)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    BringToken(String),
    MendApp,
}

impl Plans {
    pub fn next(&self) -> Option<i64> {
        self.todo.first().map(|(at, _)| *at)
    }

    /// Whoever is told acts within half a day; whoever looks after an hour's token acts sooner.
    pub fn of_alert(&mut self, id: &str, transition: Transition, now: i64, rng: &mut Seeded) {
        let patience = if has_refresh_token(id) { HOUR_MS / 2 } else { 12 * HOUR_MS };
        let at = now + 60_000 + rng.below(patience as usize) as i64;
        let deed = match transition {
            Transition::RenewalFailing { stage: RenewalStage::App } => Deed::MendApp,
            Transition::RenewalFailing { stage: RenewalStage::Unanswered } => return,
            Transition::Expiring { .. } if renews_itself(id) => return,
            _ => Deed::BringToken(id.to_owned()),
        };
        self.todo.insert((at, deed));
    }

    /// A hold is told of too.
    pub fn of_refusal(&mut self, id: &str, now: i64, rng: &mut Seeded) {
        if !id.starts_with("page") {
            let at = now + HOUR_MS + rng.below(HOUR_MS as usize) as i64;
            self.todo.insert((at, Deed::BringToken(id.to_owned())));
        }
    }
}

pub fn act(world: &mut World) {
    while let Some((at, deed)) = world.plans.todo.first().cloned() {
        if at > world.now {
            return;
        }
        world.plans.todo.remove(&(at, deed.clone()));
        match deed {
            Deed::MendApp => world.platform.secret_is_right = true,
            Deed::BringToken(id) => replace(world, &id),
        }
    }
}

fn replace(world: &mut World, id: &str) {
    let mut stored = world.stored(id).clone();
    let is_mended = stored.refused.is_none();
    let grant = stored.refresh_tokens.last();
    let is_granted = grant.is_none_or(|grant| world.platform.grant_is_alive(grant));
    let kind = stored.active().unwrap().kind;
    // It has mended itself, or a second alert was about the same.
    let text = stored.text(stored.active().unwrap().version).unwrap();
    let is_alive = world.platform.accepts(text, world.now);
    if is_alive && is_mended && is_granted && renews_itself(id) {
        return;
    }
    if let Some((_, habit)) = GRANTS.iter().find(|(name, _)| *name == id) {
        stored.refresh_tokens.push(world.platform.grant(id, *habit));
    }
    let made = if renews_itself(id) { Made::Added } else { Made::Rotated };
    bring(world, id, &mut stored, kind, made);
    *world.stored_mut(id) = stored;
    world.excuse_no_more(id);
    world.tally.brought_by_people += 1;
}
