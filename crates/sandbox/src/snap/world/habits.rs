//! What nobody outside of Snap knows (`snap-conversions.md §17`), and can be set here.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// How Snap answers where its documentation does not say how. The defaults are the plainest
/// reading of its examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Habits {
    /// Under which status a payload is refused.
    pub refusal: Refusal,
    /// Whether a refusal says which event it is about.
    pub names_event: bool,
    /// Whether events count from 0 in refusals, in place of from 1.
    pub counts_from_zero: bool,
    /// Whether the good events of a refused request were taken nevertheless.
    pub takes_neighbors: bool,
    /// How a token is refused that is unknown, dead or not active yet.
    pub dead_token: Denial,
    /// How a token is refused for an asset of another organization.
    pub foreign_asset: Denial,
    /// Whether a refresh comes with a new refresh token, and ends the old one.
    pub rotates_refresh_tokens: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            refusal: Refusal::BadRequest,
            names_event: true,
            counts_from_zero: false,
            takes_neighbors: false,
            dead_token: Denial::Unauthorized,
            foreign_asset: Denial::Unauthorized,
            rotates_refresh_tokens: false,
        }
    }
}

/// How a payload is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[default]
    BadRequest,
    /// The failure is in the body alone.
    Ok,
}

impl Refusal {
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Ok => StatusCode::OK,
        }
    }
}

/// How a caller is refused. The words name the token each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    #[default]
    Unauthorized,
    Forbidden,
    /// As a bad payload is refused, which only the words tell apart.
    BadRequest,
}

impl Denial {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::BadRequest => StatusCode::BAD_REQUEST,
        }
    }
}
