//! What the stand-in platform knows: apps, tokens, assets, what it received, how it misbehaves.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::clock;

/// Bodies of so many events are kept for inspection.
const KEPT_BODIES: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Validates and deduplicates as the platform does.
    Strict,
    /// Checks the token and counts: for measuring what is in front of it.
    NullSink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    SystemUser,
    User,
    /// Made in Events Manager: may send events and read data quality, nothing else.
    EventsManager,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    Valid,
    Expired,
    Revoked,
    /// The person behind it must pass a security check.
    Checkpointed,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub app: u64,
    pub kind: TokenKind,
    pub state: TokenState,
    pub assets: HashSet<String>,
}

#[derive(Debug, Clone)]
pub struct App {
    pub secret: String,
    pub requires_proof: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    Required,
    Optional,
}

/// Counts of one asset.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AssetCounts {
    pub requests: u64,
    pub refused_requests: u64,
    /// Events in accepted requests.
    pub received: u64,
    /// Different events by id and name.
    pub distinct: u64,
    /// Repetitions that the platform recognized and did not count.
    pub deduplicated: u64,
    /// Repetitions that it counted: what a sender must never cause.
    pub counted_twice: u64,
}

/// What `GET /_sandbox/state` shows.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    pub assets: BTreeMap<String, AssetCounts>,
    pub refusals_by_code: BTreeMap<String, u64>,
    pub total: AssetCounts,
}

/// A rule: what goes wrong, for whom, how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// Only requests for this asset.
    #[serde(default)]
    pub asset: Option<String>,
    /// So many requests, then the rule is spent. Without it, until it is deleted.
    #[serde(default)]
    pub times: Option<u64>,
    /// Share of the requests, in percent.
    #[serde(default = "always")]
    pub percent: u8,
    #[serde(flatten)]
    pub what: Misbehaviour,
}

