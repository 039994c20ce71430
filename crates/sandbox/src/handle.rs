//! Sets up the stand-in and looks at it: what `/_sandbox/…` does, from inside the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::entry::EntryError;
use crate::inspect::{RequestRecord, State};
use crate::meta::{
    NewApp, NewAsset, NewPush, NewSignedRequest, NewToken, TokenKind, TokenState, pushes,
};
use crate::push::Pushed;
use crate::timeline::{Change, PlannedStep, Proof, Step};
use crate::world::{Strictness, World};

#[derive(Clone)]
pub struct SandboxHandle {
    world: Arc<Mutex<World>>,
    strictness: Strictness,
}

impl SandboxHandle {
    pub(crate) fn new(world: World, strictness: Strictness) -> Self {
        Self { world: Arc::new(Mutex::new(world)), strictness }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn strictness(&self) -> Strictness {
        self.strictness
    }

    /// Adds an app and returns its secret.
    pub fn add_app(&self, id: u64, proof: Proof) -> String {
        self.world().meta.add_app(NewApp { id, proof, ..NewApp::default() })
    }

    /// Adds an app as it is described, or replaces the one of that id; returns its secret.
    pub fn replace_app(&self, app: NewApp) -> String {
        self.world().meta.add_app(app)
    }

    pub fn require_proof(&self, app: u64, proof: Proof) {
        self.change(&Change::Proof { app, proof });
    }

    /// Adds a dataset.
    pub fn add_asset(&self, id: &str) {
        self.add(NewAsset { id: id.to_owned(), ticked: true, ..NewAsset::default() });
    }

    pub fn add(&self, asset: NewAsset) {
        let mut world = self.world();
        world.inspection.watch(&asset.id);
        world.meta.add_asset(asset);
    }

    /// Issues a token that may use these assets.
    ///
    /// # Panics
    /// If the app or an asset does not exist: that is a mistake of the caller's program.
    pub fn issue_token(&self, app: u64, kind: TokenKind, assets: &[&str]) -> String {
        let assets = assets.iter().map(|asset| (*asset).to_owned()).collect();
        let entry = NewToken { app: Some(app), kind, assets, ..NewToken::default() };
        self.issue(entry).unwrap_or_else(|mistakes| panic!("no token was issued: {mistakes:?}"))
    }

    /// Issues a token, or says all that is wrong with what was asked for.
    pub fn issue(&self, entry: NewToken) -> Result<String, Vec<EntryError>> {
        let mut world = self.world();
        let now = world.clock.unix_seconds();
        world.check_token_name(entry.name.as_deref())?;
        world.meta.add_token(entry, now)
    }

    /// False if there is no such token.
    pub fn set_token_state(&self, token: &str, state: TokenState) -> bool {
        self.change(&Change::TokenState { token: token.to_owned(), state })
    }

    /// Gives or takes the right to use an asset.
    pub fn assign(&self, token: &str, asset: &str, assigned: bool) -> bool {
        let (token, asset) = (token.to_owned(), asset.to_owned());
        self.change(&if assigned {
            Change::Assign { token, asset }
        } else {
            Change::Unassign { token, asset }
        })
    }

    /// False if something that the change names does not exist.
    pub fn change(&self, change: &Change) -> bool {
        let mut world = self.world();
        let now = world.clock.unix_seconds();
        world.apply(change, now)
    }

    /// Adds a step to the timeline and returns its number; 0 if the timeline is full.
    pub fn misbehave(&self, step: impl Into<Step>) -> u64 {
        let mut world = self.world();
        let now = world.clock.elapsed_ms();
        let id = world.schedule.add(step.into(), now).unwrap_or(0);
        world.tick();
        id
    }

    /// Removes a step.
    pub fn behave(&self, step: u64) -> bool {
        self.world().schedule.remove(step)
    }

    /// Sends a signed webhook, as Meta does.
    pub async fn push(&self, wanted: &NewPush) -> Result<Pushed, String> {
        let push = pushes::webhook(&self.world(), wanted).ok_or("there is no such app")?;
        push.send().await.map_err(|error| error.to_string())
    }

    /// Sends a signed request, as Meta does when a person removes an app or wants to be forgotten.
    pub async fn signed_request(&self, wanted: &NewSignedRequest) -> Result<Pushed, String> {
        let push = pushes::signed_request(&self.world(), wanted).ok_or("there is no such app")?;
        push.send().await.map_err(|error| error.to_string())
    }

    pub fn timeline(&self) -> Vec<PlannedStep> {
        let mut world = self.world();
        world.tick();
        world.schedule.show()
    }

    /// Moves the sandbox's clock forward.
    pub fn advance(&self, ms: u64) {
        let mut world = self.world();
        world.clock.advance(ms);
        world.tick();
    }

    pub fn state(&self) -> State {
        self.world().inspection.state()
    }

    /// The last events of an asset, newest first.
    pub fn events(&self, asset: &str, limit: usize) -> Vec<Value> {
        self.world().inspection.events(asset, limit)
    }

    /// The last requests, newest first.
    pub fn requests(&self, asset: Option<&str>, limit: usize) -> Vec<RequestRecord> {
        self.world().inspection.requests(asset, limit)
    }

    /// Forgets what was received; the world and the timeline stay.
    pub fn reset(&self) {
        let mut world = self.world();
        world.inspection.reset();
        world.snap.forget();
    }
}
