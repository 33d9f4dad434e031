//! File data: pages, which of their bytes are known and which are ahead of the backend, and which pages go first.
//!
//! Nothing here does I/O: whoever reads or writes brings what the backend answered, and takes out what it is to be told.
//!
//! - `span`: a range of bytes in a page.
//! - `rooms`: the caller's lists of buffers.
//! - `frame`, `data`: the pages of one file, under one lock ([`DataCell`]), and what is known of its length.
//! - `batch`: what is on its way to the backend.
//! - `budget`, `recency`: how much memory pages take, and whose is taken for others.
//! - `ahead`: how far to read ahead; `stream`: where to, for a reader that goes once through a large file.

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
