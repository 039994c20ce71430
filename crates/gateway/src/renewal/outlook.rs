//! Whether and when a credential renews itself, for people.

use holdfast_credentials::lifecycle::{Way, policy, warning};
use holdfast_model::id::CredentialId;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::StorageError;
use serde::Serialize;

use super::known;
use crate::state::Gateway;

#[derive(Debug, Clone, Serialize)]
pub struct Outlook {
    #[serde(flatten)]
    pub way: Way,
    /// In a sentence.
    pub says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<UnixMillis>,
    /// In a row.
    pub failures: u32,
    /// Of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(skip)]
    overdue_ms: i64,
    /// Since when its token is here.
    #[serde(skip)]
    added_at: UnixMillis,
    #[serde(skip)]
    now: UnixMillis,
}

pub async fn outlook(gateway: &Gateway, id: &CredentialId) -> Result<Outlook, StorageError> {
    let Some(known) = known::read(gateway, id).await? else {
        let why = "it does not exist".to_owned();
        return Ok(Outlook::of(Way::None { why, instead: String::new() }));
    };
    let way = policy::way(&known);
    let now = gateway.clock.wall();
    let next_at = policy::due_at(&known, &way, now);
    let attempts = known.attempts.as_ref();
    Ok(Outlook {
        next_at,
        overdue_ms: next_at.map_or(0, |next| gateway.renewals.overdue_ms(next, now)),
        added_at: known.active().map_or(now, |active| active.added_at),
        now,
        tried_at: attempts.map(|attempts| attempts.tried_at),
        renewed_at: attempts.and_then(|attempts| attempts.renewed_at),
        failures: known.failures(),
        outcome: attempts.map(|attempts| attempts.outcome.clone()),
        ..Outlook::of(way)
    })
}

impl Outlook {
    fn of(way: Way) -> Self {
        let says = match &way {
            Way::None { why, .. } => format!("It does not renew itself: {why}."),
            way => format!("It renews itself: {}.", way.describe()),
        };
        Self {
            way,
            says,
            next_at: None,
            tried_at: None,
            renewed_at: None,
            failures: 0,
            outcome: None,
            overdue_ms: 0,
            added_at: UnixMillis(0),
            now: UnixMillis(0),
        }
    }

    /// Whether the end of its token is no news at this stage.
    pub fn takes_care_of(&self, days: u32, at: UnixSeconds) -> bool {
        let course = warning::Course {
            way: &self.way,
            failures: self.failures,
            next_at: self.next_at,
            overdue_ms: self.overdue_ms,
            added_at: self.added_at,
            now: self.now,
        };
        course.takes_care_of(days, at)
    }
}
