//! Why a sign-in at a platform came to nothing.

use holdfast_credentials::oauth::ExchangeError;
use holdfast_model::platform::PlatformId;

use crate::services::ServiceError;
use crate::services::secrets::SecretsError;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Used, expired, or never issued: which of them cannot be told any more.
    #[error("this sign-in is not known: it was finished before, or it is older than ten minutes")]
    UnknownState,
    #[error("this sign-in was started in another session")]
    OtherHolder,
    #[error("the person did not agree: {words}")]
    Cancelled { words: String },
    #[error("the platform sent the person back with an error: {words}")]
    Dialog { words: String },
    #[error("{platform} sent the person back without a code")]
    NoCode { platform: PlatformId },
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The code may or may not be spent. It is not sent again.
    #[error("no answer came to the code: {0}")]
    CodeInDoubt(String),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl ConnectError {
    /// A heading for people.
    pub fn title(&self) -> &'static str {
        match self {
            Self::UnknownState => "This sign-in is over",
            Self::OtherHolder => "This sign-in belongs to another session",
            Self::Cancelled { .. } => "Nothing was granted",
            Self::Dialog { .. } => "The platform reports an error",
            Self::NoCode { .. } => "The platform sent no code",
            Self::Exchange(ExchangeError::App(_)) => "The platform refuses the app",
            Self::Exchange(ExchangeError::Refused(_)) => "The platform refuses the code",
            Self::Exchange(ExchangeError::Silent(_)) | Self::CodeInDoubt(_) => {
                "The platform did not answer"
            }
            Self::Service(_) => "That cannot be done",
        }
    }

    /// What to do about it, in a sentence or two.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownState | Self::OtherHolder => {
                "Start again. Nothing was changed.".to_owned()
            }
            Self::Cancelled { .. } => "Nothing was changed: what worked before still does. \
                                       Start again to be asked again."
                .to_owned(),
            Self::Dialog { .. } | Self::NoCode { .. } => {
                "Nothing was changed. Check that the redirect address is registered with the app, \
                 then start again."
                    .to_owned()
            }
            Self::Exchange(error) => match error.fault() {
                Some(fault) => format!("{} Nothing was changed.", fault.remedy),
                None => SILENCE.to_owned(),
            },
            Self::CodeInDoubt(_) => SILENCE.to_owned(),
            Self::Service(ServiceError::Refused { hint, .. }) => hint.clone(),
            Self::Service(_) => "Nothing was changed.".to_owned(),
        }
    }
}

const SILENCE: &str = "Nothing was changed, and silence says nothing about the token or the app. A \
                       code is good once and is not sent again, so start again.";

impl From<SecretsError> for ConnectError {
    fn from(error: SecretsError) -> Self {
        Self::Service(error.into())
    }
}

impl From<holdfast_storage::StorageError> for ConnectError {
    fn from(error: holdfast_storage::StorageError) -> Self {
        Self::Service(error.into())
    }
}
