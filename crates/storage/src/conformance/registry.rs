//! What every [`Registry`] must do, whatever it is built on.
//!
//! A backend implements [`RegistryFactory`] and writes
//! `holdfast_storage::registry_conformance!(make)` in its tests, where `make` is an expression that
//! gives a factory with an empty registry. Each case becomes a test of its own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Registry;

pub mod alerts;
pub mod apps;
pub mod audit;
pub mod credentials;
pub mod deliveries;
pub mod destinations;
pub mod holds;
pub mod inbound;
pub mod keys;
pub mod renewals;
mod sample;
pub mod tickets;

/// One registry that can be opened several times, one after the other.
#[async_trait]
pub trait RegistryFactory: Send + Sync {
    /// Opens the registry: empty the first time, then with what was stored before. The cases drop
    /// what they opened before they open again.
    async fn open(&self) -> Arc<dyn Registry>;
}

/// Writes one `#[tokio::test]` per case. The one list of them is here: a case that is not in it
/// does not run.
#[macro_export]
macro_rules! registry_conformance {
    ($make:expr) => {
        $crate::registry_conformance! { @cases $make;
            apps::an_app_is_stored_and_replaced
            apps::secrets_are_numbered_and_only_they_move_the_newest
            apps::secrets_need_their_app_and_the_next_number
            apps::each_secret_knows_when_it_was_added
            apps::an_app_keeps_its_platform
            credentials::a_credential_is_stored_once_and_needs_its_app
            credentials::versions_are_numbered_without_gaps
            credentials::of_two_versions_with_one_number_one_is_stored
            credentials::describing_changes_everything_but_the_state
            credentials::activation_supersedes_the_former
            credentials::of_many_activations_at_once_one_is_left_active
            credentials::only_candidates_and_superseded_ones_become_active
            credentials::retiring_shreds_and_is_final
            credentials::versions_survive_reopening
            credentials::describing_a_credential_leaves_what_its_secrets_are_bound_to
            renewals::of_fifty_leases_at_once_one_is_given
            renewals::a_lease_ends_by_time_or_by_being_given_back
            renewals::whoever_was_away_too_long_stores_nothing
            renewals::what_a_renewal_brought_is_stored_together
            renewals::the_last_two_refresh_tokens_are_kept
            deliveries::counts_add_up_and_the_first_is_news
            deliveries::old_retired_versions_are_forgotten_and_numbers_go_on
            tickets::a_ticket_is_taken_once
            tickets::tickets_expire_and_are_forgotten
            tickets::purposes_are_apart
            inbound::a_push_is_kept_once_until_it_is_dealt_with
            inbound::a_push_is_put_off_and_comes_back
            inbound::what_was_dealt_with_is_remembered_for_a_while
            inbound::too_many_are_refused
            destinations::a_destination_is_stored_once_with_a_lane_of_its_own
            destinations::lanes_are_never_given_twice
            destinations::a_destination_is_replaced_but_keeps_lane_and_platform
            destinations::credentials_must_be_known
            holds::a_hold_is_opened_once_per_scope
            holds::of_fifty_openings_at_once_one_is_new
            holds::other_scopes_are_other_holds
            holds::a_lifted_scope_can_be_held_again
            holds::lifting_happens_once
            holds::impossible_holds_are_refused
            holds::listings_are_newest_first_and_bounded
            keys::a_key_is_stored_by_its_hash
            keys::names_and_hashes_are_never_reused
            keys::destinations_of_a_key_must_be_known
            keys::revoking_happens_once
            alerts::of_fifty_claims_at_once_one_is_told_yes
            alerts::an_alert_is_due_until_its_channel_has_it
            alerts::alerts_are_listed_newest_first
            audit::the_trail_is_newest_first_and_survives_reopening
            audit::entries_at_once_are_all_kept
            audit::an_installation_that_was_never_restored_is_in_epoch_0
            audit::a_value_is_put_once
            audit::of_many_puts_at_once_all_see_one_value
        }
    };
    (@cases $make:expr; $($module:ident :: $case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::registry::$module::$case(&$make).await;
            }
        )+
    };
}
