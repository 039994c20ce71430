//! A disk in memory that forgets what was not synced, in whole or torn; fills up; and fails, once,
//! at an operation of the test's choice.
//!
//! It is as unkind as a real one may be. After a power loss any part of the unsynced sectors has
//! survived, and of the unsynced changes of names the first few. A write that fails may have
//! written its beginning. A sync that fails leaves what it should have synced readable but
//! forgotten: a later sync does not bring it to the disk.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use holdfast_storage_embedded::disk::{Disk, DiskFile};

/// Sectors are written whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    List,
    Open,
    Read,
    Write,
    Sync,
    Create,
    Rename,
    Remove,
    SyncDir,
}

/// What happens at the operation of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It fails; the next succeeds.
    Error,
    /// It and everything after it fails, until the power is back.
    PowerLoss,
}

/// Goes off once.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// At which kind of operation. `None` for any.
    pub at: Option<Op>,
    /// How many of them succeed before.
    pub after: u64,
    pub what: What,
}

#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct State {
    random: u64,
    powered: bool,
    capacity: u64,
    fault: Option<Fault>,
    fired: Option<(Op, What)>,
    /// By name: the number of the file.
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<Renaming>,
    contents: BTreeMap<u64, Content>,
    next: u64,
    syncs: u64,
}

#[derive(Clone)]
enum Renaming {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

#[derive(Default, Clone)]
struct Content {
    durable: Vec<u8>,
    /// What a read sees.
    seen: Vec<u8>,
    /// Writes since the last sync, each within one sector.
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: seed | 1,
            powered: true,
            capacity: u64::MAX,
            fault: None,
            fired: None,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            contents: BTreeMap::new(),
            next: 0,
            syncs: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Another disk with the same on it.
    pub fn copy(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn files(&self) -> usize {
        self.state().names.len()
    }

    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Leaves room for so many bytes and no more.
    pub fn leave_room(&self, bytes: u64) {
        let mut state = self.state();
        state.capacity = state.used() + bytes;
    }

    pub fn is_limited(&self) -> bool {
        self.state().capacity < u64::MAX
    }

    pub fn leave_all_room(&self) {
        self.state().capacity = u64::MAX;
    }

    pub fn arm(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.fired = None;
    }

    /// Takes the fault away; says whether and where it went off.
    pub fn disarm(&self) -> Option<(Op, What)> {
        let mut state = self.state();
        state.fault = None;
        state.fired.take()
    }

    /// The fault went off.
    pub fn has_fired(&self) -> bool {
        self.state().fired.is_some()
    }

    /// From now on every operation fails.
    pub fn power_off(&self) {
        self.state().powered = false;
    }

    /// Of what was not synced, an arbitrary part survives.
    pub fn power_on(&self) {
        let mut state = self.state();
        let state = &mut *state;
        state.powered = true;
        state.fault = None;
        let survive = state.toss(state.unsynced_names.len() as u64 + 1) as usize;
        for renaming in std::mem::take(&mut state.unsynced_names).into_iter().take(survive) {
            renaming.apply(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        let named: Vec<u64> = state.names.values().copied().collect();
        state.contents.retain(|number, _| named.contains(number));
        for number in named {
            state.lose_unsynced(number);
            let content = state.content(number);
            content.seen.clone_from(&content.durable);
        }
    }
}

impl Renaming {
    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, number) => {
                names.insert(name, number);
            }
            Self::Rename(from, to) => {
                if let Some(number) = names.remove(&from) {
                    names.insert(to, number);
                }
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}

impl State {
    fn toss(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn content(&mut self, number: u64) -> &mut Content {
        self.contents.get_mut(&number).expect("a file has a content")
    }

    fn used(&self) -> u64 {
        self.names.values().map(|number| self.contents[number].seen.len() as u64).sum()
    }

    /// Some of the unsynced sectors reach the disk, the others never will.
    fn lose_unsynced(&mut self, number: u64) {
        for (at, bytes) in std::mem::take(&mut self.content(number).unsynced) {
            if self.toss(2) == 0 {
                self.content(number).durable[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }

    /// Fails if the power is off or a fault is due.
    fn enter(&mut self, op: Op) -> Result<()> {
        if !self.powered {
            return Err(Error::other("the power is off"));
        }
        let Some(fault) = &mut self.fault else { return Ok(()) };
        if fault.at.is_some_and(|at| at != op) {
            return Ok(());
        }
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        let what = fault.what;
        self.fault = None;
        self.fired = Some((op, what));
        if what == What::PowerLoss {
            self.powered = false;
            return Err(Error::other("the power went off"));
        }
        Err(Error::other(format!("{op:?} failed")))
    }
}

struct SimFile {
    disk: SimDisk,
    number: u64,
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>> {
        let mut state = self.state();
        state.enter(Op::List)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.enter(Op::Open)?;
        let number = *state.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn create_zeroed(&self, name: &str, bytes: u64) -> Result<()> {
        let mut state = self.state();
        if state.powered && state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let failed = state.enter(Op::Create);
        if !state.powered {
            return failed;
        }
        let room = state.capacity.saturating_sub(state.used()).min(bytes);
        let written = if failed.is_err() { state.toss(room + 1) } else { room };
        state.next += 1;
        let number = state.next;
        let zeros = vec![0; written as usize];
        let content = Content { durable: zeros.clone(), seen: zeros, unsynced: Vec::new() };
        state.contents.insert(number, content);
        state.names.insert(name.to_owned(), number);
        state.unsynced_names.push(Renaming::Create(name.to_owned(), number));
        failed?;
        if written < bytes { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.state();
        state.enter(Op::Rename)?;
        let number = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        state.unsynced_names.push(Renaming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut state = self.state();
        state.enter(Op::Remove)?;
        state.names.remove(name).ok_or(ErrorKind::NotFound)?;
        state.unsynced_names.push(Renaming::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self) -> Result<()> {
        let mut state = self.state();
        state.enter(Op::SyncDir)?;
        state.unsynced_names.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> Result<u64> {
        let state = self.state();
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> Result<u64> {
        let mut state = self.disk.state();
        state.enter(Op::Read)?;
        Ok(state.content(self.number).seen.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut state = self.disk.state();
        state.enter(Op::Read)?;
        let seen = &state.content(self.number).seen;
        let at = offset as usize;
        let bytes = seen.get(at..at + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut state = self.disk.state();
        let failed = state.enter(Op::Write);
        if !state.powered && !matches!(state.fired, Some((Op::Write, What::PowerLoss))) {
            return failed;
        }
        // A write that fails may have written its beginning.
        let length =
            if failed.is_err() { state.toss(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        let content = state.content(self.number);
        let end = offset as usize + bytes.len();
        assert!(end <= content.seen.len(), "a write beyond the end of a zero-filled file");
        let mut at = offset as usize;
        let mut rest = &bytes[..length];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((SECTOR - at % SECTOR).min(rest.len()));
            content.seen[at..at + piece.len()].copy_from_slice(piece);
            content.unsynced.push((at, piece.to_vec()));
            at += piece.len();
            rest = after;
        }
        failed
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.state();
        if let Err(error) = state.enter(Op::Sync) {
            if state.powered {
                state.lose_unsynced(self.number);
            }
            return Err(error);
        }
        state.syncs += 1;
        let content = state.content(self.number);
        for (at, bytes) in std::mem::take(&mut content.unsynced) {
            content.durable[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }
}
