//! `wasi-gofer ls`.

use crate::exit;
use crate::show::{ShowArgs, mode_letters, name_for_output, print, say_error, time};
use anyhow::Result;
use std::io::Write;
use wasi_gofer::GoferCtx;
use wasi_gofer::abi::{Call, Errno, Error, FileType, Stat};

/// Options of `ls`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    show: ShowArgs,

    /// Attributes too: type and permissions, names, owner, group, size, last change of the contents
    #[arg(short = 'l')]
    long: bool,

    /// The guest's paths of directories or files
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

/// Lists each path; the exit code is 1 when one could not be looked at.
pub(crate) fn execute(args: &LsArgs) -> Result<i32> {
    let fs = args.show.open()?;
    let mut code = 0;
    for (i, path) in args.paths.iter().enumerate() {
        let mut out = Vec::new();
        if args.paths.len() > 1 {
            let gap = if i == 0 { "" } else { "\n" };
            writeln!(out, "{gap}{path}:")?;
        }
        if let Err(error) = list(&fs, path, args.long, &mut out) {
            say_error(path, error);
            code = exit::FAILED;
            continue;
        }
        if !print(&out)? {
            break;
        }
    }
    Ok(code)
}

/// Lists a directory, or the one file that `path` is.
fn list(fs: &GoferCtx, path: &str, long: bool, out: &mut Vec<u8>) -> Result<(), Error> {
    let call = Call::WAITING;
    let followed = fs.lookup_stat(&call, path, true);
    if !matches!(&followed, Ok(stat) if stat.file_type == FileType::Directory) {
        let stat = fs.lookup_stat(&call, path, false)?;
        // A link that leads nowhere, in a circle or out of the mounts is there all the same, and is shown as it is.
        let leads_nowhere = |error: &Error| matches!(error.errno(), Errno::Noent | Errno::Loop | Errno::Perm);
        if let Err(error) = followed
            && !(stat.file_type == FileType::Symlink && leads_nowhere(&error))
        {
            return Err(error);
        }
        entry(fs, path, path.as_bytes(), long.then_some(&stat), out);
        return Ok(());
    }
    let mut names: Vec<Vec<u8>> = fs.read_dir_path(&call, path)?.into_iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    for name in names {
        // A path of this interface is UTF-8; a name that is not can be shown, but not be looked up.
        let child = std::str::from_utf8(&name).ok().map(|name| format!("{}/{name}", path.trim_end_matches('/')));
        match child.as_deref().filter(|_| long) {
            None if long => line(out, b"?????????? (not UTF-8) ", &name),
            None => line(out, b"", &name),
            Some(child) => match fs.lookup_stat(&call, child, false) {
                Ok(stat) => entry(fs, child, &name, Some(&stat), out),
                Err(error) => line(out, format!("?????????? ({error}) ").as_bytes(), &name),
            },
        }
    }
    Ok(())
}

fn line(out: &mut Vec<u8>, before: &[u8], name: &[u8]) {
    out.extend_from_slice(before);
    out.extend_from_slice(&name_for_output(name));
    out.push(b'\n');
}

fn entry(fs: &GoferCtx, path: &str, name: &[u8], stat: Option<&Stat>, out: &mut Vec<u8>) {
    let Some(stat) = stat else { return line(out, b"", name) };
    let Stat { nlink, uid, gid, size, .. } = stat;
    let mode = mode_letters(stat.file_type, stat.mode);
    let before = format!("{mode} {nlink:>3} {uid:>5} {gid:>5} {size:>12} {} ", time(stat.mtime));
    let mut shown = name_for_output(name);
    if stat.file_type == FileType::Symlink
        && let Ok(target) = fs.read_link_path(&Call::WAITING, path)
    {
        shown.extend_from_slice(b" -> ");
        shown.extend_from_slice(&name_for_output(&target));
    }
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(&shown);
    out.push(b'\n');
}
