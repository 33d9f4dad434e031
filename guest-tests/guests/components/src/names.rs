// The names of all behaviours, and nothing else: the harness takes this file in with `include!` (so no `//!` here), and
// does not compile when a behaviour has no entry in its register.

/// Calls `$callback!` with the names of both versions, with the preopen `/`.
#[allow(unused_macros, reason = "each component has the macro of the other version as well")]
macro_rules! foreach_shared {
    ($callback:ident) => {
        $callback! {
            write_then_read_back
            create_makes_an_empty_file
            stat_is_the_same_by_path_and_by_descriptor
            a_read_stops_at_the_end
            a_read_at_or_beyond_the_end_returns_nothing
            a_read_or_write_of_no_bytes_does_nothing
            a_write_past_the_end_leaves_zeroes
            overwriting_the_middle_keeps_the_rest
            writes_across_page_boundaries_meet
            set_size_shrinks_and_extends_with_zeroes
            bytes_cut_off_do_not_come_back
            truncation_is_seen_by_every_descriptor
            a_sparse_file_of_one_tebibyte
            offsets_beyond_any_file_are_refused
            append_goes_to_the_end
            append_follows_the_end_that_others_move
            two_appenders_do_not_overwrite_each_other
            two_descriptors_see_each_others_writes
            sync_and_sync_data_are_accepted
            a_directory_can_be_synced
            every_advice_is_accepted
            advice_beyond_any_file_is_no_trap
            a_copy_of_one_mebibyte_is_the_same
            random_changes_match_a_model

            the_root_is_preopened_as_slash
            every_call_gives_new_descriptors_of_the_preopens
            open_of_a_missing_file_is_refused
            a_miss_is_forgotten_once_the_file_exists
            open_create_keeps_what_is_there
            open_exclusive_refuses_what_is_there
            open_truncate_empties
            open_directory_flag_wants_a_directory
            open_directory_flag_goes_with_no_creation
            a_directory_cannot_be_opened_for_writing
            open_of_a_directory_without_the_flag_gives_a_directory
            a_symlink_is_opened_only_when_followed
            open_creates_through_a_dangling_symlink
            a_read_only_descriptor_cannot_write
            a_read_only_descriptor_that_created_the_file_cannot_write
            a_write_only_descriptor_cannot_read
            flags_are_those_of_the_open
            names_change_through_a_directory_that_was_opened_for_reading
            a_descriptor_without_read_and_write_can_be_asked_about
            the_kind_is_that_of_the_object
            a_directory_cannot_be_read_or_written
            a_file_is_no_directory
            a_path_is_opened_relative_to_the_directory
            two_hundred_open_files
            five_thousand_opens_leave_nothing_open

            mkdir_makes_an_empty_directory
            mkdir_refuses_what_is_there
            mkdir_wants_a_parent
            mkdir_takes_a_trailing_slash
            rmdir_removes_an_empty_directory
            rmdir_takes_a_trailing_slash
            rmdir_refuses_a_directory_in_use
            rmdir_refuses_what_is_no_directory
            rmdir_refuses_dot_names
            a_removed_directory_takes_nothing_new
            a_tree_of_sixty_levels
            a_thousand_files_in_a_directory
            names_come_and_go
            a_listing_holds_no_dot_names
            entries_tell_the_kind
            long_names_are_listed_whole
            a_new_listing_sees_new_and_removed_names
            a_renamed_directory_is_listed_through_its_descriptor

            unlink_removes_the_name
            unlink_refuses_a_directory
            an_unlinked_file_lives_on_while_it_is_open
            a_hard_link_is_the_same_file
            a_hard_link_outlives_the_first_name
            a_hard_link_goes_from_one_directory_to_another
            a_hard_link_to_a_directory_is_refused
            a_hard_link_never_replaces
            a_hard_link_to_a_symlink_links_the_symlink
            a_hard_link_follows_a_symlink_when_asked
            a_symlink_holds_its_target
            a_symlink_may_hold_any_text
            readlink_wants_a_symlink
            a_symlink_never_replaces
            a_dangling_symlink_is_there_but_leads_nowhere
            symlinks_before_the_last_component_are_always_followed
            a_chain_of_forty_symlinks_is_followed_and_no_longer_one
            a_symlink_loop_is_refused
            an_absolute_symlink_target_is_refused
            a_symlink_cannot_lead_out
            a_slash_after_a_symlink_that_leads_out_is_refused
            a_slash_after_a_symlink_means_its_directory
            unlink_removes_the_symlink_and_not_its_target

            rename_moves_a_file
            rename_across_directories
            rename_of_a_missing_name_is_refused
            rename_replaces_a_file
            rename_replaces_an_empty_directory
            rename_refuses_to_replace_a_full_directory
            rename_refuses_to_mix_files_and_directories
            rename_into_itself_is_refused
            rename_onto_the_same_file_does_nothing
            an_open_file_survives_rename
            an_open_directory_survives_the_rename_of_its_ancestor
            a_renamed_directory_takes_its_names_along
            rename_moves_the_symlink_and_not_its_target
            rename_with_trailing_slashes_wants_a_directory
            rename_refuses_dot_names

            dot_dot_cannot_leave_the_root
            dot_dot_cannot_leave_an_opened_directory
            dot_dot_inside_the_root_goes_up
            an_absolute_path_is_refused
            an_empty_path_is_refused
            a_nul_byte_is_refused
            a_name_has_at_most_255_bytes
            a_path_has_less_than_4096_bytes
            a_slash_after_a_file_is_refused
            stat_of_a_file_with_a_slash_is_refused
            a_file_has_nothing_below_it
            dots_and_double_slashes_do_not_count
            names_may_hold_anything_but_slash_and_nul
            names_differ_by_case

            two_descriptors_of_one_file_are_the_same_object
            hard_links_are_the_same_object
            directories_are_the_same_object_whatever_the_way
            an_unlinked_file_is_another_object_than_its_successor
            the_hash_is_the_same_by_path_and_by_descriptor
            the_hash_differs_between_objects
            the_hash_follows_a_symlink_when_asked
            the_hash_survives_rename

            a_new_file_has_the_time_of_now
            times_are_set_to_the_nanosecond
            times_from_1970_to_2096_are_kept
            a_time_that_is_kept_stays
            times_are_set_to_now
            times_are_set_through_a_read_only_descriptor
            a_symlink_has_times_of_its_own
            times_of_a_missing_file_are_refused
            writing_and_truncating_move_the_modification_time
            times_set_after_a_write_stay
            reading_and_renaming_leave_the_modification_time
            changes_in_a_directory_move_its_modification_time
            changes_of_a_file_move_its_change_time
        }
    };
}

