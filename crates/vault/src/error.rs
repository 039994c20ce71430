//! What can go wrong with sealed things. No message says anything about a plaintext.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The record is cut, altered, or was sealed for another row. Which of these cannot be told,
    /// and must not be.
    #[error("the sealed record is damaged, or belongs to another row")]
    Damaged,
    /// Sealed under a master key that is not this one.
    #[error(
        "the sealed record was made under another master key (key id {sealed_under}, this one is {ours})"
    )]
    OtherKey { sealed_under: String, ours: String },
    /// A format this release does not read.
    #[error("the sealed record has format {0}, which this release does not read")]
    Format(u8),
    #[error("the master key file {path}: {problem}")]
    KeyFile { path: String, problem: String },
    #[error("the master key from {source_name}: {problem}")]
    KeySource { source_name: String, problem: String },
    #[error("the operating system gave no random bytes: {0}")]
    Random(String),
}
