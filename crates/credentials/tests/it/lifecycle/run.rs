//! One run, executed against the model, a command at a time. It can crash between any two effects.

use holdfast_credentials::lifecycle::proof::compare;
use holdfast_credentials::lifecycle::{
    Command, End, Event, Exchanged, Found, Proof, Rotation, Way,
};
use holdfast_credentials::oauth::{ExchangeError, TokenAnswer, instagram, meta, snap};
use holdfast_model::credential::{
    CredentialVersion, Expiry, Made, Origin, Verification, VersionState,
};
use holdfast_model::id::VersionNo;
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::HttpResponse;

use super::platform::seconds;
use super::store::Lease;
use super::world::{Crashed, World};

/// As the gateway's: longer than two requests take.
pub const LEASE_MS: i64 = 120_000;
const REQUEST_MS: i64 = 30_000;

pub struct Run {
    pub id: String,
    rotation: Rotation,
    lease: Lease,
    command: Command,
    brought: Option<Brought>,
}

struct Brought {
    text: String,
    expires_at: Expiry,
    refresh_token: Option<String>,
}

pub enum Begun {
    Run(Box<Run>),
    Busy { until: i64 },
    Waits { until: Option<UnixMillis> },
}

impl Run {
    pub fn begin(world: &mut World, id: &str) -> Result<Begun, Crashed> {
        let rotation = match Rotation::begin(world.known(id), world.at()) {
            Ok(rotation) => rotation,
            Err(until) => return Ok(Begun::Waits { until }),
        };
        let (now, stored) = (world.now, world.stored_mut(id));
        let Some(lease) = stored.lease(now, now + LEASE_MS) else {
            let until = stored.leased_until().unwrap_or(now);
            return Ok(Begun::Busy { until });
        };
        world.point(id)?;
        let mut run =
            Self { id: id.to_owned(), rotation, lease, command: Command::Lease, brought: None };
        let known = world.known(id);
        let until = UnixMillis(now + LEASE_MS - REQUEST_MS);
        run.command =
            run.rotation.handle(Event::Leased { known: Box::new(known), until }, world.at());
        Ok(Begun::Run(Box::new(run)))
    }

    /// Executes one command. The end, once it has come.
    pub fn step(&mut self, world: &mut World) -> Result<Option<End>, Crashed> {
        let event = match self.command.clone() {
            Command::End(end) => {
                // Told before it is written down, as the gateway does.
                world.tell_trouble(&self.id, &end);
                world.point(&self.id)?;
                world.stored_mut(&self.id).end(self.lease, end.record.as_ref());
                world.point(&self.id)?;
                return Ok(Some(end));
            }
            Command::Lease => Event::NotLeased,
            Command::Exchange { way, with } => Event::Exchanged(self.exchange(world, &way, with)),
            Command::Store { made } => Event::Stored(self.store(world, made)),
            Command::Adopt { version, made, expires_at } => {
                if let Some(version) = world.stored_mut(&self.id).version_mut(version) {
                    version.made = made;
                    if expires_at != Expiry::Unknown {
                        version.expires_at = expires_at;
                    }
                }
                Event::Done
            }
            Command::Prove { version, even_if_silent } => {
                Event::Proved(self.prove(world, version, even_if_silent)?)
            }
            Command::GoBack { to } => Event::WentBack(self.go_back(world, to)),
            Command::Revoke { version } => Event::Revoked(self.revoke(world, version)),
            Command::Retire { version } => {
                let was = world.stored(&self.id).versions.iter().find(|v| v.version == version);
                let is_wasted = was.is_some_and(|v| v.state == VersionState::Candidate);
                world.tally.wasted += u64::from(is_wasted);
                world.stored_mut(&self.id).retire(version);
                Event::Done
            }
        };
        world.point(&self.id)?;
        self.command = self.rotation.handle(event, world.at());
        Ok(None)
    }

    fn exchange(&mut self, world: &mut World, way: &Way, with: VersionNo) -> Exchanged {
        world.note_exchange(&self.id, self.lease);
        let Some(given) = world.given(&self.id, way, with) else {
            return Exchanged::AppRefused("what it needs is gone".to_owned());
        };
        world.note_given(&self.id, way, &given);
        let Some(response) =
            world.ask(&self.id, |platform, now| platform.exchange(way, &given, now))
        else {
            return Exchanged::Transient("no answer in time".to_owned());
        };
        let answer = match read(way, &response) {
            Ok(answer) => answer,
            Err(ExchangeError::App(_)) => return Exchanged::AppRefused("app".to_owned()),
            Err(ExchangeError::Refused(fault)) => return Exchanged::Refused(fault.name),
            Err(ExchangeError::Silent(says)) => return Exchanged::Transient(says),
        };
        let expires_at = answer
            .expires_in_s
            .map_or(Expiry::Unknown, |life| Expiry::At(seconds(world.now).plus_seconds(life)));
        let came = answer.refresh_token.map(|token| token.expose().to_owned());
        let refresh_token = came.filter(|came| *came != given);
        let text = answer.token.expose().to_owned();
        let is_same = world.stored(&self.id).text(with) == Some(&text);
        if is_same && refresh_token.is_none() {
            return Exchanged::Same { expires_at };
        }
        if refresh_token.is_some() {
            world.in_hand.insert(self.id.clone());
        }
        self.brought = Some(Brought { text, expires_at, refresh_token });
        Exchanged::Brought
    }

