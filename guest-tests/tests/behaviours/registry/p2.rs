//! Behaviours of `behaviours-p2.wasm` alone.

use super::Leaves;

register! {
    an_input_stream_reads_from_its_offset_to_the_end;
    an_input_stream_at_or_beyond_the_end_is_closed;
    a_read_that_does_not_block_gets_everything_in_the_end;
    a_stream_read_of_no_bytes_takes_nothing => Leaves::Paths(&["file"]);
    a_read_of_more_than_any_memory_gets_what_is_there;
    skip_passes_over_bytes;
    input_streams_do_not_interfere;
    an_input_stream_sees_what_is_written_meanwhile;
    an_input_stream_of_the_wrong_descriptor_is_refused;
    an_input_stream_outlives_its_descriptor;
    an_input_stream_goes_on_after_unlink_and_rename;
    streams_of_files_are_ready;
    a_pollable_outlives_what_the_stream_has_to_give;
    an_output_stream_writes_from_its_offset;
    an_output_stream_takes_any_amount_in_permitted_pieces;
    an_output_stream_past_the_end_leaves_zeroes;
    a_blocking_write_is_there_when_it_returns;
    a_stream_write_of_no_bytes_changes_nothing;
    flush_after_nothing_is_fine;
    what_was_written_to_a_stream_is_read_before_any_flush;
    output_streams_do_not_interfere;
    an_append_stream_follows_the_end;
    write_zeroes_writes_zeroes;
    splice_copies_from_file_to_file;
    an_output_stream_of_the_wrong_descriptor_is_refused;
    a_stream_that_failed_says_why_and_is_closed;
    an_output_stream_outlives_its_descriptor;
    an_output_stream_goes_on_after_unlink_and_rename;
    an_output_stream_keeps_its_place_when_the_file_is_cut;
    a_thousand_streams_come_and_go;

    a_listing_that_ended_stays_ended;
    listings_do_not_interfere;
    a_listing_outlives_its_descriptor;
    a_listing_survives_the_rename_of_its_directory;
    listing_and_unlinking_leaves_nothing;
    listing_while_adding_shows_the_old_names_once => Leaves::WhatTheOrderDecides;
    listing_while_others_go_shows_the_rest_once => Leaves::WhatTheOrderDecides;

    times_out_of_range_are_no_trap;

    std_files_are_written_and_read_back;
    std_positions_move_as_they_should;
    std_append_goes_to_the_end;
    std_open_options_are_kept_to;
    std_set_len_cuts_and_extends;
    std_metadata_is_right;
    std_times_are_set;
    std_syncs_are_accepted;
    std_a_tree_is_walked;
    std_a_tree_is_removed_with_all_that_is_in_it;
    std_files_are_copied_renamed_linked_and_removed;
    std_errors_are_the_usual_ones;
    std_a_rollback_journal;
    std_a_maildir_delivery;
    std_many_small_files_made_read_and_removed;
    std_lines_are_written_and_read_through_buffers;
}
