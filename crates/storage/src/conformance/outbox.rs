//! What every [`Outbox`] must do, whatever it is built on.
//!
//! A backend implements [`OutboxFactory`] and writes
//! `holdfast_storage::outbox_conformance!(make)` in its tests, where `make` is an expression that
//! gives a factory with an empty outbox. Each case becomes a test of its own.
//!
//! The cases know nothing of disks: what a backend must do when its medium fails, fills up or
//! forgets is for the backend's own tests.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Outbox;

pub mod append;
pub mod dead_letters;
pub mod erase;
pub mod expiry;
pub mod idempotency;
pub mod intents;
pub mod lease;
pub mod ledger;
pub mod quota;
pub mod release;
pub mod reopen;
pub mod replace;
pub mod replay;
mod sample;
pub mod settle;
pub mod unknown;
pub mod wake;

/// One outbox that can be opened several times, one after the other.
#[async_trait]
pub trait OutboxFactory: Send + Sync {
    /// Opens the outbox: empty the first time, then with what was stored before. The cases drop
    /// what they opened before they open again, sometimes without closing it.
    async fn open(&self) -> Arc<dyn Outbox>;
}

/// Writes one `#[tokio::test]` per case. The one list of them is here: a case that is not in it
/// does not run.
#[macro_export]
macro_rules! outbox_conformance {
    ($make:expr) => {
        $crate::outbox_conformance! { @cases $make;
            append::what_was_appended_is_handed_out_as_it_was
            append::a_commit_over_several_lanes_is_one
            append::positions_follow_the_commit_without_gaps
            append::of_fifty_commits_at_once_all_have_their_own_positions
            append::a_commit_whose_caller_went_away_is_whole_or_absent
            append::an_item_is_not_leased_before_its_time
            idempotency::a_repeated_key_answers_the_same_and_writes_nothing
            idempotency::the_same_key_with_another_body_tells_the_first_body
            idempotency::of_fifty_repetitions_at_once_one_is_stored
            idempotency::of_many_pairs_at_once_one_of_each_is_stored
            idempotency::a_refused_commit_leaves_its_key_free
            idempotency::a_repetition_is_known_even_when_the_quota_is_used_up
            idempotency::keys_survive_reopening_and_settling
            lease::the_nearest_deadline_comes_first
            lease::equal_deadlines_leave_in_the_order_they_came
            lease::a_leased_item_is_not_leased_again
            lease::max_items_and_max_bytes_bound_a_lease
            lease::an_item_above_max_bytes_is_handed_out_alone
            lease::groups_are_never_mixed
            lease::safe_and_unsafe_resends_are_never_mixed
            lease::what_was_safe_becomes_unsafe_with_time
            lease::of_many_leases_at_once_none_shares_an_item
            lease::a_lease_that_nobody_waits_for_returns_its_items
            release::released_items_are_leased_again
            release::deferred_items_wait_for_their_time
            release::what_is_not_leased_is_passed_over
            intents::an_intent_survives_reopening
            intents::an_intent_marks_only_what_was_named
            intents::a_withdrawn_intent_is_forgotten_at_once
            intents::an_intent_that_nobody_waited_for_is_not_taken_for_granted
            settle::each_kind_moves_items_once
            settle::a_second_settlement_of_another_kind_changes_nothing
            settle::of_many_settlements_at_once_one_counts
            settle::an_abandoned_settlement_is_repeated_without_harm
            settle::what_was_not_leased_is_passed_over
            settle::part_of_a_lease_can_be_settled
            expiry::items_at_or_before_the_due_time_expire
            expiry::leased_items_do_not_expire
            expiry::every_group_and_deferred_items_expire
            expiry::a_limit_bounds_each_call
            expiry::the_reason_is_kept
            expiry::of_many_expiries_at_once_each_item_counts_once
            ledger::counts_are_conserved_through_every_move
            ledger::what_is_in_flight_or_deferred_is_part_of_queued
            ledger::bytes_and_first_deadline_follow_what_waits
            ledger::peek_tells_what_could_be_leased
            ledger::an_unknown_lane_is_empty
            ledger::an_item_is_found_in_each_state
            ledger::lanes_are_isolated
            quota::a_full_lane_refuses_and_the_others_do_not
            quota::a_commit_that_one_lane_refuses_is_refused_whole
            quota::settling_makes_room_again
            quota::of_many_commits_at_once_none_passes_the_quota
            quota::commits_that_nobody_waits_for_take_no_room_for_good
            dead_letters::a_dead_letter_keeps_its_event_and_its_words
            dead_letters::listings_and_counts_are_filtered
            dead_letters::counts_tell_kinds_apart
            dead_letters::listings_are_paged_without_gaps_or_repetitions
            dead_letters::only_what_left_is_a_dead_letter
            replay::what_is_put_back_is_the_same_item
            replay::each_item_is_put_back_once
            replay::of_many_replays_at_once_one_puts_back
            replay::only_dead_letters_and_expired_items_are_put_back
            replay::many_items_are_put_back_together
            replay::an_abandoned_replay_is_whole_or_can_be_repeated
            replay::a_replayed_item_can_be_rejected_and_replayed_again
            replay::what_is_too_old_stays_where_it_is
            replay::there_may_be_no_room
            replace::a_correction_is_a_new_item_that_names_its_origin
            replace::a_correction_can_be_rejected_and_corrected
            replace::only_open_letters_are_replaced
            replace::of_many_corrections_at_once_one_is_accepted
            replace::a_correction_without_room_leaves_the_letter_open
            replace::an_abandoned_correction_is_whole_or_can_be_repeated
            unknown::unknown_items_are_listed_oldest_first
            unknown::unknown_items_survive_reopening
            unknown::unknown_items_can_be_sent_again_or_confirmed
            erase::what_waits_is_rejected_without_its_content
            erase::letters_keep_their_state_and_lose_their_content
            erase::only_the_lanes_that_are_named_are_looked_at
            erase::what_is_in_flight_is_waited_for
            erase::what_stays_in_flight_is_erased_when_it_comes_back
            erase::an_erasure_that_was_cut_short_can_be_repeated
            wake::appended_and_released_items_wake_their_lane
            wake::a_later_wake_replaces_the_earlier
            reopen::everything_survives_closing
            reopen::everything_survives_an_end_without_closing
            reopen::leases_end_with_the_process
            reopen::a_closed_outbox_accepts_nothing
            reopen::positions_are_never_given_twice
        }
    };
    (@cases $make:expr; $($module:ident :: $case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::outbox::$module::$case(&$make).await;
            }
        )+
    };
}
