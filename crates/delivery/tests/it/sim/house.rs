//! Four destinations in one process: two of a platform that refuses whole requests, two of one
//! that says nothing of the neighbors. Credentials are shared and die, standbys take over, poison
//! comes everywhere, processes end. Holds are what the gateway's services make of them: on the
//! credential, on the credential and one asset, or on one destination by an operator's hand. What
//! one destination meets must never reach another that no hold covers.

use holdfast_model::fault::{FaultAction, FaultClass};

use super::platform::fault;
use super::tally::Tally;
use super::world::{Manners, World};

const HAPPENINGS: u32 = 1_200;

/// A house that is not at rest after so many steps will never be.
const MOST_STEPS: u32 = 400_000;

const CREDENTIALS: usize = 4;

/// Which credential signs for each destination at first, and which ones may take over. The first
/// two share one; the third has nobody to fall back on.
const BOUND: [usize; 4] = [0, 0, 1, 2];
const STANDBY: [&[usize]; 4] = [&[3], &[3, 1], &[], &[3]];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Credential(usize),
    /// What a platform refuses on one asset says nothing about the credential's other assets.
    CredentialAt(usize, usize),
    /// An operator paused the destination.
    Paused(usize),
}

#[derive(Debug, Default)]
pub struct HouseTally {
    lanes: Tally,
    takeovers: u64,
    /// A hold of one destination covered another that shares its credential.
    shared_holds: u64,
    /// A lane went on while another was held.
    undisturbed: u64,
    pauses: u64,
}

impl HouseTally {
    pub fn add(&mut self, other: &Self) {
        self.lanes.add(&other.lanes);
        self.takeovers += other.takeovers;
        self.shared_holds += other.shared_holds;
        self.undisturbed += other.undisturbed;
        self.pauses += other.pauses;
    }

    pub fn assert_has_seen_everything(&self) {
        let Self { lanes, takeovers, shared_holds, undisturbed, pauses } = self;
        for (name, count) in [
            ("delivered", lanes.delivered),
            ("dead", lanes.dead),
            ("crashes", lanes.crashes),
            ("holds", lanes.holds),
            ("recognized", lanes.recognized),
            ("takeovers", *takeovers),
            ("shared holds", *shared_holds),
            ("undisturbed", *undisturbed),
            ("pauses", *pauses),
        ] {
            assert!(count > 0, "no seed has met {name}");
        }
    }
}

pub struct House {
    worlds: Vec<World>,
    bound: [usize; 4],
    standby: [Vec<usize>; 4],
    is_alive: [bool; CREDENTIALS],
    holds: Vec<Scope>,
    time: u64,
    tally: HouseTally,
}

impl House {
    pub fn new(seed: u64) -> Self {
        let world = |at: usize| {
            let mut world = World::new(seed * 4 + at as u64);
            world.manners = if at < 2 { Manners::AllOrNothing } else { Manners::Unsaid };
            world.poison_percent = 1 + seed % 3;
            world
        };
        Self {
            worlds: (0..4).map(world).collect(),
            bound: BOUND,
            standby: STANDBY.map(<[usize]>::to_vec),
            is_alive: [true; CREDENTIALS],
            holds: Vec::new(),
            time: 0,
            tally: HouseTally::default(),
        }
    }

    pub fn run(mut self) -> HouseTally {
        self.worlds.iter_mut().for_each(World::tell_holds);
        for _ in 0..HAPPENINGS {
            match self.toss(120) {
                0..=7 => {
                    let at = self.toss(4) as usize;
                    self.worlds[at].bring_items();
                }
                8..=10 => self.die(),
                11 | 12 => self.rotate(),
                13 => self.every(World::crash),
                14 => self.every(World::restart),
                15 => self.pause(),
                16 => self.holds.retain(|scope| !matches!(scope, Scope::Paused(_))),
                _ => self.step(),
            }
            self.look_at_holds();
        }
        self.get_well();
        let worlds = std::mem::take(&mut self.worlds);
        worlds.iter().for_each(|world| self.tally.lanes.add(&world.tally));
        self.tally
    }

    fn toss(&mut self, bound: u64) -> u64 {
        self.worlds[0].toss(bound)
    }

    /// One process: what happens to one lane happens to all, at one time.
    fn every(&mut self, happening: impl Fn(&mut World)) {
        self.worlds.iter_mut().for_each(happening);
        self.keep_time();
    }

