//! Mount points that the directory below them does not have.

use crate::kit::{Errno, Guest, Open, Scene, options};
use std::fs;
use wasi_gofer::{CachePolicy, Gofer, MemoryFs, MountOptions};

#[test]
fn a_mount_point_that_the_directory_lacks_is_taken_and_listed_once() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "x");
        let mut builder = Gofer::builder();
        builder.dir(scene.inside(), "/", options(policy));
        builder.mount("/point", MemoryFs::new().with_file("over", "x").expect("made"), MountOptions::default());
        builder.mount("/made/up", MemoryFs::new(), MountOptions::default());
        let gofer = builder.build().expect("mounted");
        let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("there"));

        for point in ["point", "made"] {
            assert_eq!(guest.mkdir(point), Err(Errno::EXIST), "{policy} {point}");
            assert_eq!(guest.symlink("file", point), Err(Errno::EXIST), "{policy} {point}");
            assert_eq!(guest.link("file", point), Err(Errno::EXIST), "{policy} {point}");
            assert_eq!(guest.rename("file", point), Err(Errno::BUSY), "{policy} {point}");
            assert!(scene.inside().join(point).symlink_metadata().is_err(), "{policy} {point}");
        }
        let names = ["file", "made", "point"].map(str::to_owned);
        assert_eq!(guest.names("."), Ok(names.to_vec()), "{policy}");
        // Others may make it all the same, where nobody sees it.
        fs::create_dir(scene.inside().join("point")).expect("made");
        scene.write("made", "x");
        gofer.drop_caches();
        assert_eq!(guest.names("."), Ok(names.to_vec()), "{policy}");
        assert_eq!(guest.names("point"), Ok(vec!["over".to_owned()]), "{policy}");
        assert_eq!(guest.names("made"), Ok(vec!["up".to_owned()]), "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}

#[test]
fn a_mount_point_that_the_directory_lacks_is_not_shown_by_another_mount_of_it() {
    for policy in CachePolicy::ALL {
        let scene = Scene::new();
        scene.write("file", "x");
        let mut builder = Gofer::builder();
        builder.mount("/", MemoryFs::new(), MountOptions::default());
        builder.dir(scene.inside(), "/ro", MountOptions { read_only: true, ..options(policy) });
        builder.dir(scene.inside(), "/one", options(policy));
        builder.dir(scene.inside(), "/two", options(policy));
        builder.mount("/two/point", MemoryFs::new().with_file("over", "x").expect("made"), MountOptions::default());
        builder.mount("/two/made/up", MemoryFs::new().with_file("over", "x").expect("made"), MountOptions::default());
        let gofer = builder.build().expect("mounted");
        let mut guest = Guest::new(gofer.ctx().with_preopens(&["/"]).expect("there"));

        assert_eq!(guest.contents("two/point/over").as_deref(), Ok("x"), "{policy}");
        assert_eq!(guest.contents("two/made/up/over").as_deref(), Ok("x"), "{policy}");
        let names = ["file", "made", "point"].map(str::to_owned);
        assert_eq!(guest.names("two"), Ok(names.to_vec()), "{policy}");
        for other in ["ro", "one"] {
            assert_eq!(guest.names(other), Ok(vec!["file".to_owned()]), "{policy} {other}");
            for name in
                ["point", "point/over", "point/.", "made", "made/up", "made/up/over", "made/../made", "./point/"]
            {
                let path = format!("{other}/{name}");
                assert_eq!(guest.stat(&path).map(|stat| stat.size), Err(Errno::NOENT), "{policy} {path}");
                assert_eq!(guest.open(&path, Open::READ), Err(Errno::NOENT), "{policy} {path}");
            }
        }
        for name in ["one/point", "one/made"] {
            assert_eq!(guest.mkdir(name), Err(Errno::BUSY), "{policy} {name}");
            assert_eq!(guest.symlink("file", name), Err(Errno::BUSY), "{policy} {name}");
            assert_eq!(guest.link("one/file", name), Err(Errno::BUSY), "{policy} {name}");
            assert_eq!(guest.rename("one/file", name), Err(Errno::BUSY), "{policy} {name}");
            assert_eq!(guest.open(name, Open::CREATE), Err(Errno::BUSY), "{policy} {name}");
            assert_eq!(guest.rmdir(name), Err(Errno::BUSY), "{policy} {name}");
        }
        assert_eq!(guest.mkdir("ro/point"), Err(Errno::ROFS), "{policy}");
        assert_eq!(guest.open("ro/point", Open::CREATE), Err(Errno::ROFS), "{policy}");
        assert_eq!(fs::read_dir(scene.inside()).expect("listed").count(), 1, "{policy}");
        assert_eq!(gofer.check_invariants(), Ok(()), "{policy}");
    }
}
