//! The behaviours that are run, each with what it leaves behind. Every name of the guest has an entry here: one that
//! lacks it does not compile.

/// What a behaviour leaves in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// The same names, kinds, contents, links and modes as under wasmtime's own filesystem.
    AsStock,
    /// These paths, where wasmtime's filesystem is known to behave differently.
    Paths(&'static [&'static str]),
    /// What the order of the backend's directory lists decides.
    WhatTheListingDecides,
}

macro_rules! register {
    ($($name:ident $(=> $leaves:expr)?;)*) => {$(
        #[allow(non_upper_case_globals, reason = "the guest's names, which are those of its functions")]
        pub(crate) const $name: Leaves = register!(@ $($leaves)?);
    )*};
    (@) => { Leaves::AsStock };
    (@ $leaves:expr) => { $leaves };
}

register! {
    write_then_read_back;
    create_makes_an_empty_file;
    stat_is_the_same_by_path_and_by_descriptor;
    different_files_have_different_inodes;
    seek_set_cur_end;
    seek_to_before_the_start_is_refused;
    an_unknown_whence_or_advice_is_refused => Leaves::Paths(&["file"]);
    write_after_a_seek_past_the_end_leaves_zeroes;
    read_at_the_end_returns_nothing;
    pread_keeps_the_position;
    pwrite_keeps_the_position;
    readv_fills_every_buffer => Leaves::Paths(&["file"]);
    writev_writes_every_buffer => Leaves::Paths(&["file"]);
    preadv_and_pwritev_take_whole_lists => Leaves::Paths(&["file"]);
    vectors_without_a_byte_do_nothing;
    overwriting_the_middle_keeps_the_rest;
    writes_across_page_boundaries_meet;
    truncate_shrinks_and_extends_with_zeroes;
    truncate_keeps_the_position;
    bytes_cut_off_do_not_come_back;
    truncation_is_seen_by_every_descriptor;
    allocate_extends_and_keeps_the_contents => Leaves::Paths(&["file"]);
    a_sparse_file_of_one_tebibyte;
    offsets_beyond_any_file_are_refused;
    two_descriptors_see_each_others_writes;
    every_open_has_its_own_position;
    sync_datasync_and_advise_are_accepted;

    open_of_a_missing_file_is_refused;
    a_miss_is_forgotten_once_the_file_exists;
    open_creat_keeps_what_is_there;
    open_excl_refuses_what_is_there;
    open_trunc_empties;
    open_directory_flag_wants_a_directory;
    open_directory_flag_goes_with_no_creation;
    a_directory_cannot_be_opened_for_writing;
    open_of_a_directory_without_the_flag_gives_a_directory;
    a_symlink_is_opened_only_when_followed;
    open_creates_through_a_dangling_symlink;
    a_read_only_descriptor_cannot_write;
    a_read_only_descriptor_that_created_the_file_cannot_write => Leaves::Paths(&["created", "new"]);
    a_write_only_descriptor_cannot_read;
    setting_rights_never_adds_any;
    a_path_is_opened_relative_to_the_directory_descriptor;

    append_goes_to_the_end;
    append_leaves_the_position_at_the_end;
    append_reads_from_the_position;
    pwrite_in_append_mode_appends;
    append_is_switched_on_and_off;
    append_follows_the_end_that_others_move;
    two_appenders_do_not_overwrite_each_other;

    the_root_is_preopened_as_slash;
    an_opened_directory_is_no_preopen;
    a_new_descriptor_takes_the_lowest_free_number => Leaves::Paths(&["file"]);
    closing_twice_is_refused;
    a_closed_descriptor_is_refused_everywhere;
    renumber_replaces_the_target;
    renumber_onto_itself_changes_nothing;
    renumber_wants_two_open_descriptors;
    fdstat_tells_type_and_flags;
    fdstat_tells_the_rights;
    two_hundred_open_files;
    a_directory_cannot_be_read_written_or_sought;
    a_directory_can_be_synced => Leaves::Paths(&["directory", "directory/file"]);
    a_file_is_no_directory;
    stdio_has_no_position;
    polling_a_file_finds_it_ready_at_once;

    mkdir_makes_an_empty_directory;
    mkdir_refuses_what_is_there;
    mkdir_wants_a_parent;
    mkdir_takes_a_trailing_slash;
    rmdir_removes_an_empty_directory;
    rmdir_takes_a_trailing_slash => Leaves::Paths(&[]);
    rmdir_refuses_a_directory_in_use;
    rmdir_refuses_what_is_no_directory;
    rmdir_refuses_dot_names;
    a_removed_directory_takes_nothing_new;
    a_tree_of_sixty_levels;
    a_thousand_files_in_a_directory;
    a_tree_is_walked;
    a_tree_is_removed_with_all_that_is_in_it => Leaves::Paths(&[]);
    names_come_and_go;

    unlink_removes_the_name;
    unlink_refuses_a_directory;
    an_unlinked_file_lives_on_while_it_is_open;
    a_hard_link_is_the_same_file;
    a_hard_link_outlives_the_first_name;
    a_hard_link_to_a_directory_is_refused;
    a_hard_link_never_replaces;
    a_hard_link_to_a_symlink_links_the_symlink;
    a_symlink_holds_its_target;
    readlink_cuts_to_the_buffer;
    readlink_wants_a_symlink;
    a_symlink_never_replaces;
    a_dangling_symlink_is_there_but_leads_nowhere;
    symlinks_before_the_last_component_are_always_followed;
    a_chain_of_forty_symlinks_is_followed_and_no_longer_one;
    a_symlink_loop_is_refused;
    a_symlink_target_is_relative_to_the_symlink;
    an_absolute_symlink_target_is_refused;
    a_symlink_cannot_lead_out;
    a_slash_after_a_symlink_means_its_directory => Leaves::Paths(&["directory", "file", "to-directory", "to-file"]);
    unlink_removes_the_symlink_and_not_its_target;
    a_symlink_can_be_changed_by_replacing_it;

    rename_moves_a_file;
    rename_across_directories;
    rename_of_a_missing_name_is_refused;
    rename_replaces_a_file;
    rename_replaces_an_empty_directory;
    rename_refuses_to_replace_a_full_directory;
    rename_refuses_to_mix_files_and_directories;
    rename_into_itself_is_refused;
    rename_onto_the_same_file_does_nothing;
    an_open_file_survives_rename;
    an_open_directory_survives_the_rename_of_its_ancestor;
    a_renamed_directory_takes_its_names_along;
    rename_moves_the_symlink_and_not_its_target;
    rename_with_trailing_slashes_wants_a_directory;
    rename_refuses_dot_names;
    five_hundred_swaps;

    dot_dot_cannot_leave_the_root;
    dot_dot_cannot_leave_an_opened_directory;
    dot_dot_inside_the_root_goes_up;
    an_absolute_path_is_refused;
    an_empty_path_is_refused;
    a_nul_byte_is_refused;
    a_name_that_is_no_utf8_is_refused;
    a_name_has_at_most_255_bytes;
    a_path_has_less_than_4096_bytes;
    a_slash_after_a_file_is_refused;
    stat_of_a_file_with_a_slash_is_refused => Leaves::Paths(&["file"]);
    a_file_has_nothing_below_it;
    dots_and_double_slashes_do_not_count;
    names_may_hold_anything_but_slash_and_nul;
    names_differ_by_case;
    the_standard_library_sees_the_usual_errors;

    a_new_file_has_the_time_of_now;
    times_are_set_to_the_nanosecond;
    times_from_1970_to_2096_are_kept;
    a_time_that_is_not_named_stays;
    times_are_set_to_now;
    a_time_and_now_together_are_refused;
    a_symlink_has_times_of_its_own;
    times_of_a_missing_file_are_refused;
    writing_and_truncating_move_the_modification_time;
    times_set_after_a_write_stay;
    reading_and_renaming_leave_the_modification_time;
    changes_in_a_directory_move_its_modification_time;
    changes_of_a_file_move_its_change_time => Leaves::Paths(&["file"]);

    a_listing_holds_dot_and_dot_dot;
    a_listing_of_the_root_stays_inside;
    entries_tell_the_type_and_the_inode;
    an_entry_is_laid_out_as_the_abi_says;
    a_listing_ends_after_the_last_cookie;
    a_buffer_of_one_header_is_filled;
    a_buffer_that_cuts_an_entry_is_filled;
    every_buffer_size_gives_the_same_listing;
    long_names_are_listed_whole;
    an_old_cookie_goes_on_where_it_stood;
    rewinding_sees_new_and_removed_names;
    listing_and_unlinking_leaves_nothing => Leaves::Paths(&[]);
    listing_while_adding_shows_the_old_names_once => Leaves::WhatTheListingDecides;
    listing_while_others_go_shows_the_rest_once => Leaves::WhatTheListingDecides;
    two_descriptors_list_independently;
    a_listing_survives_the_rename_of_its_directory;

    a_rollback_journal;
    files_replaced_by_rename_are_always_whole;
    a_maildir_delivery;
    only_the_first_gets_the_lock;
    a_copy_of_one_mebibyte_is_the_same;
    a_file_of_three_mebibytes_is_read_at_random;
    random_changes_match_a_model;
    an_archive_patched_after_writing;
    many_small_files_made_read_and_removed;
    a_rotated_log_loses_no_line;
}
