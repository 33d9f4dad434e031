//! `wasi-gofer stat`.

use crate::exit;
use crate::show::{ShowArgs, mode_letters, name_for_output, print, say_error, time, type_name};
use anyhow::Result;
use std::io::Write;
use wasi_gofer::GoferCtx;
use wasi_gofer::abi::{Call, Error, FileType};

/// Options of `stat`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatArgs {
    #[command(flatten)]
    show: ShowArgs,

    /// Of a symbolic link, show what it points to
    #[arg(short = 'L', long)]
    dereference: bool,

    /// The guest's paths
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

/// Shows each path; the exit code is 1 when one could not be looked at.
pub(crate) fn execute(args: &StatArgs) -> Result<i32> {
    let fs = args.show.open()?;
    let mut code = 0;
    for path in &args.paths {
        match describe(&fs, path, args.dereference) {
            Ok(text) => {
                if !print(&text)? {
                    break;
                }
            }
            Err(error) => {
                say_error(path, error);
                code = exit::FAILED;
            }
        }
    }
    Ok(code)
}

fn describe(fs: &GoferCtx, path: &str, follow: bool) -> Result<Vec<u8>, Error> {
    let call = Call::WAITING;
    let stat = fs.lookup_stat(&call, path, follow)?;
    let mut text = b"  path: ".to_vec();
    text.extend_from_slice(&name_for_output(path.as_bytes()));
    if stat.file_type == FileType::Symlink {
        text.extend_from_slice(b" -> ");
        text.extend_from_slice(&name_for_output(&fs.read_link_path(&call, path)?));
    }
    // Writing to a vector cannot fail.
    let _ = write!(
        text,
        "\n  type: {}\n  mode: {:04o} {}\n links: {}\n owner: {}\n group: {}\n  size: {}\nblocks: {} of 512 bytes\n inode: {}\n\
         device: {}\naccess: {}\nmodify: {}\nchange: {}\n",
        type_name(stat.file_type),
        stat.mode.bits(),
        mode_letters(stat.file_type, stat.mode),
        stat.nlink,
        stat.uid,
        stat.gid,
        stat.size,
        stat.blocks,
        stat.key.ino,
        stat.key.dev,
        time(stat.atime),
        time(stat.mtime),
        time(stat.ctime),
    );
    Ok(text)
}
