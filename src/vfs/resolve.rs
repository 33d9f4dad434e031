//! Paths to places: `..`, symbolic links, trailing slashes and mounts.
//!
//! A path is resolved below the directory that the guest named and never leaves it: absolute paths, absolute link
//! targets and a `..` above the start are `EPERM`, as WASI demands. The common path, without `..`, is one walk.

use super::namespace::{Namespace, Place};
use crate::abi::{Call, Errno, Error, FileType, Name, NameBuf, OpenFlags, PATH_MAX, Result, SYMLINKS_MAX, Stat};
use crate::gofer::{File, Stop};
use smallvec::SmallVec;
use std::collections::VecDeque;

pub(super) type Names<'a> = SmallVec<[Name<'a>; 8]>;

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// Something that exists.
    Found(Place),
    /// A name that does not exist in a directory that does: where something can be made.
    Missing {
        /// The directory.
        dir: Place,
        /// The name.
        name: NameBuf,
    },
}

/// A directory and the last name of a path in it, for operations on names.
#[derive(Debug)]
pub(crate) struct Parent<'p> {
    /// The directory.
    pub(crate) dir: Place,
    /// The last component as it was written.
    pub(crate) last: Last<'p>,
    /// Whether a slash followed it.
    pub(crate) slash: bool,
}

/// The last component of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last<'p> {
    /// A name.
    Name(Name<'p>),
    /// `.`, or nothing but slashes.
    Dot,
    /// `..`.
    DotDot,
}

/// Checks what holds for every path: not empty (`ENOENT`), not too long (`ENAMETOOLONG`), not absolute (`EPERM`), no NUL
/// (`EINVAL`).
pub(super) fn check(path: &[u8]) -> Result<()> {
    match path {
        [] => Err(Errno::Noent.into()),
        [b'/', ..] => Err(Errno::Perm.into()),
        _ if path.len() > PATH_MAX => Err(Errno::Nametoolong.into()),
        _ if path.contains(&0) => Err(Errno::Inval.into()),
        _ => Ok(()),
    }
}

/// Fills `names` with the components of a path, without `.`; false when it has a `..`.
#[inline]
pub(super) fn plain_names<'p>(path: &'p [u8], names: &mut Names<'p>) -> Result<bool> {
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return Ok(false),
            name => names.push(Name::new(name)?),
        }
    }
    Ok(true)
}

/// Whether a path can only lead to a directory: it ends in a slash, `.` or `..`.
pub(super) fn wants_directory(path: &[u8]) -> bool {
    path.ends_with(b"/") || matches!(path.rsplit(|byte| *byte == b'/').next(), Some(b"." | b".."))
}

/// Whether the last component of a path is `.`.
fn ends_in_dot(path: &[u8]) -> bool {
    path.rsplit(|byte| *byte == b'/').find(|component| !component.is_empty()) == Some(b".")
}

/// The attributes of what `path` leads to, put to `out`.
pub(crate) fn stat(
    ns: &Namespace,
    call: &Call,
    start: &Place,
    path: &[u8],
    follow: bool,
    out: &mut Stat,
) -> Result<()> {
    check(path)?;
    let directory = wants_directory(path);
    let mut names = Names::new();
    if plain_names(path, &mut names)?
        && !names.is_empty()
        && start.dentry.fs().stat_at(call, &start.dentry, &names, follow || directory, out)?
    {
        let is_other = directory && out.file_type != FileType::Directory;
        return if is_other { Err(Errno::Notdir.into()) } else { Ok(()) };
    }
    let place = resolve(ns, call, start, path, follow)?;
    *out = place.dentry.fs().stat(call, &place.dentry)?;
    Ok(())
}

/// The place that `path` leads to; the last component's symbolic link is followed if `follow` or a slash comes behind
/// it.
pub(crate) fn resolve(ns: &Namespace, call: &Call, start: &Place, path: &[u8], follow: bool) -> Result<Place> {
    match resolve_or_missing(ns, call, start, path, follow)? {
        Resolved::Found(place) => Ok(place),
        Resolved::Missing { .. } => Err(Errno::Noent.into()),
    }
}

