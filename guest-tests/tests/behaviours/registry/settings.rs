//! Behaviours of both components with more than one preopen. What is left in the read-only one is compared with what was
//! there; the paths here are of the others.

use super::Leaves;

register! {
    every_mount_is_a_preopen => Leaves::Paths(&["second", "work"]);
    a_read_only_mount_is_read => Leaves::Paths(&["second", "work"]);
    a_read_only_mount_takes_no_change => Leaves::Paths(&["second", "work"]);
    a_file_of_a_read_only_mount_takes_no_change => Leaves::Paths(&["second", "work"]);
    truncate_without_write_empties_no_file_of_a_read_only_mount => Leaves::Paths(&["second", "work"]);
    a_hard_link_out_of_a_read_only_mount_is_refused => Leaves::Paths(&["second", "work"]);
    a_rename_out_of_a_read_only_mount_is_refused => Leaves::Paths(&["second", "work"]);
    a_rename_or_link_into_a_read_only_mount_is_refused => Leaves::Paths(&["second", "work", "work/file"]);
    a_rename_or_link_between_mounts_is_refused => Leaves::Paths(&["second", "work", "work/file"]);
    objects_of_two_mounts_are_never_the_same => Leaves::Paths(&["second", "second/file", "work", "work/file"]);
    no_path_leads_from_one_mount_to_another => Leaves::Paths(&["second", "second/file", "work", "work/link"]);
    an_absolute_link_of_the_host_is_not_told_and_leads_nowhere => Leaves::Paths(&["second", "work"]);
    a_name_that_is_no_utf8_is_left_out_of_a_listing => Leaves::Paths(&["second", "work"]);
    a_socket_of_the_host_is_a_socket => Leaves::Paths(&["second", "work"]);
}
