//! The form of a backup: a tar archive in which every byte is determined by what it holds.
//!
//! Standard tools read it (`tar -xf`, then `sha256sum -c SHA256SUMS`). Reading it here is stricter:
//! each header and the filling between the parts must be as they would be written, each part must
//! have its sum, and nothing may follow the end. So there is no byte whose damage goes unnoticed.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::error::{BackupError, io};
use super::head::{HEAD, Head, Part, SUMS};

/// Tar's unit: headers, and what parts are filled up to.
const BLOCK: usize = 512;

/// Two empty blocks end an archive.
const END: usize = 2 * BLOCK;

/// Longest head or list of sums: a hundred bytes for each of half a million segments.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Parts are copied in pieces of this size.
const PIECE: usize = 256 << 10;

pub struct Writer<W> {
    to: W,
    at_s: u64,
    sums: String,
}

impl<W: Write> Writer<W> {
    /// Begins an archive with its head.
    pub fn new(to: W, head: &Head) -> io::Result<Self> {
        let mut writer = Self { to, at_s: seconds(head), sums: String::new() };
        let json = serde_json::to_vec_pretty(head)?;
        writer.part(HEAD, json.len() as u64, &mut json.as_slice())?;
        Ok(writer)
    }

    /// The next part, of which `from` must have so many bytes.
    pub fn part(&mut self, name: &str, bytes: u64, from: &mut impl Read) -> io::Result<()> {
        self.to.write_all(&header(name, bytes, self.at_s)?)?;
        let mut sum = Sha256::new();
        copy(from, bytes, |piece| {
            sum.update(piece);
            self.to.write_all(piece)
        })?;
        self.to.write_all(&[0; BLOCK][..filling(bytes)])?;
        self.sums.push_str(&sum_line(sum, name));
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        let sums = std::mem::take(&mut self.sums);
        self.part(SUMS, sums.len() as u64, &mut sums.as_bytes())?;
        self.to.write_all(&[0; END])?;
        self.to.flush()
    }
}

/// Bytes of the whole archive.
pub fn archive_bytes(head: &Head) -> io::Result<u64> {
    let entry = |bytes: u64| BLOCK as u64 + bytes + filling(bytes) as u64;
    let json = serde_json::to_vec_pretty(head)?.len() as u64;
    let names = head.parts.iter().map(|part| part.name.as_str()).chain([HEAD]);
    let sums: u64 = names.map(|name| sum_line(Sha256::new(), name).len() as u64).sum();
    let parts: u64 = head.parts.iter().map(|part| entry(part.bytes)).sum();
    Ok(entry(json) + parts + entry(sums) + END as u64)
}

/// Reads an archive from its beginning to its end. It is sound if [`Self::finish`] says so.
pub struct Reader<R> {
    from: R,
    head: Head,
    at_s: u64,
    next: usize,
    sums: String,
}

impl<R: Read> Reader<R> {
    pub fn open(mut from: R) -> Result<Self, BackupError> {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block).map_err(|_| BackupError::NotABackup)?;
        let (name, bytes, at_s) = describe(&block).ok_or(BackupError::NotABackup)?;
        if name != HEAD {
            return Err(BackupError::NotABackup);
        }
        let mut sums = String::new();
        let json = list(&mut from, HEAD, &block, bytes, at_s, &mut sums)?;
        let head = Head::read(&json)?;
        if seconds(&head) != at_s {
            return Err(damaged(HEAD));
        }
        Ok(Self { from, head, at_s, next: 0, sums })
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The part that comes next.
    pub fn upcoming(&self) -> Option<&Part> {
        self.head.parts.get(self.next)
    }

    /// Reads the next part.
    pub fn part(&mut self, mut to: impl Write) -> Result<(), BackupError> {
        let Some(Part { name, bytes, .. }) = self.upcoming().cloned() else { return Ok(()) };
        self.next += 1;
        let expected = header(&name, bytes, self.at_s).map_err(io("read the backup"))?;
        let mut block = [0; BLOCK];
        fill(&mut self.from, &mut block, &name)?;
        if block != expected {
            return Err(damaged(&name));
        }
        let sum = body(&mut self.from, &name, bytes, |piece| to.write_all(piece))?;
        self.sums.push_str(&sum_line(sum, &name));
        Ok(())
    }

    /// Reads what is left, and says whether all of it was as it was written.
    pub fn finish(mut self) -> Result<Head, BackupError> {
        while self.upcoming().is_some() {
            self.part(io::sink())?;
        }
        let mut block = [0; BLOCK];
        fill(&mut self.from, &mut block, SUMS)?;
        let mut unused = String::new();
        let length = self.sums.len() as u64;
        let sums = list(&mut self.from, SUMS, &block, length, self.at_s, &mut unused)?;
        if let Some(part) = different(&self.sums, &sums) {
            return Err(damaged(&part));
        }
        let mut end = [0; END];
        fill(&mut self.from, &mut end, "its end")?;
        let mut more = [0; 1];
        let follows = self.from.read(&mut more).map_err(io("read the backup"))? > 0;
        if follows || end.iter().any(|byte| *byte != 0) {
            return Err(damaged("its end"));
        }
        Ok(self.head)
    }
}

