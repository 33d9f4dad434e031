//! `wasi-gofer cat`.

use crate::exit;
use crate::show::{ShowArgs, print, say_error};
use anyhow::Result;
use wasi_gofer::GoferCtx;
use wasi_gofer::abi::Call;

/// Options of `cat`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CatArgs {
    #[command(flatten)]
    show: ShowArgs,

    /// The guest's paths
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Writes each file; the exit code is 1 when one could not be read.
pub(crate) fn execute(args: &CatArgs) -> Result<i32> {
    let fs = args.show.open()?;
    let mut code = 0;
    for path in &args.paths {
        if !copy(&fs, path)? {
            code = exit::FAILED;
        }
    }
    Ok(code)
}

/// Writes one file; false when it could not be read to its end, which is told.
fn copy(fs: &GoferCtx, path: &str) -> Result<bool> {
    let call = Call::WAITING;
    let reader = match fs.open_read_path(&call, path) {
        Ok(reader) => reader,
        Err(error) => {
            say_error(path, error);
            return Ok(false);
        }
    };
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        match reader.read_at(&call, &mut chunk, offset) {
            Ok(0) => return Ok(true),
            Ok(len) => {
                if !print(&chunk[..len])? {
                    return Ok(true);
                }
                offset += len as u64;
            }
            Err(error) => {
                say_error(path, error);
                return Ok(false);
            }
        }
    }
}