/// As [`resolve`], but a missing last component is an answer.
pub(crate) fn resolve_or_missing(
    ns: &Namespace,
    call: &Call,
    start: &Place,
    path: &[u8],
    follow: bool,
) -> Result<Resolved> {
    check(path)?;
    let mut names = Names::new();
    if !plain_names(path, &mut names)? {
        return Walker::new(ns, call, start).run(path, follow, false);
    }
    let directory = wants_directory(path);
    match walk_plain(ns, call, start, &names, follow || directory)? {
        Some(Resolved::Found(place)) if directory && !is_dir(&place) => Err(Errno::Notdir.into()),
        // Before a `.` a name is not the last one.
        Some(Resolved::Missing { .. }) if ends_in_dot(path) => Err(Errno::Noent.into()),
        Some(found) => Ok(found),
        None => Walker::new(ns, call, start).run(path, follow, false),
    }
}

/// As [`resolve_or_missing`], for making a file: `EISDIR` when a slash follows the last name, of the path or of a link
/// that it ends in, whatever is there.
pub(crate) fn resolve_to_create(
    ns: &Namespace,
    call: &Call,
    start: &Place,
    path: &[u8],
    follow: bool,
) -> Result<Resolved> {
    check(path)?;
    let mut names = Names::new();
    if plain_names(path, &mut names)?
        && !wants_directory(path)
        && let Some(found) = walk_plain(ns, call, start, &names, follow)?
    {
        return Ok(found);
    }
    Walker::new(ns, call, start).run(path, follow, true)
}

/// The directory that holds the last component of `path`, for operations on names: that component is not looked at.
pub(crate) fn resolve_parent<'p>(ns: &Namespace, call: &Call, start: &Place, path: &'p [u8]) -> Result<Parent<'p>> {
    check(path)?;
    let slashes = path.iter().rev().take_while(|byte| **byte == b'/').count();
    let trimmed = path.get(..path.len() - slashes).unwrap_or_default();
    let (before, last) = match trimmed.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (trimmed.get(..at).unwrap_or_default(), trimmed.get(at + 1..).unwrap_or_default()),
        None => (&b""[..], trimmed),
    };
    let last = match last {
        b"." => Last::Dot,
        b".." => Last::DotDot,
        name => Last::Name(Name::new(name)?),
    };
    let dir = if before.is_empty() { start.clone() } else { resolve(ns, call, start, before, true)? };
    if !is_dir(&dir) {
        return Err(Errno::Notdir.into());
    }
    Ok(Parent { dir, last, slash: slashes > 0 })
}

fn is_dir(place: &Place) -> bool {
    place.dentry.file_type() == FileType::Directory
}

/// Walks names without `..` across mounts; `None` at a symbolic link, whose expansion may need the way back.
fn walk_plain(
    ns: &Namespace,
    call: &Call,
    start: &Place,
    names: &[Name<'_>],
    follow_last: bool,
) -> Result<Option<Resolved>> {
    let mut rest = names;
    let mut over: Option<Place> = None;
    loop {
        let from = over.as_ref().unwrap_or(start);
        let walked = from.dentry.fs().walk(call, &from.dentry, rest, follow_last)?;
        rest = rest.get(walked.used..).unwrap_or_default();
        let place = Place { mount: from.mount, dentry: walked.reached };
        if walked.used > 0 && ns.hides(&place) {
            // What there is on the way to it is told one name at a time.
            return Ok(None);
        }
        match walked.stop {
            Stop::End => return Ok(Some(Resolved::Found(place))),
            Stop::Symlink(_) => return Ok(None),
            Stop::NotDirectory => return Err(Errno::Notdir.into()),
            Stop::Missing => {
                return match rest {
                    [name] => Ok(Some(Resolved::Missing { dir: place, name: name.to_buf() })),
                    _ => Err(Errno::Noent.into()),
                };
            }
            Stop::Mount => {
                // A mount point of another mount of the same tree is a directory like any other here.
                let place = ns.mounted_on(&place).unwrap_or(Ok(place))?;
                if rest.is_empty() {
                    return Ok(Some(Resolved::Found(place)));
                }
                over = Some(place);
            }
        }
    }
}

/// The file at the end of a path without `..`, links and mounts on its way, by the shortest way; `None` when there is
/// more to it than that.
pub(crate) fn open_shortest(
    call: &Call,
    start: &Place,
    path: &[u8],
    follow: bool,
    access: OpenFlags,
) -> Result<Option<File>> {
    check(path)?;
    let mut names = Names::new();
    if !plain_names(path, &mut names)? || wants_directory(path) || names.is_empty() {
        return Ok(None);
    }
    start.dentry.fs().open_shortest(call, &start.dentry, &names, follow, access)
}

/// A component that is still to be walked.
#[derive(Debug)]
enum Component {
    Name(NameBuf),
    DotDot,
}

/// Resolution one component at a time, with the way back.
struct Walker<'a> {
    ns: &'a Namespace,
    call: &'a Call,
    /// The places on the way, the start first; `..` never takes that one.
    way: Vec<Place>,
    todo: VecDeque<Component>,
    expanded: usize,
    bytes: usize,
}