/// Calls `$callback!` with the names of both versions, with the preopens of `settings.rs`.
#[allow(unused_macros, reason = "each component has the macro of the other version as well")]
macro_rules! foreach_setting {
    ($callback:ident) => {
        $callback! {
            every_mount_is_a_preopen
            a_read_only_mount_is_read
            a_read_only_mount_takes_no_change
            a_file_of_a_read_only_mount_takes_no_change
            truncate_without_write_empties_no_file_of_a_read_only_mount
            a_hard_link_out_of_a_read_only_mount_is_refused
            a_rename_out_of_a_read_only_mount_is_refused
            a_rename_or_link_into_a_read_only_mount_is_refused
            a_rename_or_link_between_mounts_is_refused
            objects_of_two_mounts_are_never_the_same
            no_path_leads_from_one_mount_to_another
            an_absolute_link_of_the_host_is_not_told_and_leads_nowhere
            a_name_that_is_no_utf8_is_left_out_of_a_listing
            a_socket_of_the_host_is_a_socket
        }
    };
}

/// Calls `$callback!` with the names of both versions, with few descriptors.
#[allow(unused_macros, reason = "each component has the macro of the other version as well")]
macro_rules! foreach_limit {
    ($callback:ident) => {
        $callback! {
            files_without_end_are_refused_and_closing_makes_room
            a_file_that_finds_no_room_is_not_created
            directories_without_end_are_refused_and_closing_makes_room
        }
    };
}