fn always() -> u8 {
    100
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Misbehaviour {
    /// Any error answer, with the given HTTP status and error object.
    Error { status: u16, error: Value },
    /// A throttle with the header that names the minutes to wait.
    Throttle { code: i64, minutes: u64 },
    /// HTTP 429 with Retry-After and no JSON.
    TooMany { retry_after_seconds: u64 },
    /// A proxy's page.
    Html { status: u16 },
    /// Answers late.
    Slow { ms: u64 },
    /// The connection ends before anything was processed.
    CutBefore,
    /// The connection ends after the events were counted.
    CutAfter,
    /// Refuses the whole request if an event has this name.
    Poison {
        event_name: String,
        #[serde(default)]
        subcode: Option<i64>,
        /// Whether the refusal names the event.
        with_index: bool,
    },
    /// Answers with another number than was sent.
    Miscount,
    /// Repeats the token in the message.
    EchoToken,
}

struct Rule {
    id: u64,
    rule: NewRule,
    left: Option<u64>,
}

#[derive(Default)]
struct Asset {
    counts: AssetCounts,
    /// First receipt of each event, by a hash of id and name.
    seen: HashMap<u128, i64>,
}

pub struct World {
    pub strictness: Strictness,
    random: u64,
    pub apps: BTreeMap<u64, App>,
    pub tokens: HashMap<String, Token>,
    assets: BTreeMap<String, Asset>,
    rules: Vec<Rule>,
    next_rule: u64,
    refusals_by_code: BTreeMap<String, u64>,
    bodies: VecDeque<(String, Value)>,
    traces: u64,
}

/// Within this time a repetition is recognized.
const DEDUP_WINDOW_S: i64 = 48 * 3_600;

impl World {
    pub fn has_asset(&self, asset: &str) -> bool {
        self.assets.contains_key(asset)
    }

    pub fn trace_id(&mut self) -> String {
        self.traces += 1;
        let noise = self.toss() & 0xff_ffff;
        format!("A{:010x}{noise:06x}", self.traces)
    }

    fn toss(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The misbehaviours that apply to this request: slowness and poison beside at most one other,
    /// in the order in which the rules were made. Each is spent by one.
    pub fn misbehaviours(&mut self, asset: &str) -> Vec<Misbehaviour> {
        let mut chosen = Vec::new();
        for position in 0..self.rules.len() {
            let rule = &self.rules[position].rule;
            if rule.asset.as_ref().is_some_and(|only| only != asset) {
                continue;
            }
            let (percent, what) = (u64::from(rule.percent), rule.what.clone());
            let is_exclusive = |what: &Misbehaviour| {
                !matches!(what, Misbehaviour::Slow { .. } | Misbehaviour::Poison { .. })
            };
            if is_exclusive(&what) && chosen.iter().any(is_exclusive) {
                continue;
            }
            if percent < 100 && self.toss() % 100 >= percent {
                continue;
            }
            let rule = &mut self.rules[position];
            match &mut rule.left {
                Some(0) => continue,
                // Poison is spent when it bites, not when it is looked at.
                Some(_) if matches!(what, Misbehaviour::Poison { .. }) => {}
                Some(left) => *left -= 1,
                None => {}
            }
            chosen.push(what);
        }
        chosen
    }

    pub fn refused(&mut self, asset: &str, code: i64, subcode: Option<i64>) {
        let name = subcode.map_or_else(|| code.to_string(), |subcode| format!("{code}/{subcode}"));
        *self.refusals_by_code.entry(name).or_default() += 1;
        if let Some(asset) = self.assets.get_mut(asset) {
            asset.counts.requests += 1;
            asset.counts.refused_requests += 1;
        }
    }

    /// Counts an accepted request in which nobody looks at single events.
    pub fn sink(&mut self, asset: &str, events: u64) {
        if let Some(asset) = self.assets.get_mut(asset) {
            asset.counts.requests += 1;
            asset.counts.received += events;
            asset.counts.distinct += events;
        }
    }

    /// Counts the events of an accepted request.
    pub fn receive(&mut self, asset_id: &str, events: &[Value]) {
        let now = clock::unix_seconds();
        let Some(asset) = self.assets.get_mut(asset_id) else { return };
        asset.counts.requests += 1;
        for event in events {
            asset.counts.received += 1;
            let deduplicates = event["action_source"] != "business_messaging";
            match asset.seen.get(&identity(event)) {
                None => {
                    asset.counts.distinct += 1;
                    asset.seen.insert(identity(event), now);
                }
                Some(first) if deduplicates && now - first < DEDUP_WINDOW_S => {
                    asset.counts.deduplicated += 1;
                }
                Some(_) => asset.counts.counted_twice += 1,
            }
            if self.bodies.len() == KEPT_BODIES {
                self.bodies.pop_front();
            }
            self.bodies.push_back((asset_id.to_owned(), event.clone()));
        }
    }
}

fn identity(event: &Value) -> u128 {
    let mut hash = Sha256::new();
    for key in ["event_id", "event_name"] {
        hash.update(event[key].as_str().unwrap_or_default().as_bytes());
        hash.update([0]);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(first)
}

/// Sets up the stand-in and looks at it: what `/_sandbox/…` does, from inside the process.
#[derive(Clone)]
pub struct SandboxHandle {
    world: Arc<Mutex<World>>,
}

impl SandboxHandle {
    pub(crate) fn new(seed: u64, strictness: Strictness) -> Self {
        let world = World {
            strictness,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            apps: BTreeMap::new(),
            tokens: HashMap::new(),
            assets: BTreeMap::new(),
            rules: Vec::new(),
            next_rule: 1,
            refusals_by_code: BTreeMap::new(),
            bodies: VecDeque::new(),
            traces: 0,
        };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an app and returns its secret.
    pub fn add_app(&self, id: u64, proof: Proof) -> String {
        let mut world = self.world();
        let secret = format!("{:016x}{:016x}", world.toss(), world.toss());
        let app = App { secret: secret.clone(), requires_proof: proof == Proof::Required };
        world.apps.insert(id, app);
        secret
    }

    pub fn require_proof(&self, app: u64, proof: Proof) {
        if let Some(app) = self.world().apps.get_mut(&app) {
            app.requires_proof = proof == Proof::Required;
        }
    }

    pub fn add_asset(&self, id: &str) {
        self.world().assets.entry(id.to_owned()).or_default();
    }

    /// Issues a token that may use these assets.
    pub fn issue_token(&self, app: u64, kind: TokenKind, assets: &[&str]) -> String {
        let mut world = self.world();
        let mut bytes = app.to_be_bytes().to_vec();
        bytes.extend_from_slice(b"FAKE-TEST-TOKEN");
        for _ in 0..17 {
            bytes.extend_from_slice(&world.toss().to_le_bytes());
        }
        let token = format!("E{}", escape(&BASE64_STANDARD.encode(bytes)));
        let assets = assets.iter().map(|asset| (*asset).to_owned()).collect();
        let issued = Token { app, kind, state: TokenState::Valid, assets };
        world.tokens.insert(token.clone(), issued);
        token
    }

    /// False if there is no such token.
    pub fn set_token_state(&self, token: &str, state: TokenState) -> bool {
        self.world().tokens.get_mut(token).map(|token| token.state = state).is_some()
    }

    /// Gives or takes the right to use an asset.
    pub fn assign(&self, token: &str, asset: &str, assigned: bool) -> bool {
        let mut world = self.world();
        let Some(token) = world.tokens.get_mut(token) else { return false };
        if assigned {
            token.assets.insert(asset.to_owned());
        } else {
            token.assets.remove(asset);
        }
        true
    }

    /// Adds a rule and returns its number.
    pub fn misbehave(&self, rule: NewRule) -> u64 {
        let mut world = self.world();
        let id = world.next_rule;
        world.next_rule += 1;
        let left = rule.times;
        world.rules.push(Rule { id, rule, left });
        id
    }

    pub fn behave(&self, rule: u64) -> bool {
        let mut world = self.world();
        let before = world.rules.len();
        world.rules.retain(|known| known.id != rule);
        world.rules.len() < before
    }

    pub fn state(&self) -> State {
        let world = self.world();
        let mut total = AssetCounts::default();
        for asset in world.assets.values() {
            let counts = &asset.counts;
            total.requests += counts.requests;
            total.refused_requests += counts.refused_requests;
            total.received += counts.received;
            total.distinct += counts.distinct;
            total.deduplicated += counts.deduplicated;
            total.counted_twice += counts.counted_twice;
        }
        State {
            assets: world.assets.iter().map(|(id, a)| (id.clone(), a.counts.clone())).collect(),
            refusals_by_code: world.refusals_by_code.clone(),
            total,
        }
    }

    /// The last events of an asset, newest first.
    pub fn events(&self, asset: &str, limit: usize) -> Vec<Value> {
        let world = self.world();
        let of_asset = world.bodies.iter().rev().filter(|(of, _)| of == asset);
        of_asset.take(limit).map(|(_, event)| event.clone()).collect()
    }
}

/// How these tokens write base64: only letters and digits.
fn escape(base64: &str) -> String {
    base64.replace('Z', "ZA").replace('+', "ZB").replace('/', "ZC").replace('=', "ZD")
}
