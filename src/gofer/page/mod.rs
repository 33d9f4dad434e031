//! File data: pages, which of their bytes are known and which are ahead of the backend, and which pages go first.
//!
//! Nothing here does I/O: whoever reads or writes (`ops/read.rs`, `ops/write.rs`, `ops/bring_out.rs`) brings what the
//! backend answered, and takes out what it is to be told.
//!
//! - `span`: a range of bytes in a page.
//! - `rooms`: the caller's lists of buffers.
//! - `frame`, `data`: one page; the pages of one file, and its length.
//! - `cell`: those under their lock ([`DataCell`]), with the lock of write-back and the turns of writers.
//! - `batch`: what is on its way to the backend.
//! - `budget`, `recency`: how much memory pages take, and whose is taken for others.
//! - `ahead`: how far to read ahead; `stream`: where to, for a reader that goes once through a large file.
//!
//! What holds between sections of a file's lock: dirty bytes of a page are known ones; bytes behind the file's end
//! are zero; a clean page has an entry in the recency queues or is about to get one; and an answer of the backend is
//! entered only if the file's generation is that from before the question.

mod ahead;
mod batch;
mod budget;
mod cell;
mod data;
mod fetched;
mod frame;
mod recency;
mod rooms;
mod span;
mod stream;
#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "sizes in these tests are small")]
mod tests;

pub(crate) use ahead::ReadAhead;
pub(crate) use batch::Batch;
pub(crate) use budget::PageBudget;
pub use budget::PageCeiling;
pub(crate) use cell::DataCell;
pub(crate) use data::{FileData, Lack, STREAM_MIN};
pub(crate) use fetched::Fetched;
pub(crate) use recency::Recency;
pub(crate) use rooms::{Pieces, Rooms};
pub(crate) use stream::{STREAM_BYTES, Stream};
