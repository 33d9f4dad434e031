//! Behaviours of `behaviours-p3.wasm` alone.

use super::Leaves;

register! {
    a_stream_reads_from_its_offset_to_the_end;
    a_stream_of_four_mebibytes_is_read_whole;
    a_stream_at_or_beyond_the_end_ends_at_once;
    a_zero_length_read_takes_nothing;
    a_stream_dropped_early_ends_well;
    a_stream_is_read_without_its_end;
    the_end_is_reported_after_the_last_byte;
    a_stream_of_a_directory_fails;
    a_stream_of_a_write_only_descriptor_fails;
    a_stream_from_beyond_any_file_is_empty_or_fails;
    read_streams_do_not_interfere;
    a_read_stream_outlives_its_descriptor;
    a_read_stream_goes_on_after_unlink_and_rename;
    a_read_stream_sees_what_is_appended_before_its_end;
    a_cancelled_read_loses_nothing;
    a_thousand_read_streams_come_and_go;

    a_stream_writes_from_its_offset;
    a_stream_takes_any_amount;
    the_end_of_a_write_is_reported_after_the_stream;
    what_a_stream_took_is_in_the_file;
    an_empty_stream_writes_nothing;
    a_zero_length_write_writes_nothing;
    a_write_stream_past_the_end_leaves_zeroes;
    a_write_stream_without_anybody_at_its_end_writes;
    a_write_stream_to_the_wrong_descriptor_fails;
    a_write_stream_beyond_any_file_fails;
    write_streams_do_not_interfere;
    an_append_stream_follows_the_end;
    a_write_stream_outlives_its_descriptor;
    a_write_stream_goes_on_after_unlink_and_rename;
    a_write_stream_keeps_its_place_when_the_file_is_cut;
    a_cancelled_write_writes_what_it_says => Leaves::WhatTheOrderDecides;
    a_file_is_written_from_the_stream_of_another;
    a_file_is_appended_to_from_its_own_stream;
    a_thousand_write_streams_come_and_go;

    every_buffer_size_gives_the_same_listing;
    a_zero_length_read_of_a_listing_takes_nothing;
    a_listing_dropped_early_ends_well;
    a_listing_of_a_file_fails;
    listings_do_not_interfere;
    a_listing_outlives_its_descriptor;
    a_listing_survives_the_rename_of_its_directory;
    listing_and_unlinking_leaves_nothing;
    listing_while_adding_shows_the_old_names_once => Leaves::WhatTheOrderDecides;
    listing_while_others_go_shows_the_rest_once => Leaves::WhatTheOrderDecides;

    a_hundred_stats_at_once;
    of_many_exclusive_creations_one_wins;
    of_many_unlinks_one_wins;
    many_names_are_made_at_once;
    streams_write_to_one_file_at_once;
    streams_append_to_one_file_at_once => Leaves::WhatTheOrderDecides;
    a_file_is_read_while_it_is_written;
    a_call_that_nobody_waits_for_harms_nothing;

    times_before_1970_are_kept => Leaves::Paths(&["file"]);
    times_before_1970_are_set_through_a_descriptor;
    times_out_of_range_are_no_trap;
    nanoseconds_of_a_second_and_more_are_no_trap;
}