    fn keep_time(&mut self) {
        let latest = self.worlds.iter().map(|world| world.mono).max();
        self.time = latest.unwrap_or_default().max(self.time);
        self.worlds.iter_mut().for_each(|world| world.mono = self.time);
    }

    /// Whoever is next.
    fn step(&mut self) {
        let next = (0..4).min_by_key(|at| self.worlds[*at].next_due()).unwrap_or_default();
        let before = self.worlds[next].tally.delivered;
        self.worlds[next].step();
        let others_held = (0..4).any(|at| at != next && self.worlds[at].hold.is_some());
        let delivered = self.worlds[next].tally.delivered > before;
        self.tally.undisturbed += u64::from(delivered && others_held);
        self.keep_time();
        if self.worlds[next].hold.is_some() && !self.is_covered(next, self.bound[next]) {
            self.opened(next);
        }
    }

    /// A lane asked for a hold: the first platform means the credential, the second the asset.
    fn opened(&mut self, at: usize) {
        let credential = self.bound[at];
        self.holds.push(match self.worlds[at].manners {
            Manners::AllOrNothing => Scope::Credential(credential),
            _ => Scope::CredentialAt(credential, at),
        });
    }

    fn die(&mut self) {
        let credential = self.toss(CREDENTIALS as u64) as usize;
        self.is_alive[credential] = false;
        for at in 0..4 {
            if self.bound[at] == credential {
                self.worlds[at].token_alive = false;
            }
        }
    }

    fn rotate(&mut self) {
        let credential = self.toss(CREDENTIALS as u64) as usize;
        self.renew(credential);
    }

    /// A verified token: it ends the holds on its credential and no others.
    fn renew(&mut self, credential: usize) {
        self.is_alive[credential] = true;
        self.holds.retain(|scope| match scope {
            Scope::Credential(of) | Scope::CredentialAt(of, _) => *of != credential,
            Scope::Paused(_) => true,
        });
        for at in 0..4 {
            if self.bound[at] == credential {
                self.worlds[at].sign_with_another(true);
            }
        }
    }

    fn pause(&mut self) {
        let at = self.toss(4) as usize;
        self.tally.pauses += 1;
        self.holds.push(Scope::Paused(at));
    }

    fn is_covered(&self, at: usize, credential: usize) -> bool {
        self.holds.iter().any(|scope| match *scope {
            Scope::Credential(of) => of == credential,
            Scope::CredentialAt(of, place) => of == credential && place == at,
            Scope::Paused(place) => place == at,
        })
    }

    /// Takes over where somebody can, and tells every lane of the holds that cover it.
    fn look_at_holds(&mut self) {
        for at in 0..4 {
            if self.is_covered(at, self.bound[at]) && !self.holds.contains(&Scope::Paused(at)) {
                self.take_over(at);
            }
            let is_covered = self.is_covered(at, self.bound[at]);
            let world = &mut self.worlds[at];
            match (is_covered, world.hold.is_some()) {
                (true, false) => {
                    let why =
                        fault("meta.token_expired", FaultClass::Credential, FaultAction::Hold);
                    world.open_hold(why);
                    world.tell_holds();
                    self.tally.shared_holds += 1;
                }
                (false, true) => world.lift(),
                _ => {}
            }
        }
    }

    fn take_over(&mut self, at: usize) {
        let fit =
            |credential: &usize| self.is_alive[*credential] && !self.is_covered(at, *credential);
        let Some(place) = self.standby[at].iter().position(fit) else { return };
        let credential = self.standby[at].remove(place);
        self.standby[at].push(std::mem::replace(&mut self.bound[at], credential));
        self.tally.takeovers += 1;
        self.worlds[at].sign_with_another(true);
    }

    fn get_well(&mut self) {
        self.worlds.iter_mut().for_each(|world| world.has_trouble = false);
        (0..CREDENTIALS).for_each(|credential| self.renew(credential));
        for _ in 0..MOST_STEPS {
            if self.worlds.iter().all(|world| world.outbox.is_empty()) {
                return;
            }
            // Whatever is held by now is lifted by an operator, as a person would.
            self.holds.clear();
            self.look_at_holds();
            self.step();
        }
        for world in &self.worlds {
            let left = world.outbox.items.values().find(|item| !item.is_terminal());
            assert!(left.is_none(), "seed {}: left in {:?}", world.seed, world.lane.state());
        }
    }
}
