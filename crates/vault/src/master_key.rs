//! The master key: 32 random bytes, in a file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::VaultError;

const KEY_BYTES: usize = 32;

/// Longest text that a key file may have: 64 hexadecimal digits and a line break, or the same in
/// base64. A larger file is another file.
const MAX_FILE_BYTES: u64 = 256;

/// The key from which all others are derived. No `Clone`, no `Debug`, wiped when dropped.
pub struct MasterKey(pub(crate) Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key from a text: 64 hexadecimal digits, or the same bytes in base64.
    pub fn from_text(text: &str) -> Option<Self> {
        use base64::Engine as _;
        let text = text.trim();
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if hex::decode_to_slice(text, &mut key[..]).is_ok() {
            return Some(Self(key));
        }
        let decoded = Zeroizing::new(base64::prelude::BASE64_STANDARD.decode(text).ok()?);
        (decoded.len() == KEY_BYTES).then(|| {
            key.copy_from_slice(&decoded);
            Self(key)
        })
    }

    /// Reads a key file. Refuses one that others may read.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let problem =
            |problem: String| VaultError::KeyFile { path: path.display().to_string(), problem };
        let file = File::open(path).map_err(|e| problem(format!("cannot be opened: {e}")))?;
        let metadata = file.metadata().map_err(|e| problem(e.to_string()))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(problem("can be read by others than its owner; `chmod 600` it".to_owned()));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(|e| problem(format!("cannot be read: {e}")))?;
        Self::from_text(&text).ok_or_else(|| {
            problem("expected 32 bytes as 64 hexadecimal digits or as base64".to_owned())
        })
    }

    /// Reads the key file, or makes one with a new random key, readable by its owner alone. Says
    /// whether it made one.
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), VaultError> {
        match fs::symlink_metadata(path) {
            Ok(_) => Ok((Self::from_file(path)?, false)),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let key = Self(crate::vault::random()?);
                key.create_file(path).map_err(|e| VaultError::KeyFile {
                    path: path.display().to_string(),
                    problem: format!("cannot be made: {e}"),
                })?;
                Ok((key, true))
            }
            Err(e) => Err(VaultError::KeyFile {
                path: path.display().to_string(),
                problem: e.to_string(),
            }),
        }
    }

    /// Written beside its place, synced, then linked there: a crash leaves a whole key or none,
    /// and a file that appeared meanwhile is never overwritten.
    fn create_file(&self, path: &Path) -> std::io::Result<()> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = path.with_extension(format!("new-{}", std::process::id()));
        let text = Zeroizing::new(format!("{}\n", hex::encode(&self.0[..])));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::hard_link(&beside, path));
        let removed = fs::remove_file(&beside);
        written?;
        removed?;
        File::open(dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_a_private_file_and_the_next_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let (first, created) = MasterKey::load_or_create(&path).unwrap();
        assert!(created);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (second, created) = MasterKey::load_or_create(&path).unwrap();
        assert!(!created);
        assert_eq!(first.0, second.0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::from_file(&path).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn keys_are_read_as_hex_or_base64_and_nothing_else() {
        use base64::Engine as _;
        let bytes = [7; KEY_BYTES];
        for text in [hex::encode(bytes), base64::prelude::BASE64_STANDARD.encode(bytes)] {
            assert_eq!(*MasterKey::from_text(&text).unwrap().0, bytes);
        }
        for bad in ["", "abc", &hex::encode([7; 31]), &"g".repeat(64)] {
            assert!(MasterKey::from_text(bad).is_none(), "{bad:?}");
        }
    }
}