impl<'a> Walker<'a> {
    fn new(ns: &'a Namespace, call: &'a Call, start: &Place) -> Self {
        Walker { ns, call, way: vec![start.clone()], todo: VecDeque::new(), expanded: 0, bytes: 0 }
    }

    /// Puts the components of `path` in front of what is left.
    fn expand(&mut self, path: &[u8]) -> Result<()> {
        // Bounds what nested expansions can pile up.
        self.bytes += path.len();
        if self.bytes > PATH_MAX * 8 {
            return Err(Errno::Nametoolong.into());
        }
        for component in path.rsplit(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => self.todo.push_front(Component::DotDot),
                name => self.todo.push_front(Component::Name(Name::new(name)?.to_buf())),
            }
        }
        Ok(())
    }

    fn run(mut self, path: &[u8], follow: bool, creating: bool) -> Result<Resolved> {
        self.expand(path)?;
        let mut directory = wants_directory(path);
        // Before a `.` a name is not the last one.
        let mut slash = path.ends_with(b"/");
        let mut dot = ends_in_dot(path);
        while let Some(component) = self.todo.pop_front() {
            let Component::Name(name) = component else {
                self.go_back()?;
                continue;
            };
            let last = self.todo.is_empty();
            if last && creating && slash && !dot && is_dir(self.here()?) {
                return Err(Errno::Isdir.into());
            }
            let place = self.here()?.clone();
            let fs = place.dentry.fs();
            let walked = fs.walk(self.call, &place.dentry, &[name.as_name()], !last || follow || directory)?;
            let reached = Place { mount: place.mount, dentry: walked.reached };
            match walked.stop {
                Stop::End | Stop::Mount if self.ns.hides(&reached) => {
                    return if last && !dot {
                        Ok(Resolved::Missing { dir: place, name })
                    } else {
                        Err(Errno::Noent.into())
                    };
                }
                Stop::End => self.way.push(reached),
                Stop::Mount => self.way.push(self.ns.mounted_on(&reached).unwrap_or(Ok(reached))?),
                Stop::NotDirectory => return Err(Errno::Notdir.into()),
                Stop::Missing if last && !dot => return Ok(Resolved::Missing { dir: reached, name }),
                Stop::Missing => return Err(Errno::Noent.into()),
                Stop::Symlink(target) => {
                    if last {
                        directory |= wants_directory(&target);
                        slash |= target.ends_with(b"/");
                        dot |= ends_in_dot(&target);
                    }
                    self.follow_link(&target)?;
                }
            }
        }
        let place = self.way.pop().ok_or(Error::Errno(Errno::Io))?;
        if directory && !is_dir(&place) {
            return Err(Errno::Notdir.into());
        }
        Ok(Resolved::Found(place))
    }

    fn here(&self) -> Result<&Place> {
        self.way.last().ok_or(Error::Errno(Errno::Io))
    }

    /// `..`: the start is as far as it goes, and only a directory has one.
    fn go_back(&mut self) -> Result<()> {
        if !is_dir(self.here()?) {
            return Err(Errno::Notdir.into());
        }
        if self.way.len() < 2 {
            return Err(Errno::Perm.into());
        }
        self.way.pop();
        Ok(())
    }

    fn follow_link(&mut self, target: &[u8]) -> Result<()> {
        self.expanded += 1;
        if self.expanded > SYMLINKS_MAX {
            return Err(Errno::Loop.into());
        }
        check(target)?;
        self.expand(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_directory_of_a_trailing_slash_dot_or_dotdot() {
        for path in ["a/", "a//", "a/.", "a/..", ".", "..", "./"] {
            assert!(wants_directory(path.as_bytes()), "{path}");
        }
        for path in ["a", "a/b", "...", "a/b.."] {
            assert!(!wants_directory(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn check_of_empty_absolute_long_and_nul_paths_is_the_errno_of_each() {
        assert_eq!(check(b""), Err(Error::Errno(Errno::Noent)));
        assert_eq!(check(b"/a"), Err(Error::Errno(Errno::Perm)));
        assert_eq!(check(&[b'a'; 4096]), Err(Error::Errno(Errno::Nametoolong)));
        assert_eq!(check(b"a\0"), Err(Error::Errno(Errno::Inval)));
    }
}
