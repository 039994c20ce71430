//! Why an operation was refused or failed.

use holdfast_storage::StorageError;

use super::secrets::SecretsError;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller named something that does not exist.
    #[error("{what} {name:?} does not exist")]
    NotFound { what: &'static str, name: String },
    #[error("{what} {name:?} exists already")]
    Exists { what: &'static str, name: String },
    /// The caller's value cannot be used.
    #[error("{field}: {expected}")]
    Invalid { field: &'static str, expected: String },
    /// The request is well-formed but what it asks for must not be done now.
    #[error("{reason}")]
    Refused { reason: String, hint: String },
    #[error("storage failed: {0}")]
    Storage(StorageError),
    #[error("the vault failed: {0}")]
    Vault(#[from] holdfast_vault::VaultError),
}

impl ServiceError {
    pub fn invalid(field: &'static str, expected: impl std::fmt::Display) -> Self {
        Self::Invalid { field, expected: expected.to_string() }
    }
}

impl From<SecretsError> for ServiceError {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Storage(error) => error.into(),
            other => Self::Refused {
                reason: other.to_string(),
                hint: "Add the secret again: `holdfast credential add`, `holdfast app add`."
                    .to_owned(),
            },
        }
    }
}

impl From<StorageError> for ServiceError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NotFound { what, id } => Self::NotFound { what, name: id },
            StorageError::Exists { what, id } => Self::Exists { what, name: id },
            other => Self::Storage(other),
        }
    }
}
