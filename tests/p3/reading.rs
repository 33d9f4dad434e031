//! `read-via-stream`.

use crate::kit::{Code, End, Guest, Scene, args, at_root, mount, options};
use wasi_gofer::{CachePolicy, MemoryFs};

#[test]
fn read_via_stream_of_a_whole_file_ends_dropped_and_tells_success() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "hello world");
        let mut guest = scene.guest(policy);
        let file = guest.open("file").expect("opened");
        let (stream, future) = guest.read_stream(file, 0);

        assert_eq!(guest.read(stream, 100), (b"hello world".to_vec(), End::More), "{policy}");
        assert!(guest.untold(future), "{policy}");
        assert_eq!(guest.read(stream, 100), (Vec::new(), End::Dropped), "{policy}");
        assert_eq!(guest.told(future), Ok(()), "{policy}");
    }
}
