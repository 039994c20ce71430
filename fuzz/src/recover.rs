//! Recovery of the outbox log from whatever is on the disk.
//!
//! The first byte chooses: files of the fuzzer's bytes as they are, their bytes in frames that are
//! sound, or a log that is written as the outbox would write it and then damaged.

mod format;
mod frozen;
mod made;
mod real;

use arbitrary::{Result, Unstructured};
use holdfast_storage::StorageError;
use holdfast_storage_embedded::{Inspected, inspect};

use format::{Kind, write_frame};
use frozen::{Frozen, PlainKeys};

pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let mut source = Unstructured::new(rest);
    let _ = match kind % 4 {
        0 => any_files(&mut source),
        1 => any_payloads(&mut source),
        _ => made::damaged(&mut source),
    };
    real::checked_once();
}

fn read(disk: &Frozen) -> std::result::Result<Inspected, StorageError> {
    inspect(disk, &PlainKeys)
}

/// Either a log or damage; nothing else can be said of files that only hold bytes.
fn said(found: std::result::Result<Inspected, StorageError>) -> Option<Inspected> {
    match found {
        Ok(found) => Some(found),
        Err(StorageError::Damaged { detail, .. }) => {
            assert!(!detail.is_empty());
            None
        }
        Err(other) => panic!("expected damage, not {other}"),
    }
}

fn any_files(source: &mut Unstructured<'_>) -> Result<()> {
    let mut disk = Frozen::default();
    for number in 0..source.int_in_range(0..=3)? {
        let name = match source.int_in_range(0..=9)? {
            0 => "lock".to_owned(),
            1 => "+000000001.seg".to_owned(),
            2 => "spare-1-1".to_owned(),
            3 => format!("{:010}.seg", u32::MAX),
            _ => format!("{:010}.seg", number + 1),
        };
        let length = source.int_in_range(0..=600)?.min(source.len());
        disk.put(name, source.bytes(length)?.to_vec());
    }
    if let Some(found) = said(read(&disk)) {
        assert!(found.waiting.is_empty(), "items out of nothing: {found:?}");
    }
    Ok(())
}

/// Frames whose checksum is right, with anything in them: what a bug of the writer, or a newer
/// release, would leave.
fn any_payloads(source: &mut Unstructured<'_>) -> Result<()> {
    let number = 1 + u32::from(source.arbitrary::<u8>()?);
    let mut bytes = Vec::new();
    let header = if source.ratio(7, 8)? {
        format::header(source.arbitrary()?, source.arbitrary()?, &[(1, 7)])
    } else {
        let length = source.int_in_range(0..=80)?;
        source.bytes(length.min(source.len()))?.to_vec()
    };
    write_frame(&mut bytes, number, 0, Kind::Header, &header);
    while !source.is_empty() {
        let kind = *source.choose(&[Kind::Items, Kind::Moved, Kind::Remembered, Kind::Header])?;
        let length = source.int_in_range(0..=200)?;
        let payload = source.bytes(length.min(source.len()))?;
        let synced = source.arbitrary()?;
        write_frame(&mut bytes, number, synced, kind, payload);
    }
    let total = bytes.len();
    let mut disk = Frozen::default();
    disk.put(format!("{number:010}.seg"), bytes);
    if let Some(found) = said(read(&disk)) {
        assert!(found.waiting.len() * format::MIN_RECORD <= total, "{found:?} of {total} bytes");
        assert!(found.waiting.iter().all(|(_, seq)| seq.0 < found.next_seq));
    }
    Ok(())
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for n in 0..40_u64 {
        let bytes = holdfast_testkit::Seeded::new(n).bytes(400);
        seeds.push([vec![n as u8 % 4], bytes].concat());
    }
    seeds
}
