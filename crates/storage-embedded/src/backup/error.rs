//! What can be wrong with a backup, or with where it should go.

use std::path::PathBuf;

use holdfast_storage::StorageError;

use super::head::FORMAT;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("this is no backup of Holdfast")]
    NotABackup,
    #[error("the backup has format {found}; this release reads formats up to {FORMAT}")]
    NewerFormat { found: u32 },
    #[error("the backup is cut short in {part}")]
    CutShort { part: String },
    #[error("the backup is damaged in {part}")]
    Damaged { part: String },
    #[error(
        "the backup belongs to the master key {sealed_under}, and the one configured here is {ours}"
    )]
    OtherKey { sealed_under: String, ours: String },
    #[error("{} is not empty; a backup is restored into a new directory", .0.display())]
    NotEmpty(PathBuf),
    #[error("another restore into {} is under way", .0.display())]
    UnderWay(PathBuf),
    #[error("another backup is being taken")]
    AnotherBackup,
    #[error("the copy of the databases needs {needed} bytes on the disk, and {free} are free")]
    NoRoom { needed: u64, free: u64 },
    #[error("failed to {doing}: {cause}")]
    Io { doing: &'static str, cause: std::io::Error },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

pub fn io(doing: &'static str) -> impl Fn(std::io::Error) -> BackupError {
    move |cause| BackupError::Io { doing, cause }
}
