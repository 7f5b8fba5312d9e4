"""Which test holds which sentence of docs/protocol.md, for what this version does.

`test_sentences.py` sees to it that the sentences still stand there, word for word, and that the
tests exist. Names are `module.test`, both without `test_`.
"""

SENTENCES: dict[str, str] = {
    # 1. Ground rules
    "HTTP/1.1, keep-alive": "errors.requests_may_come_before_the_answer_to_the_one_before",
    "mean the same": "bodies.every_name_of_messagepack_is_read",
    "by `Content-Type` and `Accept`": "bodies.accept_chooses_the_form_of_the_answer",
    "An `Accept` that can't be met gets the default": (
        "bodies.accept_chooses_the_form_of_the_answer"
    ),
    "`data` is a nested list, `|b1` is true/false": (
        "arrays.arrays_of_every_dtype_go_both_ways_in_json"
    ),
    "NaN and infinities are refused in requests": "arrays.json_requests_hold_no_infinities",
    "and null in answers": "arrays.nan_and_infinities_are_null_in_json_answers",
    "any MessagePack library can read it": "arrays.any_messagepack_library_reads_an_answer",
    "Bytes after a request's document are 400 `malformed`": (
        "bodies.a_body_that_is_not_one_map_is_malformed"
    ),
    "Bodies are compressed only where the client asks": (
        "compression.an_answer_is_compressed_where_the_client_asks"
    ),
    "(answers from 1 kB on)": "compression.answers_below_a_kilobyte_are_not_compressed",
    "Limits hold for what comes out: too much is 413": "compression.limits_hold_for_what_comes_out",
    "a body that does not decompress is 400": (
        "compression.a_body_that_does_not_decompress_is_malformed"
    ),
    "another encoding is 415": "compression.another_encoding_is_unsupported",
    "A refused request changes nothing": (
        "hostile_bytes.valid_bodies_with_a_value_changed_do_no_harm"
    ),
    "Unknown keys in specs and requests are 422 `invalid_request`, by name": (
        "bodies.unknown_keys_are_refused_by_name"
    ),
    "Every response bears `x-replay-protocol: 1`": (
        "errors.head_of_what_is_refused_has_no_body_either"
    ),
    # 2. ARRAY
    "`dtype` is a NumPy array-protocol string, little-endian, one of": (
        "arrays.arrays_of_every_dtype_come_back_bit_for_bit"
    ),
    "`data` holds exactly": "arrays.an_array_that_is_none_is_refused_by_name",
    "The map may also hold `pad`, a bin of zeros that readers skip": (
        "arrays.pad_is_accepted_and_ignored"
    ),
    "put `data` on a 64-byte boundary of the body": (
        "arrays.data_of_answers_lies_on_64_byte_boundaries"
    ),
    # 3. Tables
    "Names match `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`": (
        "errors.bad_names_are_invalid_wherever_they_stand"
    ),
    "column names are parts that match": (
        "invalid_specs.bad_names_of_columns_are_refused_in_specs_and_first_inserts"
    ),
    "`observation` and `observation/x` exclude each other": (
        "invalid_specs.a_column_does_not_lie_inside_another"
    ),
    "200 when a table with an equal spec stands already": (
        "tables.put_of_an_equal_spec_finds_the_table_that_stands"
    ),
    "409 `table_exists` when a different one does": "tables.put_of_a_different_spec_is_refused",
    "Specs are compared after defaults are filled in": (
        "tables.put_of_an_equal_spec_finds_the_table_that_stands"
    ),
    "as it was made or as it stands now": "tables.put_equals_the_spec_as_made_and_as_it_stands_now",
    "a `PUT` without `columns` equals any signature": (
        "tables.put_without_columns_equals_any_signature"
    ),
    "The values shown are the defaults": "tables.defaults_are_those_of_the_protocol",
    "rows; required": "invalid_specs.capacity_is_required",
    "Without `columns` the first insert of at least one row fixes the signature": (
        "tables.the_first_insert_of_a_row_fixes_the_signature"
    ),
    "`min_size` (`min_size`): draws need that many items": (
        "samples.the_limiter_is_asked_first_and_tells_what_is_missing"
    ),
    "draws are reproducible for the same sequence of requests": (
        "tables.the_same_seed_gives_the_same_draws_whatever_the_name"
    ),
    "numbers are never given as strings": "invalid_specs.an_infeasible_spec_is_refused_at_once",
    "refused at once, 422": "invalid_specs.an_infeasible_spec_is_refused_at_once",
    '`GET /v1/tables` -> `{"tables": [document, ...]}`': (
        "tables.tables_are_listed_by_name_with_their_documents"
    ),
    "stats has at least `size`": "delete_and_scan.stats_count_what_happened",
    "quantiles of the `ages` of drawn items": (
        "delete_and_scan.sample_ages_are_quantiles_of_what_was_drawn"
    ),
    "whose keys go on above the highest ever issued under it": (
        "tables.a_table_made_again_goes_on_with_higher_keys"
    ),
    "empties it; the signature, the key counter, the totals and the writers' sequences stay": (
        "tables.reset_empties_and_keeps_what_has_to_stay"
    ),
    "the highest priority so far is 1.0 again": "tables.reset_empties_and_keeps_what_has_to_stay",
    "an item is an n-step transition": "steps.n_step_returns_end_with_their_episode",
    "Keys: `n_step` (1), `discount` (0.99), `frame_stack` (1)": (
        "steps.one_step_transitions_by_hand"
    ),
    "a new one starting every `period` (default `length`) steps counted from the episode's first": (
        "sequences.the_period_is_the_length_unless_told"
    ),
    "`pad` (true) lets the end of an episode be shorter": (
        "sequences.the_end_of_an_episode_is_padded_with_zeros_and_masked"
    ),
    "(by priority; ties: the older first)": (
        "ordered_samplers.a_batch_is_the_first_items_in_their_order"
    ),
    "`fifo` and `lifo` go by insertion": (
        "ordered_samplers.order_of_insertion_is_kept_where_slots_are_used_again"
    ),
    "`remover.kind`, what goes when the table is full": (
        "removers.the_removers_choice_goes_before_each_row"
    ),
    "Tables of steps take `fifo` only": "removers.tables_of_steps_take_fifo_only",
    "the remover acts before each and never takes the one coming in": (
        "removers.the_row_that_comes_in_stays"
    ),
    "both since the limiter was set": "patch.a_changed_limiter_begins_anew",
    "draws need m items and d - draws >= r * m - e": (
        "rate_limiters.draws_and_inserts_keep_to_the_ratio"
    ),
    "inserts that leave at most m items always pass": (
        "rate_limiters.inserts_that_leave_at_most_min_size_always_pass"
    ),
    "others need d + rows * r <= r * m + e": "rate_limiters.draws_and_inserts_keep_to_the_ratio",
    "that could never pass (more than 2 e at once) is 422": (
        "rate_limiters.more_than_twice_the_buffer_at_once_is_refused"
    ),
    "a FIFO queue in which each item is drawn once": (
        "queues.each_item_of_a_queue_is_drawn_once_and_in_order"
    ),
    "an insert or batch larger than `size` is 422": "queues.a_queue_tells_what_is_missing",
    "an item goes after that many draws, within a batch too": (
        "max_times_sampled.it_goes_within_a_batch_too"
    ),
    "The row goes with its item in tables of rows": (
        "max_times_sampled.an_item_goes_after_that_many_draws"
    ),
    "and stays in tables of steps": "max_times_sampled.the_step_stays_where_its_item_goes",
    "what went stays gone": "max_times_sampled.what_went_stays_gone_when_the_limit_is_lifted",
    "With it draws are made one after another, not stratified": (
        "max_times_sampled.probabilities_are_those_of_each_draw"
    ),
    "a limiter that could never open": "sequences.a_min_size_that_no_steps_could_reach_is_refused",
    "`e < max(1, r)`": "rate_limiters.infeasible_limiters_are_refused_at_once",
    "`frame_stack + n_step` or `length` rows longer than the capacity": (
        "sequences.sequences_that_can_not_be_are_refused"
    ),
    "(raw priorities are kept)": "patch.raw_priorities_are_kept",
    "merged key by key": "patch.a_sampler_is_merged_key_by_key",
    "(a changed `kind` replaces the object)": "patch.a_changed_kind_replaces_the_object",
    "other keys are 422": "patch.other_changes_are_refused_and_change_nothing",
    "200 with the table's document": "patch.a_sampler_is_merged_key_by_key",
    "streams begin anew": "steps.a_reset_begins_streams_anew",
    # 4. Keys and priorities
    "never reused under a table's name": "table_model.a_table_is_at_all_times_as_the_model_says",
    "those of one insert are consecutive": "inserts.keys_are_consecutive_and_ascend_over_inserts",
    "no other rows than those of the last `capacity` keys": (
        "inserts.deleted_rows_make_no_room_for_older_ones"
    ),
    "(any float or integer dtype, kept as float64)": (
        "priorities.priorities_come_in_any_float_or_integer_dtype"
    ),
    "`P(i) = p_i^alpha / sum_k p_k^alpha`": "statistics.frequencies_agree_with_probabilities",
    "priority 0 has mass 0 whatever alpha is and is never drawn": (
        "priorities.items_of_priority_0_are_never_drawn_whatever_alpha_is"
    ),
    "NaN, infinite, negative": (
        "priorities.what_is_no_priority_is_refused_everywhere_and_changes_nothing"
    ),
    "p^alpha > 1e300 / capacity: 422": "priorities.priorities_beyond_what_sums_can_hold_are_bad",
    "Samplers other than `prioritized` draw items of priority 0 too": (
        "priorities.a_uniform_sampler_draws_items_of_priority_0_too"
    ),
    "A new item without a priority gets the table's highest priority so far": (
        "priorities.a_new_item_gets_the_highest_priority_so_far"
    ),
    "(stale ones and the earlier of two for one key don't count)": (
        "priorities.stale_updates_and_overruled_ones_do_not_raise_the_highest"
    ),
    "`weight_i = (N * P(i))^-beta / max_j(...)`": "samples.beta_and_normalize_of_the_request_win",
    "over the table's items with P > 0": (
        "samples.table_wide_weights_do_not_count_items_of_priority_0"
    ),
    "An update for a key that is gone or was never issued is counted as stale": (
        "priorities.keys_that_were_never_issued_are_stale"
    ),
    "not to the row that took its place": (
        "priorities.a_late_update_does_no_harm_to_the_row_that_took_the_place"
    ),
    "Of one key given twice in one update the last wins": (
        "priorities.of_one_key_given_twice_the_last_wins"
    ),
    "elsewhere keys are only unique": "removers.keys_are_never_used_again",
    "An update of a step at which no item starts (yet) stores the priority and counts as updated": (
        "steps.an_update_of_a_step_without_an_item_yet_is_kept"
    ),
    # 5. Data endpoints
    "N may be 0; N beyond the capacity is 422": "inserts.more_rows_than_the_capacity_are_refused",
    "an insert happens exactly once however often it is sent": (
        "inserts.an_insert_sent_again_happens_once"
    ),
    "whatever the content and without asking the limiter": (
        "inserts.a_repeated_sequence_is_a_duplicate_whatever_its_content"
    ),
    "a lower one is 409 `stale_sequence`, with `last`": (
        "inserts.a_lower_sequence_is_stale_and_told_the_last"
    ),
    "a higher one is new, gaps are fine": (
        "inserts.gaps_between_sequences_are_fine_and_writers_count_apart"
    ),
    "A refused insert does not use up its sequence": (
        "inserts.a_refused_insert_does_not_use_up_its_sequence"
    ),
    "(a string; an id and its sequence belong to one table)": (
        "inserts.a_writers_sequences_belong_to_one_table"
    ),
    "drawn one after another, all or none": (
        "samples.times_sampled_count_up_over_batches_and_requests"
    ),
    'optional, wins over the table\'s; likewise "normalize"': (
        "samples.beta_and_normalize_of_the_request_win"
    ),
    "optional: only these of what would be drawn": (
        "samples.only_the_columns_that_are_asked_for_are_drawn"
    ),
    "applied at the moment of the draw": "samples.the_update_is_applied_before_the_draw",
    "rows inserted into the table since that one": "samples.probabilities_weights_and_ages_by_hand",
    "gains a leading axis K": "samples.an_answer_has_every_array_in_its_dtype_and_shape",
    "each batch is weighted by itself": "samples.each_batch_is_weighted_by_itself",
    "The limiter is asked first (429)": (
        "samples.the_limiter_is_asked_first_and_tells_what_is_missing"
    ),
    "at once whatever the timeout, where items exist and none has mass": (
        "samples.items_without_mass_are_nothing_to_draw_at_once"
    ),
    "one draw in each of B equal parts of the total mass": (
        "statistics.each_part_of_a_stratified_batch_is_drawn_from_evenly"
    ),
    "`times_sampled` counts up draw by draw, this one included": (
        "samples.times_sampled_count_up_over_batches_and_requests"
    ),
    '-> `{"deleted": D, "stale": S}`': (
        "delete_and_scan.deleted_rows_are_gone_and_their_keys_stay_so"
    ),
    "costs nothing while it waits": "waiting.others_are_served_while_requests_wait",
    "When the table goes it gets 404": "waiting.who_waits_gets_404_when_the_table_goes",
    "at shutdown or restore 503": "waiting.who_waits_gets_503_at_shutdown",
    "when its client goes, nothing happens": "waiting.a_client_that_hangs_up_draws_nothing",
    "ascending by key, those with `key > after`": "delete_and_scan.a_scan_is_paged_by_key",
    "the `limit` highest ones, descending, ties by key": (
        "delete_and_scan.scan_by_key_and_by_priority"
    ),
    "seconds to wait for the rate limiter": "rate_limiters.an_insert_that_waits_is_woken_by_a_draw",
    "sent again with the same sequence it has happened once": (
        "exactly_once.retries_that_arrive_at_the_same_time_are_one_insert"
    ),
    'Too few left for `"replacement": false` or for `max_times_sampled` is 429': (
        "replacement.too_few_are_rate_limited_and_nothing_has_changed"
    ),
    "Without replacement the items of a batch are distinct": (
        "replacement.the_items_of_a_batch_are_distinct"
    ),
    "`probabilities` are those before the batch": (
        "replacement.probabilities_and_weights_are_those_before_the_batch"
    ),
    "`fifo`, `lifo` and the heaps have probability and weight 1": (
        "ordered_samplers.a_batch_is_the_first_items_in_their_order"
    ),
    "A batch of theirs is the first B items in their order, distinct": (
        "ordered_samplers.every_batch_begins_at_the_first_item"
    ),
    "all parts or none, in their order": (
        "mixed_draws.nothing_of_a_part_is_left_when_a_later_one_is_refused"
    ),
    "the longest `timeout` holds for all": "mixed_draws.the_longest_timeout_holds_for_all",
    "a table may appear twice": "mixed_draws.a_table_may_appear_twice",
    "A deleted step takes every item along that needs it": (
        "steps.a_deleted_step_takes_its_items_along_and_breaks_its_stream"
    ),
    "the rows as they were stored": "steps.a_scan_tells_the_rows_as_they_were_stored",
    # 6. Steps
    "(a float dtype, shape [])": "step_columns.rewards_are_floats",
    "all required, and any further columns": "step_columns.each_required_column_is_asked_for",
    "`next_*` and `*_index` are no column names here": (
        "step_columns.names_that_draws_use_are_no_column_names"
    ),
    "a row with `is_last` holds the episode's final observation, starts no item": (
        "steps.one_step_transitions_by_hand"
    ),
    "(only with `is_last`, else 422)": "step_columns.a_step_is_terminal_only_where_it_is_last",
    "its identity is the pair of `writer.id` and stream number": (
        "steps.streams_are_one_environment_each_and_belong_to_their_writer"
    ),
    "(all inserts without `writer` are those of one anonymous writer)": (
        "steps.all_inserts_without_a_writer_are_of_one"
    ),
    "A row with `is_first` abandons an episode still open in its stream": (
        "steps.an_abandoned_episode_keeps_what_was_complete"
    ),
    "begins a fragment, whose missing history is missing": "steps.a_fragment_lacks_its_history",
    "The default priority of an item is fixed when its first row comes in": (
        "steps.an_items_default_priority_is_fixed_when_its_first_row_comes_in"
    ),
    "exists once all that it needs is in the table": (
        "step_model.a_table_of_steps_is_at_all_times_as_its_rows_say"
    ),
    "It stops existing when any of that is overwritten": (
        "steps.items_go_with_the_first_row_of_theirs_that_is_overwritten"
    ),
    "the episode's first observation repeated before its start": (
        "steps.frames_are_stacked_and_the_first_is_repeated"
    ),
    "summed in float64, in the column's dtype": (
        "steps.returns_are_summed_in_float64_and_told_in_the_columns_dtype"
    ),
    "`discount^m`, or 0 where the m-th next step is terminal": (
        "steps.n_step_returns_end_with_their_episode"
    ),
    "each `observation/x` alike": (
        "step_columns.nested_observations_and_actions_and_further_columns_are_taken"
    ),
    "the start step's `is_first`, `is_last`, `is_terminal` and further columns": (
        "steps.one_step_transitions_by_hand"
    ),
    "true where a step is real": "sequences.the_end_of_an_episode_is_padded_with_zeros_and_masked",
    "sends each distinct row once": "indexed.observations_are_rows_and_indices_into_them",
    "(shared by all batches of the answer)": "indexed.observations_are_rows_and_indices_into_them",
    "`sequence_index` `[B, L]`, for every column": (
        "indexed.sequences_are_rows_and_indices_of_every_column"
    ),
    "a padded place is 0 and means nothing": (
        "indexed.sequences_are_rows_and_indices_of_every_column"
    ),
    "Masks and indices come whatever `columns` asks": (
        "indexed.indices_come_whatever_columns_are_asked_for"
    ),
    "On a table of rows it is 422": "indexed.rows_have_no_indexed_layout",
    # 8. Health
    "`GET /healthz` (the process lives)": "errors.health_info_and_readiness",
    "`GET /v1/info` (version, protocol, limits)": "limits.info_tells_the_limits_that_were_given",
    # 9. Errors
    "RFC 9457 problem details, as `application/problem+json` or `application/msgpack`": (
        "bodies.a_problem_comes_in_the_form_that_was_accepted"
    ),
    "`detail` says in at most a few hundred characters": (
        "errors.a_detail_stays_short_whatever_came"
    ),
    "`not_found` (no such path)": "errors.a_path_that_is_none_is_not_found",
    "`method_not_allowed`, with `Allow`": "errors.other_methods_are_told_which_are_allowed",
    "body, before it is read whole": (
        "limits.a_body_that_says_to_be_too_large_is_refused_before_it_comes"
    ),
    "table beyond the memory limit, at `PUT`": (
        "limits.a_table_beyond_the_memory_limit_is_refused_at_put"
    ),
    "or at its first insert where that fixes the columns": (
        "limits.a_table_beyond_the_memory_limit_is_refused_at_its_first_insert"
    ),
    "`invalid_request` (with `field`; bad names too)": (
        "errors.bad_names_are_invalid_wherever_they_stand"
    ),
    "`schema_mismatch` (with `column`, `expected`, `got`)": (
        "inserts.columns_that_are_not_the_tables_are_a_mismatch"
    ),
    '`detail` says what is missing: "312 more inserts"), with `Retry-After`': (
        "samples.the_limiter_is_asked_first_and_tells_what_is_missing"
    ),
    "beyond one is 413, decided before memory is taken for it": (
        "limits.batch_size_times_batches_has_a_limit"
    ),
    "every endpoint wants `Authorization: Bearer TOKEN`, except": (
        "roles.strangers_are_let_in_to_public_endpoints_only"
    ),
    "holds no data: the page `/` with its assets, `/docs` and `/openapi.json`": (
        "roles.pages_without_data_ask_for_nothing"
    ),
    "A token has a role": "roles.a_role_may_what_the_protocol_says",
    "Every role may GET `/v1/info`, `/metrics`, tables and their stats": (
        "roles.a_role_may_what_the_protocol_says"
    ),
}