/// Calls `$callback!` with the names of WASI 0.2.
#[allow(unused_macros, reason = "each component has the macro of the other version as well")]
macro_rules! foreach_p2 {
    ($callback:ident) => {
        $callback! {
            an_input_stream_reads_from_its_offset_to_the_end
            an_input_stream_at_or_beyond_the_end_is_closed
            a_read_that_does_not_block_gets_everything_in_the_end
            a_stream_read_of_no_bytes_takes_nothing
            a_read_of_more_than_any_memory_gets_what_is_there
            skip_passes_over_bytes
            input_streams_do_not_interfere
            an_input_stream_sees_what_is_written_meanwhile
            an_input_stream_of_the_wrong_descriptor_is_refused
            an_input_stream_outlives_its_descriptor
            an_input_stream_goes_on_after_unlink_and_rename
            streams_of_files_are_ready
            a_pollable_outlives_what_the_stream_has_to_give
            an_output_stream_writes_from_its_offset
            an_output_stream_takes_any_amount_in_permitted_pieces
            an_output_stream_past_the_end_leaves_zeroes
            a_blocking_write_is_there_when_it_returns
            a_stream_write_of_no_bytes_changes_nothing
            flush_after_nothing_is_fine
            what_was_written_to_a_stream_is_read_before_any_flush
            output_streams_do_not_interfere
            an_append_stream_follows_the_end
            write_zeroes_writes_zeroes
            splice_copies_from_file_to_file
            an_output_stream_of_the_wrong_descriptor_is_refused
            a_stream_that_failed_says_why_and_is_closed
            an_output_stream_outlives_its_descriptor
            an_output_stream_goes_on_after_unlink_and_rename
            an_output_stream_keeps_its_place_when_the_file_is_cut
            a_thousand_streams_come_and_go

            a_listing_that_ended_stays_ended
            listings_do_not_interfere
            a_listing_outlives_its_descriptor
            a_listing_survives_the_rename_of_its_directory
            listing_and_unlinking_leaves_nothing
            listing_while_adding_shows_the_old_names_once
            listing_while_others_go_shows_the_rest_once

            times_out_of_range_are_no_trap

            std_files_are_written_and_read_back
            std_positions_move_as_they_should
            std_append_goes_to_the_end
            std_open_options_are_kept_to
            std_set_len_cuts_and_extends
            std_metadata_is_right
            std_times_are_set
            std_syncs_are_accepted
            std_a_tree_is_walked
            std_a_tree_is_removed_with_all_that_is_in_it
            std_files_are_copied_renamed_linked_and_removed
            std_errors_are_the_usual_ones
            std_a_rollback_journal
            std_a_maildir_delivery
            std_many_small_files_made_read_and_removed
            std_lines_are_written_and_read_through_buffers
        }
    };
}

/// Calls `$callback!` with the names of WASI 0.3.
#[allow(unused_macros, reason = "each component has the macro of the other version as well")]
macro_rules! foreach_p3 {
    ($callback:ident) => {
        $callback! {
            a_stream_reads_from_its_offset_to_the_end
            a_stream_of_four_mebibytes_is_read_whole
            a_stream_at_or_beyond_the_end_ends_at_once
            a_zero_length_read_takes_nothing
            a_stream_dropped_early_ends_well
            a_stream_is_read_without_its_end
            the_end_is_reported_after_the_last_byte
            a_stream_of_a_directory_fails
            a_stream_of_a_write_only_descriptor_fails
            a_stream_from_beyond_any_file_is_empty_or_fails
            read_streams_do_not_interfere
            a_read_stream_outlives_its_descriptor
            a_read_stream_goes_on_after_unlink_and_rename
            a_read_stream_sees_what_is_appended_before_its_end
            a_cancelled_read_loses_nothing
            a_thousand_read_streams_come_and_go

            a_stream_writes_from_its_offset
            a_stream_takes_any_amount
            the_end_of_a_write_is_reported_after_the_stream
            what_a_stream_took_is_in_the_file
            an_empty_stream_writes_nothing
            a_zero_length_write_writes_nothing
            a_write_stream_past_the_end_leaves_zeroes
            a_write_stream_without_anybody_at_its_end_writes
            a_write_stream_to_the_wrong_descriptor_fails
            a_write_stream_beyond_any_file_fails
            write_streams_do_not_interfere
            an_append_stream_follows_the_end
            a_write_stream_outlives_its_descriptor
            a_write_stream_goes_on_after_unlink_and_rename
            a_write_stream_keeps_its_place_when_the_file_is_cut
            a_cancelled_write_writes_what_it_says
            a_file_is_written_from_the_stream_of_another
            a_file_is_appended_to_from_its_own_stream
            a_thousand_write_streams_come_and_go

            every_buffer_size_gives_the_same_listing
            a_zero_length_read_of_a_listing_takes_nothing
            a_listing_dropped_early_ends_well
            a_listing_of_a_file_fails
            listings_do_not_interfere
            a_listing_outlives_its_descriptor
            a_listing_survives_the_rename_of_its_directory
            listing_and_unlinking_leaves_nothing
            listing_while_adding_shows_the_old_names_once
            listing_while_others_go_shows_the_rest_once

            a_hundred_stats_at_once
            of_many_exclusive_creations_one_wins
            of_many_unlinks_one_wins
            many_names_are_made_at_once
            streams_write_to_one_file_at_once
            streams_append_to_one_file_at_once
            a_file_is_read_while_it_is_written
            a_call_that_nobody_waits_for_harms_nothing

            times_before_1970_are_kept
            times_before_1970_are_set_through_a_descriptor
            times_out_of_range_are_no_trap
            nanoseconds_of_a_second_and_more_are_no_trap
        }
    };
}
