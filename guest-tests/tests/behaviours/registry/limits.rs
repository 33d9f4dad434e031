//! Behaviours of both components that may have few descriptors.

use super::Leaves;

register! {
    files_without_end_are_refused_and_closing_makes_room => Leaves::Paths(&["file"]);
    a_file_that_finds_no_room_is_not_created => Leaves::Paths(&["file"]);
    directories_without_end_are_refused_and_closing_makes_room => Leaves::Paths(&["directory"]);
}
