//! The host's limit of descriptors.

use crate::kit::{Errno, Guest, Open, Scene, alone, assert_none_leads_into};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasi_gofer::CachePolicy;

fn limit_descriptors(limit: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum }).expect("lowered");
}

/// Opens until that is refused, or everything is open; what was opened.
fn exhaust(guest: &mut Guest, how: Open, path: impl Fn(usize) -> String) -> Vec<u32> {
    let mut open = Vec::new();
    for n in 0..FILES {
        match guest.open(path(n), how) {
            Ok(fd) => open.push(fd),
            Err(errno) => {
                assert_eq!(errno, Errno::MFILE);
                break;
            }
        }
    }
    open
}

const FILES: usize = 200;

fn many_files() -> Scene {
    let scene = Scene::new();
    for n in 0..FILES {
        scene.write(&format!("dir-{n}/file-{n}"), "contents");
    }
    scene
}

#[test]
fn opening_files_until_descriptors_run_out_is_mfile_and_nothing_leaks() {
    alone(|| {
        let scene = many_files();
        limit_descriptors(64);
        for policy in CachePolicy::ALL {
            let mut guest = scene.guest(policy);

            let open = exhaust(&mut guest, Open::READ, |n| format!("dir-{n}/file-{n}"));

            assert!((20..64).contains(&open.len()), "{policy}: {} were opened", open.len());
            // The refusal gave control handles back; what they leave room for is soon used up.
            let more = exhaust(&mut guest, Open::CREATE, |n| format!("dir-198/new-{n}"));
            assert!(more.len() < 8, "{policy}: {} more were made", more.len());
            for fd in more {
                guest.close(fd).expect("closed");
            }
            for fd in &open {
                assert_eq!(guest.read(*fd, 16), Ok(b"contents".to_vec()), "{policy}");
                guest.close(*fd).expect("closed");
            }
            assert_eq!(guest.contents("dir-150/file-150").as_deref(), Ok("contents"), "{policy}");
            assert_eq!(guest.names("dir-199"), Ok(vec!["file-199".to_owned()]), "{policy}");
            drop(guest);
            assert_none_leads_into(&scene.inside(), policy);
        }
    });
}

#[test]
fn opening_directories_until_descriptors_run_out_is_mfile_and_nothing_leaks() {
    alone(|| {
        let scene = many_files();
        limit_descriptors(64);
        for policy in CachePolicy::ALL {
            let mut guest = scene.guest(policy);

            let open = exhaust(&mut guest, Open::DIRECTORY, |n| format!("dir-{n}"));

            // Where nobody else changes the tree, an open directory needs no descriptor.
            let most = if matches!(policy, CachePolicy::Shared | CachePolicy::None) { 63 } else { FILES };
            assert!((20..=most).contains(&open.len()), "{policy}: {} were opened", open.len());
            let last = *open.last().expect("some");
            guest.close(last).expect("closed");
            guest.close(open[0]).expect("closed");
            assert_eq!(guest.contents("dir-150/file-150").as_deref(), Ok("contents"), "{policy}");
            for (n, fd) in open.iter().enumerate().skip(1).take(open.len() - 2) {
                let stat = guest.stat_at(*fd, format!("file-{n}"), false);
                assert_eq!(stat.map(|stat| stat.size), Ok(8), "{policy}");
                guest.close(*fd).expect("closed");
            }
            drop(guest);
            assert_none_leads_into(&scene.inside(), policy);
        }
    });
}

#[test]
fn walking_more_directories_than_there_are_descriptors_is_well() {
    alone(|| {
        let scene = many_files();
        limit_descriptors(40);
        for policy in CachePolicy::ALL {
            let mut guest = scene.guest(policy);

            for n in (0..200).chain((0..200).rev()) {
                assert_eq!(guest.contents(format!("dir-{n}/file-{n}")).as_deref(), Ok("contents"), "{policy} {n}");
            }
        }
    });
}

#[test]
fn deep_paths_with_few_descriptors_are_well() {
    alone(|| {
        let scene = Scene::new();
        let deep = "deep/".repeat(80);
        scene.write(&format!("{deep}file"), "contents");
        limit_descriptors(40);
        for policy in CachePolicy::ALL {
            let mut guest = scene.guest(policy);

            assert_eq!(guest.contents(format!("{deep}file")).as_deref(), Ok("contents"), "{policy}");
            assert_eq!(guest.mkdir(format!("{deep}made")), Ok(()), "{policy}");
            assert_eq!(guest.rename(&format!("{deep}made"), "moved"), Ok(()), "{policy}");
            assert_eq!(guest.rmdir("moved"), Ok(()), "{policy}");
        }
    });
}
