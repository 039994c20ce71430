//! The few file operations that the log needs, as a trait, so that tests can run it against a disk
//! that loses what was not synced, tears what was being written, fills up and fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// A directory of files.
pub trait Disk: Send + Sync + 'static {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// A new file of `bytes` zeros, synced. Fails if it exists.
    fn create_zeroed(&self, name: &str, bytes: u64) -> io::Result<()>;
    /// The same at once: room is set aside and reads as zeros, but nothing is written yet, which
    /// makes the syncs of what is written there later slower.
    fn create_reserved(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.create_zeroed(name, bytes)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// How much more could be written, whoever takes it first.
    fn free_bytes(&self) -> io::Result<u64>;
}

pub trait DiskFile: Send + Sync {
    fn size(&self) -> io::Result<u64>;
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// What was written is durable when this returns.
    fn sync(&self) -> io::Result<()>;
}

/// A real directory.
pub struct RealDisk {
    dir: PathBuf,
}

/// Zeros are written in pieces of this size: large enough to be fast, small enough to hold.
const ZEROS: usize = 1 << 20;

impl RealDisk {
    /// The directory is made if it is missing.
    pub fn new(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let path = self.dir.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.dir.join(name))?;
        Ok(Arc::new(file))
    }

    fn create_zeroed(&self, name: &str, bytes: u64) -> io::Result<()> {
        let file = self.create(name)?;
        let zeros = vec![0; ZEROS];
        let mut written = 0;
        while written < bytes {
            let piece = zeros.len().min(usize::try_from(bytes - written).unwrap_or(usize::MAX));
            FileExt::write_all_at(&file, &zeros[..piece], written)?;
            written += piece as u64;
        }
        file.sync_all()
    }

    fn create_reserved(&self, name: &str, bytes: u64) -> io::Result<()> {
        let file = self.create(name)?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => file.sync_all(),
            // Not every file system can.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                self.remove(name)?;
                self.create_zeroed(name, bytes)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_its_size_and_of_zeros_however_it_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(dir.path().to_owned()).unwrap();
        disk.create_zeroed("written", 3 << 20).unwrap();
        disk.create_reserved("reserved", 3 << 20).unwrap();
        for name in ["written", "reserved"] {
            let file = disk.open(name).unwrap();
            assert_eq!(file.size().unwrap(), 3 << 20, "{name}");
            let mut bytes = vec![1; 3 << 20];
            file.read_exact_at(&mut bytes, 0).unwrap();
            assert!(bytes.iter().all(|byte| *byte == 0), "{name}");
            assert!(disk.create_reserved(name, 1).is_err(), "{name} exists");
        }
    }
}
