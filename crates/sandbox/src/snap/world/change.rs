//! What happens to Snap's world.

use super::{SnapTokenState, SnapWorld, Token};
use crate::entry::seconds;
use crate::meta::TokenState;
use crate::timeline::Change;

impl SnapWorld {
    /// Whether a change is one of Snap's: by what it is, or by what it names.
    pub fn is_meant(&self, change: &Change) -> bool {
        match change {
            Change::InactiveFor { .. } | Change::MoveAsset { .. } | Change::SnapHabits(_) => true,
            Change::TokenState { token, .. }
            | Change::Scopes { token, .. }
            | Change::Assign { token, .. }
            | Change::Unassign { token, .. } => self.token(token).is_some(),
            Change::DeleteAsset { asset } => self.assets.contains_key(asset),
            Change::Proof { .. } | Change::ResetAppSecret { .. } | Change::AppState { .. } => false,
        }
    }

    /// False if something that the change names does not exist here, or cannot be so.
    pub fn apply(&mut self, change: &Change, now: i64) -> bool {
        match change {
            Change::TokenState { token, state } => match known_state(*state) {
                Some(state) => self.set_state(token, state),
                None => false,
            },
            Change::Scopes { token, scopes } => {
                self.with_token(token, |token| token.scopes = scopes.iter().cloned().collect())
            }
            Change::Assign { token, asset } => self.with_token(token, |token| {
                token.denied.remove(asset);
            }),
            Change::Unassign { token, asset } => self.with_token(token, |token| {
                token.denied.insert(asset.clone());
            }),
            Change::DeleteAsset { asset } => self.assets.remove(asset).is_some(),
            Change::InactiveFor { token, seconds: after } => self.with_token(token, |token| {
                token.active_at = now.saturating_add(seconds(*after));
            }),
            Change::MoveAsset { asset, organization } => {
                let is_known = self.organizations.contains_key(organization);
                let asset = self.assets.get_mut(asset).filter(|_| is_known);
                asset.map(|asset| asset.organization.clone_from(organization)).is_some()
            }
            Change::SnapHabits(habits) => {
                self.habits = *habits;
                true
            }
            Change::Proof { .. } | Change::ResetAppSecret { .. } | Change::AppState { .. } => false,
        }
    }

    /// What a change names that does not exist: the key and what was found there.
    pub fn unknown_in(&self, change: &Change) -> Option<(&'static str, String)> {
        let token = |key, name: &String| {
            let what = || (key, format!("there is no token {name:?} of Snap"));
            self.token(name).is_none().then(what)
        };
        let asset = |key, id: &String| {
            let what = || (key, format!("there is no asset {id:?} of Snap"));
            (!self.assets.contains_key(id)).then(what)
        };
        let organization = |key, id: &String| {
            let what = || (key, format!("there is no organization {id:?}"));
            (!self.organizations.contains_key(id)).then(what)
        };
        match change {
            Change::TokenState { state, .. } if known_state(*state).is_none() => Some((
                "change.token_state.state",
                "expected valid, revoked or expired for a token of Snap".to_owned(),
            )),
            Change::Assign { asset: id, .. } => asset("change.assign.asset", id),
            Change::Unassign { asset: id, .. } => asset("change.unassign.asset", id),
            Change::InactiveFor { token: name, .. } => token("change.inactive_for.token", name),
            Change::MoveAsset { asset: id, organization: of } => {
                asset("change.move_asset.asset", id)
                    .or_else(|| organization("change.move_asset.organization", of))
            }
            _ => None,
        }
    }

    /// Revoking an OAuth token takes back what the person granted: it cannot be refreshed either.
    fn set_state(&mut self, token: &str, state: SnapTokenState) -> bool {
        let refresh_token = self.token(token).and_then(|token| token.refresh_token.clone());
        if let Some(grant) = refresh_token.and_then(|text| self.grants.get_mut(&text)) {
            grant.is_revoked = state == SnapTokenState::Revoked;
        }
        self.with_token(token, |token| token.state = state)
    }

    fn with_token(&mut self, name: &str, change: impl FnOnce(&mut Token)) -> bool {
        self.token_mut(name).map(change).is_some()
    }
}

/// The vocabulary of states is Meta's, which has most of them.
fn known_state(state: TokenState) -> Option<SnapTokenState> {
    match state {
        TokenState::Valid => Some(SnapTokenState::Valid),
        TokenState::Revoked => Some(SnapTokenState::Revoked),
        TokenState::Expired => Some(SnapTokenState::Expired),
        _ => None,
    }
}
