//! Furnishing Snap's part of the world from inside the process.

use super::world::{
    Habits, IssuedOrganization, IssuedSnapToken, NewOrganization, NewSnapAsset, NewSnapCode,
    NewSnapToken, SnapTokenKind,
};
use crate::entry::EntryError;
use crate::handle::SandboxHandle;
use crate::timeline::Change;

impl SandboxHandle {
    /// Adds an organization of Snap, which owns assets and generates tokens for them.
    ///
    /// # Panics
    /// If the id is taken or unfit: that is a mistake of the caller's program.
    pub fn add_organization(&self, id: &str) -> IssuedOrganization {
        let entry = NewOrganization { id: id.to_owned(), name: None };
        let added = self.world().snap.add_organization(entry);
        added.unwrap_or_else(|mistakes| panic!("no organization was added: {mistakes:?}"))
    }

    /// Adds a pixel.
    ///
    /// # Panics
    /// If the id is taken or no UUID, or the organization does not exist.
    pub fn add_pixel(&self, id: &str, organization: &str) {
        let organization = Some(organization.to_owned());
        let entry = NewSnapAsset { id: id.to_owned(), organization, ..NewSnapAsset::default() };
        self.add_snap(entry).unwrap_or_else(|mistakes| panic!("no pixel was added: {mistakes:?}"));
    }

    /// Adds a pixel or an app, or says all that is wrong with the entry.
    pub fn add_snap(&self, entry: NewSnapAsset) -> Result<(), Vec<EntryError>> {
        let mut world = self.world();
        let id = entry.id.clone();
        world.snap.add_asset(entry)?;
        world.inspection.watch(&id);
        Ok(())
    }

    /// Issues a token for the assets of an organization.
    ///
    /// # Panics
    /// If there is no such organization.
    pub fn issue_snap_token(&self, organization: &str, kind: SnapTokenKind) -> String {
        let organization = Some(organization.to_owned());
        let entry = NewSnapToken { organization, kind, ..NewSnapToken::default() };
        let issued = self.issue_snap(entry);
        issued.unwrap_or_else(|mistakes| panic!("no token was issued: {mistakes:?}")).text
    }

    /// Issues a token, or says all that is wrong with what was asked for.
    pub fn issue_snap(&self, entry: NewSnapToken) -> Result<IssuedSnapToken, Vec<EntryError>> {
        let mut world = self.world();
        let now = world.clock.unix_seconds();
        world.check_token_name(entry.name.as_deref())?;
        world.snap.add_token(entry, now)
    }

    /// The refresh token that an OAuth token was issued with.
    pub fn refresh_token(&self, token: &str) -> Option<String> {
        self.world().snap.token(token)?.refresh_token.clone()
    }

    /// A code as the authorization page hands it out.
    pub fn issue_snap_code(&self, entry: NewSnapCode) -> Result<String, Vec<EntryError>> {
        let mut world = self.world();
        let now = world.clock.unix_seconds();
        world.snap.add_code(entry, now)
    }

    /// How Snap answers where nobody outside knows how it does.
    pub fn set_snap_habits(&self, habits: Habits) {
        self.change(&Change::SnapHabits(habits));
    }

    pub fn snap_habits(&self) -> Habits {
        self.world().snap.habits
    }
}
