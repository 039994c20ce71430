//! A disk in memory that forgets what was not synced, in whole or torn.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use holdfast_storage_embedded::disk::{Disk, DiskFile};

/// Writes are torn at this granularity.
const SECTOR: usize = 512;

#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    random: u64,
    powered: bool,
    /// By name: the number of the file. Names are durable at once; only contents are at risk.
    names: BTreeMap<String, u64>,
    contents: BTreeMap<u64, Content>,
    next: u64,
}

#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    /// What a read sees.
    seen: Vec<u8>,
    /// Writes since the last sync.
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: seed | 1,
            powered: true,
            names: BTreeMap::new(),
            contents: BTreeMap::new(),
            next: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn files(&self) -> usize {
        self.state().names.len()
    }

    /// From now on every operation fails.
    pub fn power_off(&self) {
        self.state().powered = false;
    }

    /// Of what was not synced, an arbitrary part of the sectors survives.
    pub fn power_on(&self) {
        let mut state = self.state();
        state.powered = true;
        let mut random = state.random;
        for content in state.contents.values_mut() {
            for (offset, bytes) in std::mem::take(&mut content.unsynced) {
                for (position, sector) in bytes.chunks(SECTOR).enumerate() {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    if random.is_multiple_of(2) {
                        let at = offset + position * SECTOR;
                        content.durable[at..at + sector.len()].copy_from_slice(sector);
                    }
                }
            }
            content.seen.clone_from(&content.durable);
        }
        state.random = random;
    }
}

impl State {
    fn powered(&self) -> Result<()> {
        if self.powered { Ok(()) } else { Err(Error::other("the power is off")) }
    }
}

struct SimFile {
    disk: SimDisk,
    number: u64,
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>> {
        let state = self.state();
        state.powered()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let state = self.state();
        state.powered()?;
        let number = *state.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn create_zeroed(&self, name: &str, bytes: u64) -> Result<()> {
        let mut state = self.state();
        state.powered()?;
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.next += 1;
        let number = state.next;
        let zeros = vec![0; bytes as usize];
        let content = Content { durable: zeros.clone(), seen: zeros, unsynced: Vec::new() };
        state.contents.insert(number, content);
        state.names.insert(name.to_owned(), number);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.state();
        state.powered()?;
        let number = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut state = self.state();
        state.powered()?;
        state.names.remove(name).ok_or(ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync_dir(&self) -> Result<()> {
        self.state().powered()
    }
}

impl DiskFile for SimFile {
    fn size(&self) -> Result<u64> {
        let state = self.disk.state();
        state.powered()?;
        Ok(state.contents[&self.number].seen.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let state = self.disk.state();
        state.powered()?;
        let seen = &state.contents[&self.number].seen;
        let at = offset as usize;
        let bytes = seen.get(at..at + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut state = self.disk.state();
        state.powered()?;
        let content = state.contents.get_mut(&self.number).ok_or(ErrorKind::NotFound)?;
        let at = offset as usize;
        content.seen[at..at + bytes.len()].copy_from_slice(bytes);
        content.unsynced.push((at, bytes.to_vec()));
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.state();
        state.powered()?;
        let content = state.contents.get_mut(&self.number).ok_or(ErrorKind::NotFound)?;
        content.unsynced.clear();
        content.durable = content.seen.clone();
        Ok(())
    }
}
