//! What happens to the world once, in place of to an answer.

use serde::{Deserialize, Serialize};

use crate::meta::TokenState;
use crate::snap::Habits;

/// A change of the world. Tokens are named by the name they were issued under or by their text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Kills, suspends or revives a token.
    TokenState {
        token: String,
        state: TokenState,
    },
    /// Gives a token other permissions.
    Scopes {
        token: String,
        scopes: Vec<String>,
    },
    /// Gives a token the right to use an asset.
    Assign {
        token: String,
        asset: String,
    },
    /// Takes that right away: 100/33 from then on, or what Snap says of an asset of others.
    Unassign {
        token: String,
        asset: String,
    },
    /// The asset is gone for everybody.
    DeleteAsset {
        asset: String,
    },
    /// Turns an app's "Require App Secret" on or off.
    Proof {
        app: u64,
        proof: Proof,
    },
    /// A new app secret; the old one, and app tokens made of it, stop working.
    ResetAppSecret {
        app: u64,
    },
    AppState {
        app: u64,
        state: AppState,
    },
    /// A token of Snap becomes active so many seconds from then, and is refused until that.
    InactiveFor {
        token: String,
        seconds: u64,
    },
    /// An asset of Snap belongs to another organization from then on.
    MoveAsset {
        asset: String,
        organization: String,
    },
    /// How Snap answers where nobody outside knows how it does. What is not named is as at first.
    SnapHabits(Habits),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    Required,
    #[default]
    Optional,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    #[default]
    Live,
    /// The developer or the app is restricted: `API access blocked.`
    Blocked,
    Deleted,
}