/// The content of a part that is small enough to hold.
fn list(
    from: &mut impl Read,
    name: &str,
    block: &[u8; BLOCK],
    bytes: u64,
    at_s: u64,
    sums: &mut String,
) -> Result<Vec<u8>, BackupError> {
    let expected = header(name, bytes, at_s).map_err(io("read the backup"))?;
    if *block != expected || bytes > MAX_LIST_BYTES {
        return Err(damaged(name));
    }
    let mut content = Vec::new();
    let sum = body(from, name, bytes, |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    sums.push_str(&sum_line(sum, name));
    Ok(content)
}

fn body(
    from: &mut impl Read,
    name: &str,
    bytes: u64,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Sha256, BackupError> {
    let mut sum = Sha256::new();
    let mut written = Ok(());
    let copied = copy(from, bytes, |piece| {
        sum.update(piece);
        written = to(piece);
        written.as_ref().copied().map_err(|error| error.kind().into())
    });
    written.map_err(io("write what the backup holds"))?;
    copied.map_err(|error| cut_short(error, name))?;
    let mut rest = [0; BLOCK];
    let rest = &mut rest[..filling(bytes)];
    fill(from, rest, name)?;
    if rest.iter().any(|byte| *byte != 0) { Err(damaged(name)) } else { Ok(sum) }
}

/// The first part whose sum is another one than was written.
fn different(found: &str, written: &[u8]) -> Option<String> {
    if found.as_bytes() == written {
        return None;
    }
    let mut written = written.split(|byte| *byte == b'\n');
    let line = found.lines().find(|line| written.next() != Some(line.as_bytes()));
    Some(line.and_then(|line| line.split_once("  ")).map_or(SUMS, |(_, name)| name).to_owned())
}

fn copy(
    from: &mut impl Read,
    bytes: u64,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(PIECE as u64) as usize;
        from.read_exact(&mut piece[..length])?;
        to(&piece[..length])?;
        left -= length as u64;
    }
    Ok(())
}

fn fill(from: &mut impl Read, bytes: &mut [u8], name: &str) -> Result<(), BackupError> {
    from.read_exact(bytes).map_err(|error| cut_short(error, name))
}

fn cut_short(error: io::Error, name: &str) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::CutShort { part: name.to_owned() },
        _ => io("read the backup")(error),
    }
}

fn header(name: &str, bytes: u64, at_s: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(at_s);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Name, size and time of an entry. `None` if the block is no header of ours.
fn describe(block: &[u8; BLOCK]) -> Option<(String, u64, u64)> {
    let header = tar::Header::from_byte_slice(block);
    let name = String::from_utf8(header.path_bytes().into_owned()).ok()?;
    Some((name, header.size().ok()?, header.mtime().ok()?))
}

fn filling(bytes: u64) -> usize {
    (BLOCK - (bytes % BLOCK as u64) as usize) % BLOCK
}

fn sum_line(sum: Sha256, name: &str) -> String {
    format!("{}  {name}\n", hex::encode(sum.finalize()))
}

fn seconds(head: &Head) -> u64 {
    u64::try_from(head.taken_at.to_seconds().0).unwrap_or(0)
}

fn damaged(part: &str) -> BackupError {
    BackupError::Damaged { part: part.to_owned() }
}

#[cfg(test)]
mod tests {
    use holdfast_model::time::UnixMillis;

    use super::super::head::{FORMAT, LEDGER, REGISTRY};
    use super::*;

    fn archive() -> (Head, Vec<u8>) {
        let part = |name: &str, bytes| Part { name: name.to_owned(), bytes, reserved: None };
        let head = Head {
            format: FORMAT,
            release: "1.2.3".to_owned(),
            taken_at: UnixMillis(1_700_000_000_123),
            epoch: 3,
            master_key: "00".to_owned(),
            parts: vec![part(REGISTRY, 700), part(LEDGER, 512), part("outbox/0000000007.seg", 0)],
        };
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, &head).unwrap();
        for (fill, part) in head.parts.iter().enumerate() {
            let content = vec![fill as u8 + 1; part.bytes as usize];
            writer.part(&part.name, part.bytes, &mut content.as_slice()).unwrap();
        }
        writer.finish().unwrap();
        (head, bytes)
    }

    fn read(bytes: &[u8]) -> Result<Head, BackupError> {
        Reader::open(bytes)?.finish()
    }

    #[test]
    fn what_was_written_is_read() {
        let (head, bytes) = archive();
        assert_eq!(bytes.len() as u64, archive_bytes(&head).unwrap());
        let mut reader = Reader::open(bytes.as_slice()).unwrap();
        assert_eq!(reader.head(), &head);
        let mut registry = Vec::new();
        reader.part(&mut registry).unwrap();
        assert_eq!(registry, [1; 700]);
        assert_eq!(reader.finish().unwrap(), head);
    }

    #[test]
    fn standard_tools_can_read_it() {
        let (_, bytes) = archive();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, [HEAD, REGISTRY, LEDGER, "outbox/0000000007.seg", SUMS]);
    }

    #[test]
    fn damage_to_any_byte_is_found() {
        let (_, bytes) = archive();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(read(&damaged).is_err(), "byte {at} ^ {flip:#x}");
            }
        }
    }

    #[test]
    fn every_cut_is_found_and_so_is_what_was_added() {
        let (_, bytes) = archive();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        let more = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(read(&more), Err(BackupError::Damaged { .. })));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (_, mut bytes) = archive();
        assert!(matches!(read(b"not at all"), Err(BackupError::NotABackup)));
        assert!(matches!(read(&[0; 4096]), Err(BackupError::NotABackup)));
        let cut = read(&bytes[..bytes.len() - END - 600]).unwrap_err();
        assert!(cut.to_string().contains("cut short in SHA256SUMS"), "{cut}");
        let at = bytes.windows(700).position(|window| window == [1; 700]).unwrap();
        bytes[at + 350] ^= 1;
        let damaged = read(&bytes).unwrap_err();
        assert!(damaged.to_string().contains("damaged in registry.sqlite"), "{damaged}");
    }
}
