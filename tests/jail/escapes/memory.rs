//! To programs, and memory that could become one.

use super::world::{World, at, call, number, path, reaches};
use super::{Tried, ways};
use libc::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, O_CLOEXEC, O_NOFOLLOW, O_RDONLY, PROT_EXEC, PROT_READ, PROT_WRITE};

ways! {
    run_a_program_outside: Twice, ForAll, |_| run("/bin/true");
    run_a_program_of_the_export: Twice, ForAll, |w| {
        let (file, empty) = (path("true"), [0usize]);
        executes(call(libc::SYS_execveat, &[number(w.root), at(&file), empty.as_ptr() as usize, empty.as_ptr() as usize, 0]))
    };
    run_a_program_with_set_user_id: Twice, ForAll, |w| {
        let file = path("true");
        call(libc::SYS_fchmodat, &[number(w.root), at(&file), 0o6755])?;
        let empty = [0usize];
        executes(call(libc::SYS_execveat, &[number(w.root), at(&file), empty.as_ptr() as usize, empty.as_ptr() as usize, 0]))
    };
    run_a_program_by_its_descriptor: Twice, ForAll, |w| {
        let file = open(w, "true")?;
        let (nothing, empty) = (path(""), [0usize]);
        let flags = number(libc::AT_EMPTY_PATH);
        executes(call(libc::SYS_execveat, &[file, at(&nothing), empty.as_ptr() as usize, empty.as_ptr() as usize, flags]))
    };
    run_a_program_in_memory: Once, ForAll, |w| {
        let name = path("program");
        let memory = call(libc::SYS_memfd_create, &[at(&name), 1])?;
        let file = open(w, "true")?;
        let mut bytes = [0u8; 4096];
        loop {
            let length = call(libc::SYS_read, &[file, bytes.as_mut_ptr() as usize, bytes.len()])?;
            if length == 0 {
                break;
            }
            call(libc::SYS_write, &[memory, bytes.as_ptr() as usize, length])?;
        }
        let (nothing, empty) = (path(""), [0usize]);
        let flags = number(libc::AT_EMPTY_PATH);
        executes(call(libc::SYS_execveat, &[memory, at(&nothing), empty.as_ptr() as usize, empty.as_ptr() as usize, flags]))
    };
    memory_to_execute: Once, ForAll, |_| {
        map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, usize::MAX, 4096)
    };
    memory_to_write_and_execute: Once, ForAll, |_| {
        map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, usize::MAX, 4096)
    };
    memory_made_executable: Once, ForAll, |_| {
        let flags = number(MAP_PRIVATE | MAP_ANONYMOUS);
        let address = call(libc::SYS_mmap, &[0, 4096, number(PROT_READ | PROT_WRITE), flags, usize::MAX, 0])?;
        reaches("it", call(libc::SYS_mprotect, &[address, 4096, number(PROT_READ | PROT_EXEC)]))
    };
    memory_made_executable_by_key: Once, Untried("not every processor has keys"), |_| {
        let flags = number(MAP_PRIVATE | MAP_ANONYMOUS);
        let address = call(libc::SYS_mmap, &[0, 4096, number(PROT_READ | PROT_WRITE), flags, usize::MAX, 0])?;
        reaches("it", call(libc::SYS_pkey_mprotect, &[address, 4096, number(PROT_READ | PROT_EXEC), usize::MAX]))
    };
    memory_that_is_all_executable: Once, ForAll, |_| {
        // READ_IMPLIES_EXEC.
        reaches("it", call(libc::SYS_personality, &[0x0040_0000]))
    };
    a_file_mapped_to_execute: Twice, ForAll, |w| {
        let file = open(w, "true")?;
        map(PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 4096)
    };
    a_file_mapped_and_made_executable: Twice, ForAll, |w| {
        let file = open(w, "true")?;
        let address = call(libc::SYS_mmap, &[0, 4096, number(PROT_READ), number(MAP_PRIVATE), file, 0])?;
        reaches("it", call(libc::SYS_mprotect, &[address, 4096, number(PROT_READ | PROT_EXEC)]))
    };
    shared_memory_to_execute: Once, ForAll, |_| {
        let name = path("memory");
        let memory = call(libc::SYS_memfd_create, &[at(&name), 1])?;
        call(libc::SYS_ftruncate, &[memory, 4096])?;
        map(PROT_READ | PROT_EXEC, MAP_SHARED, memory, 4096)
    };
    memory_beyond_the_limit: Twice, ForAll, |_| {
        map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | libc::MAP_NORESERVE, usize::MAX, 2 << 30)
    };
    memory_beyond_the_limit_in_small_pieces: Twice, ForAll, |_| {
        for _ in 0..96 {
            map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | libc::MAP_NORESERVE, usize::MAX, 16 << 20)?;
        }
        Ok("1.5 GiB".to_owned())
    };
    memory_that_is_locked: TwiceForUsers, ForRoot, |_| {
        let flags = number(MAP_PRIVATE | MAP_ANONYMOUS);
        let address = call(libc::SYS_mmap, &[0, 16 << 20, number(PROT_READ | PROT_WRITE), flags, usize::MAX, 0])?;
        reaches("it", call(libc::SYS_mlock, &[address, 16 << 20]))
    };
    all_memory_locked: TwiceForUsers, ForRoot, |_| reaches("it", call(libc::SYS_mlockall, &[2]));
    secret_memory: Once, Untried("not every kernel has it"), |_| reaches("it", call(447, &[0]));
    faults_of_its_own: Once, ForRoot, |_| reaches("it", call(libc::SYS_userfaultfd, &[number(O_CLOEXEC)]));
    pages_of_another_moved: Twice, ForAll, |w| {
        reaches("them", call(libc::SYS_move_pages, &[w.victim, 0, 0, 0, 0, 0]))
    };
    advice_about_the_memory_of_another: Twice, Untried("it would be without its pages"), |w| {
        let process = call(libc::SYS_pidfd_open, &[w.victim, 0])?;
        reaches("it", call(libc::SYS_process_madvise, &[process, 0, 0, 4, 0]))
    };
}

fn open(w: &World, file: &str) -> Result<usize, i32> {
    let file = path(file);
    call(libc::SYS_openat, &[number(w.root), at(&file), number(O_RDONLY | O_NOFOLLOW | O_CLOEXEC), 0])
}

fn map(protection: i32, flags: i32, file: usize, bytes: usize) -> Tried {
    let protection = number(protection);
    reaches("memory", call(libc::SYS_mmap, &[0, bytes, protection, number(flags), file, 0]))
}

fn run(file: &str) -> Tried {
    let (file, empty) = (path(file), [0usize]);
    executes(call(libc::SYS_execve, &[at(&file), empty.as_ptr() as usize, empty.as_ptr() as usize]))
}

/// A call that does not return has become another program, which says nothing: whoever waits knows it by that.
fn executes(result: Result<usize, i32>) -> Tried {
    reaches("a program", result)
}
