//! Lies about frames: lengths, numbers, errors, and what comes when nothing was asked.

use crate::case::{Case, EIO, ESTALE, Expected, WORKS, What};
use wasi_gofer::abi::Errno;
use wasi_gofer::proto::lisafs::Mid;

const WALK: (What, Mid) = (What::Walk, Mid::WALK);
const READ: (What, Mid) = (What::Read, Mid::P_READ);

pub(crate) fn cases() -> Vec<Case> {
    let mut all = lengths();
    all.extend(errors());
    all.extend(ends());
    all
}

fn lengths() -> Vec<Case> {
    let announced = |name, bytes| Case::new(name, WALK, EIO, move |reply| reply.announced = Some(bytes)).ends();
    vec![
        announced("frame_of_4_gigabytes", u32::MAX),
        announced("frame_whose_length_overflows_with_its_header", 0xffff_fff8),
        announced("frame_of_one_gigabyte", 1 << 30),
        announced("frame_of_one_byte_more_than_was_agreed", (2 << 20) - 4096 + 1),
        Case::new("frame_that_is_not_all_there", WALK, Expected::Fails(&[Errno::Timedout]), |reply| {
            reply.announced = Some(u32::try_from(reply.payload.len()).expect("short") + 1);
            reply.stall = Some(reply.payload.len() + 8);
            reply.behind = vec![0];
        }),
        Case::new("frame_that_is_shorter_than_what_comes", WALK, EIO, |reply| reply.announced = Some(1)).ends(),
        Case::new("answer_to_another_request", WALK, EIO, |reply| reply.mid = Mid::F_STAT.0).ends(),
        Case::new("answer_to_a_request_that_nobody_knows", WALK, EIO, |reply| reply.mid = 999).ends(),
        Case::new("answer_twice", WALK, EIO, |reply| {
            let length = u32::try_from(reply.payload.len()).expect("short").to_le_bytes();
            reply.behind = [&length[..], &[5, 0, 0, 0], &reply.payload].concat();
        })
        .ends(),
        Case::new("answer_with_a_flood_behind", WALK, EIO, |reply| {
            reply.behind = [0, 0, 0, 0, 5, 0, 0, 0].repeat(12_000);
        })
        .ends(),
    ]
}

fn errors() -> Vec<Case> {
    let error = |name, errno: u32, expected| {
        Case::new(name, WALK, expected, move |reply| {
            (reply.mid, reply.payload) = (Mid::ERROR.0, errno.to_le_bytes().to_vec());
        })
    };
    vec![
        error("error_of_number_zero", 0, EIO),
        error("error_of_number_4096", 4096, EIO),
        error("error_of_the_largest_number", u32::MAX, EIO),
        error("error_of_the_largest_positive_number", i32::MAX.cast_unsigned(), EIO),
        error("error_of_the_kernels_own", 512, EIO),
        error("error_that_the_number_is_unknown", 9, EIO),
        error("error_that_it_is_stale", 116, ESTALE),
        error("error_that_it_is_interrupted", 4, Expected::Fails(&[Errno::Intr])),
        error("error_that_there_is_no_descriptor", 24, Expected::Fails(&[Errno::Mfile])).always(),
        Case::new("error_without_a_number", WALK, EIO, |reply| (reply.mid, reply.payload) = (0, Vec::new())),
        Case::new("error_with_bytes_behind", WALK, ESTALE, |reply| {
            (reply.mid, reply.payload) = (0, vec![116, 0, 0, 0, 1, 2, 3]);
        }),
        Case::new("error_with_a_descriptor", WALK, ESTALE, |reply| {
            (reply.mid, reply.payload) = (0, vec![116, 0, 0, 0]);
            reply.fds = vec![std::fs::File::open("/dev/null").expect("open").into()];
        }),
        Case::new("error_for_a_read", READ, Expected::Fails(&[Errno::Nospc]), |reply| {
            (reply.mid, reply.payload) = (0, vec![28, 0, 0, 0]);
        }),
    ]
}

fn ends() -> Vec<Case> {
    let dead = |name, what, bytes| Case::new(name, what, EIO, move |reply| reply.cut = Some(bytes)).ends();
    vec![
        dead("death_before_an_answer", WALK, 0),
        dead("death_behind_one_byte", WALK, 1),
        dead("death_behind_a_header", WALK, 8),
        dead("death_in_the_middle", WALK, 100),
        dead("death_of_a_read", READ, 10),
        dead("death_at_the_mount", (What::Mount, Mid::MOUNT), 0),
        dead("death_of_a_creation", (What::Create, Mid::OPEN_CREATE_AT), 20),
        // All of it came.
        Case::new("death_behind_an_answer", WALK, WORKS, |reply| reply.cut = Some(usize::MAX)).ends(),
    ]
}
