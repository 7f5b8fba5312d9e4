"""Mistakes that other replay buffers made, and the tests that would have caught each of them here.

`mistakes.toml` puts each of them in.
"""

_CORE = "replay_server/memory/mistakes_of_peers"

MISTAKES: dict[str, tuple[str, ...]] = {
    "a float32 tree moved by differences drifts (flashbax#52; torchrl, cpprb by default)": (
        f"{_CORE}.float_drift_does_not_build_up_over_a_million_updates_of_131072_leaves",
        "replay_server/memory/sum_tree.a_million_float_updates_leave_no_drift_in_the_root",
    ),
    "a leaf of zero mass, or one past the end, is drawn (torchrl#2230 #2239, cleanrl, tianshou)": (
        "replay_server/memory/sum_tree.find_agrees_with_a_search_in_the_cumulative_sum",
        "replay_server/memory/sum_tree.what_is_left_of_a_target_may_round_up_to_the_mass_of_the_block",
        f"{_CORE}.a_leaf_of_zero_mass_and_one_past_the_end_are_never_drawn",
        "priorities.items_of_priority_0_are_never_drawn_whatever_alpha_is",
    ),
    "the draw's target rounds up to the total (torchrl#2230)": (
        f"{_CORE}.a_target_that_rounds_up_to_the_total_draws_the_last_item_with_mass",
    ),
    "duplicates in one update are summed, or the first wins (dopamine, SEED)": (
        f"{_CORE}.of_duplicates_in_one_update_the_last_wins",
        "priorities.of_one_key_given_twice_the_last_wins",
    ),
    "an update after the slot was overwritten (every peer that hands out slots)": (
        f"{_CORE}.an_update_after_the_slot_was_overwritten_does_not_touch_the_new_row",
        "priorities.a_late_update_does_no_harm_to_the_row_that_took_the_place",
    ),
    "alpha applied twice, or p^alpha + eps for (p + eps)^alpha (torchrl#3925, ALF#1232)": (
        f"{_CORE}.alpha_is_applied_once",
        "samples.alpha_is_applied_once",
        "agent_client/dqn/losses.priority_is_absolute_td_error_plus_epsilon_without_weight_or_exponent",
    ),
    "raw priorities are not kept, so that alpha can't change (torchrl)": (
        f"{_CORE}.raw_priorities_are_kept",
        "patch.raw_priorities_are_kept",
    ),
    "new items get 1 instead of the highest so far (ray#2927, ray#11750)": (
        f"{_CORE}.new_items_get_the_highest_priority_so_far",
        "priorities.a_new_item_gets_the_highest_priority_so_far",
    ),
    "weights with the capacity for N (several)": (
        f"{_CORE}.n_in_the_weights_is_the_size_and_not_the_capacity",
        "samples.probabilities_weights_and_ages_by_hand",
    ),
    "p_min of table-wide weights remembers evicted leaves (several)": (
        f"{_CORE}.p_min_forgets_evicted_leaves",
        "samples.table_wide_weights_forget_items_that_are_gone",
    ),
    "priority from the weighted loss, missing abs() (ptan#36, autonomous-learning-library#106)": (
        "agent_client/dqn/learner.priorities_are_unweighted_td_errors",
        "agent_client/dqn/losses.priority_is_absolute_td_error_plus_epsilon_without_weight_or_exponent",
    ),
    "beta never anneals (keras-rl#212)": (
        "agent_client/training_loop.beta_rises_with_the_steps",
        "agent_client/learning/schedules.beta_rises_linearly_to_one",
        "agent_client/prefetcher.no_more_than_depth_batches_are_drawn_ahead",
    ),
    "NaN is refused and +inf accepted (Reverb)": (
        f"{_CORE}.plus_infinity_is_refused_like_nan",
        "priorities.what_is_no_priority_is_refused_everywhere_and_changes_nothing",
    ),
    "truncation is taken for termination (cleanrl, dopamine)": (
        "steps.n_step_returns_end_with_their_episode",
        "agent_client/dqn/losses.target_after_termination_is_the_reward_and_after_truncation_goes_on",
        "agent_client/writer/step_writer.draws_are_transitions_within_episodes",
        "agent_client/training_loop.the_writer_is_told_termination_from_truncation",
    ),
    "n-step windows stay open across episodes (cleanrl, dopamine)": (
        "steps.n_step_returns_end_with_their_episode",
        "steps.an_abandoned_episode_keeps_what_was_complete",
        "programs.any_program_agrees_with_the_twin",
    ),
    "rejection near an episode's end is not in P (RLlib)": (
        "statistics.items_near_an_episodes_end_come_as_often_as_they_are_told",
    ),
    "reading writes: a flag is edited and put back while sampling (SB3's n-step buffer)": (
        f"{_CORE}.draws_do_not_write_to_the_rows",
    ),
}