    fn store(&mut self, world: &mut World, made: Made) -> Option<VersionNo> {
        let brought = self.brought.take()?;
        let at = world.at();
        let stored = world.stored_mut(&self.id);
        let old = stored.active()?.clone();
        let version = CredentialVersion {
            version: stored.next_number(),
            state: VersionState::Candidate,
            verification: Verification::Untried,
            fingerprint: brought.text.clone(),
            expires_at: brought.expires_at,
            added_at: at,
            verified_at: None,
            made,
            ..old
        };
        let number = version.version;
        let taken =
            stored.store_renewed(self.lease, version, brought.text.clone(), brought.refresh_token);
        world.in_hand.remove(&self.id);
        if !taken {
            world.tally.fenced_off += 1;
            world.excuse_lost_answer(&self.id);
        }
        taken.then_some(number)
    }

    fn prove(
        &self,
        world: &mut World,
        number: VersionNo,
        even_if_silent: bool,
    ) -> Result<Proof, Crashed> {
        let stored = world.stored(&self.id);
        let known =
            (stored.active().cloned(), stored.versions.iter().find(|v| v.version == number));
        let (Some(old), Some(new)) = (known.0, known.1.cloned()) else {
            return Ok(Proof::Refused { says: "gone".to_owned() });
        };
        let silent = || Proof::Silent { says: "no answer in time".to_owned() };
        let is_page = matches!(stored.credential.origin, Origin::Page { .. });
        let mut new = new;
        if world.can_debug(&self.id) {
            let Some(new_says) = world.debug(&self.id, number) else {
                return if even_if_silent {
                    Ok(self.activate(world, number))
                } else {
                    Ok(silent())
                };
            };
            let Ok(new_says) = new_says else {
                return Ok(Proof::Refused { says: "the platform refuses it".to_owned() });
            };
            world.learn(&self.id, number, &new_says);
            world.point(&self.id)?;
            new = world
                .stored(&self.id)
                .versions
                .iter()
                .find(|v| v.version == number)
                .cloned()
                .unwrap_or(new);
            let old_says =
                world.debug(&self.id, old.version).and_then(Result::ok).unwrap_or_default();
            let finding = compare(&old, &old_says, &new, &new_says);
            assert_eq!(finding.refused, None, "the same user of the same app");
            assert!(finding.missing_scopes.is_empty());
            if finding.is_no_gain && !is_page {
                return Ok(Proof::NoGain);
            }
        }
        match world.probe(&self.id, number) {
            Some(true) => Ok(self.activate(world, number)),
            Some(false) => Ok(Proof::Refused { says: "the platform refuses it".to_owned() }),
            None if even_if_silent => Ok(self.activate(world, number)),
            None => Ok(silent()),
        }
    }

    fn activate(&self, world: &mut World, number: VersionNo) -> Proof {
        let at = world.at();
        let stored = world.stored_mut(&self.id);
        stored.activate(number, Some(at));
        let expires_at = stored.active().map_or(Expiry::Unknown, |active| active.expires_at);
        world.tally.renewed += 1;
        Proof::Active { expires_at }
    }

    fn go_back(&self, world: &mut World, to: VersionNo) -> Found {
        match world.probe(&self.id, to) {
            None => Found::Silent("no answer in time".to_owned()),
            Some(false) => Found::No("refused too".to_owned()),
            Some(true) => {
                let at = world.at();
                world.stored_mut(&self.id).activate(to, Some(at));
                world.tally.went_back += 1;
                Found::Yes
            }
        }
    }

    fn revoke(&self, world: &mut World, number: VersionNo) -> Found {
        let Some(text) = world.stored(&self.id).text(number).cloned() else {
            return Found::No("gone".to_owned());
        };
        world.check_revocation(&self.id, number, &text);
        let done = world.ask(&self.id, |platform, _| {
            platform.revoke(&text);
            super::platform::respond(200, serde_json::json!({ "success": true }))
        });
        match done.map(|response| meta::read_revoked(&response)) {
            Some(Ok(())) => {
                world.tally.revoked += 1;
                Found::Yes
            }
            Some(Err(ExchangeError::Silent(says))) => Found::Silent(says),
            Some(Err(error)) => Found::No(error.to_string()),
            None => Found::Silent("no answer in time".to_owned()),
        }
    }
}

/// With the product's own readers: a page of a proxy's or a throttle must not end a grant.
fn read(way: &Way, response: &HttpResponse) -> Result<TokenAnswer, ExchangeError> {
    match way {
        Way::RefreshSnap => snap::read_token(response),
        Way::RefreshInstagram => instagram::read_token(response),
        Way::DerivePage { .. } => {
            let page = meta::read_page_token(response)?;
            let token = page.token.expect("the model's pages have tokens");
            Ok(TokenAnswer { token, expires_in_s: None, refresh_token: None, scopes: Vec::new() })
        }
        _ => meta::read_token(response),
    }
}
