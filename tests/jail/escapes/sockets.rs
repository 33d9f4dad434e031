//! By sockets, keys and what else is not a file.

use super::ways;
use super::world::{at, call, number, path, reaches};
use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

ways! {
    connect_to_the_loopback: Twice, ForAll, |w| {
        let socket = socket(AF_INET, SOCK_STREAM, 0)?;
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&2u16.to_ne_bytes());
        address[2..4].copy_from_slice(&w.port.to_be_bytes());
        address[4..8].copy_from_slice(&[127, 0, 0, 1]);
        reaches("a listener", call(libc::SYS_connect, &[socket, address.as_ptr() as usize, 16]))
    };
    connect_by_a_datagram: Twice, ForAll, |w| {
        let socket = socket(AF_INET, SOCK_DGRAM, 0)?;
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&2u16.to_ne_bytes());
        address[2..4].copy_from_slice(&w.port.to_be_bytes());
        address[4..8].copy_from_slice(&[127, 0, 0, 1]);
        reaches("a port", call(libc::SYS_sendto, &[socket, address.as_ptr() as usize, 1, 0, address.as_ptr() as usize, 16]))
    };
    connect_to_an_abstract_name: Twice, ForAll, |w| {
        let socket = as_ours()?;
        let address = unix_address(&format!("\0{}", w.abstract_name));
        reaches("a listener", call(libc::SYS_connect, &[socket, address.as_ptr() as usize, address.len()]))
    };
    connect_to_a_path: Twice, ForAll, |w| {
        let socket = as_ours()?;
        let address = unix_address(&w.socket);
        reaches("a listener", call(libc::SYS_connect, &[socket, address.as_ptr() as usize, address.len()]))
    };
    // A network namespace has a loopback of its own, where nobody is.
    listen_at_a_port: Once, ForAll, |_| {
        let socket = socket(AF_INET, SOCK_STREAM, 0)?;
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&2u16.to_ne_bytes());
        address[4..8].copy_from_slice(&[127, 0, 0, 1]);
        call(libc::SYS_bind, &[socket, address.as_ptr() as usize, 16])?;
        reaches("a port", call(libc::SYS_listen, &[socket, 1]))
    };
    listen_at_a_path_outside: Twice, ForAll, |w| {
        let socket = as_ours()?;
        let address = unix_address(&format!("{}/new", w.outside));
        reaches("a name", call(libc::SYS_bind, &[socket, address.as_ptr() as usize, address.len()]))
    };
    // In a network namespace of one's own that is nobody's name, so it is no harm that nothing else holds.
    listen_at_an_abstract_name: Once, ForAll, |w| {
        let socket = as_ours()?;
        let address = unix_address(&format!("\0{}-new", w.abstract_name));
        call(libc::SYS_bind, &[socket, address.as_ptr() as usize, address.len()])?;
        reaches("a name", call(libc::SYS_listen, &[socket, 1]))
    };
    a_socket: Once, ForAll, |_| reaches("it", socket(AF_INET, SOCK_STREAM, 0));
    a_socket_of_version_6: Once, ForAll, |_| reaches("it", socket(AF_INET6, SOCK_STREAM, 0));
    a_socket_of_this_machine: Once, ForAll, |_| reaches("it", socket(AF_UNIX, SOCK_STREAM, 0));
    a_pair_of_sockets: Once, ForAll, |_| {
        let mut pair = [0i32; 2];
        let pointer = pair.as_mut_ptr() as usize;
        reaches("it", call(libc::SYS_socketpair, &[number(AF_UNIX), number(SOCK_STREAM), 0, pointer]))
    };
    a_socket_of_the_routing_table: Once, ForAll, |_| reaches("it", socket(AF_NETLINK, SOCK_RAW, 0));
    a_socket_of_the_audit: Once, ForAll, |_| reaches("it", socket(AF_NETLINK, SOCK_RAW, 9));
    a_raw_socket: Twice, ForRoot, |_| reaches("packets", socket(AF_INET, SOCK_RAW, 1));
    a_socket_of_packets: Twice, ForRoot, |_| reaches("packets", socket(AF_PACKET, SOCK_RAW, 0x300));
    a_port_of_the_system: Twice, Apart, |_| {
        let socket = socket(AF_INET, SOCK_STREAM, 0)?;
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&2u16.to_ne_bytes());
        address[2..4].copy_from_slice(&80u16.to_be_bytes());
        reaches("it", call(libc::SYS_bind, &[socket, address.as_ptr() as usize, 16]))
    };
    keys_of_the_session: Once, ForAll, |_| {
        // KEYCTL_GET_KEYRING_ID of the session's, made if there is none.
        reaches("a keyring", call(libc::SYS_keyctl, &[0, number(-3), 1]))
    };
    keys_of_the_user: Once, ForAll, |_| reaches("a keyring", call(libc::SYS_keyctl, &[0, number(-4), 1]));
    a_key: Once, ForAll, |_| {
        let (kind, name) = (path("user"), path("wasi-gofer-jail"));
        reaches("it", call(libc::SYS_add_key, &[at(&kind), at(&name), at(&name), 3, number(-2)]))
    };
    ask_for_a_key: Once, Untried("a program outside would be started for it"), |_| {
        let (kind, name) = (path("user"), path("wasi-gofer-jail"));
        reaches("it", call(libc::SYS_request_key, &[at(&kind), at(&name), at(&name), number(-2)]))
    };
    shared_memory: Once, ForAll, |_| {
        let segment = call(libc::SYS_shmget, &[0, 4096, 0o1600])?;
        reaches("it", call(libc::SYS_shmctl, &[segment, 0, 0]))
    };
    semaphores: Once, ForAll, |_| {
        let set = call(libc::SYS_semget, &[0, 1, 0o1600])?;
        reaches("it", call(libc::SYS_semctl, &[set, 0, 0, 0]))
    };
    a_message_queue: Twice, ForAll, |_| {
        let name = path("wasi-gofer-jail");
        let queue = call(libc::SYS_mq_open, &[at(&name), number(libc::O_CREAT | libc::O_RDWR), 0o600, 0])?;
        let _ = call(libc::SYS_mq_unlink, &[at(&name)]);
        reaches("it", Ok(queue))
    };
    what_others_share: Twice, Untried("nobody shares anything"), |_| {
        // Any segment of the machine, by its index (SHM_STAT_ANY).
        let mut buffer = [0u8; 256];
        let pointer = buffer.as_mut_ptr() as usize;
        (0..64).find_map(|index| call(libc::SYS_shmctl, &[index, 15, pointer]).ok()).map_or(Err(libc::EINVAL), |_| {
            Ok("a segment".to_owned())
        })
    };
    a_device_by_its_socket: Once, Untried("not every kernel has it"), |_| reaches("it", socket(40, SOCK_STREAM, 0));
    a_cipher_by_its_socket: Once, Untried("not every kernel has it"), |_| reaches("it", socket(38, 5, 0));
}

/// A socket as those are that the list has where clients get at sockets.
fn as_ours() -> Result<usize, i32> {
    socket(AF_UNIX, SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0)
}

fn socket(family: i32, kind: i32, protocol: usize) -> Result<usize, i32> {
    call(libc::SYS_socket, &[number(family), number(kind), protocol])
}

fn unix_address(name: &str) -> Vec<u8> {
    let family = u16::try_from(AF_UNIX).unwrap_or(1).to_ne_bytes();
    [&family[..], name.as_bytes()].concat()
}
