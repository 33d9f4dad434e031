//! Dirty bytes on their way to the backend.

use super::span::Span;
use crate::sys::PageBox;
use std::io::IoSlice;
use std::sync::Arc;

/// A page's part of a run.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) index: u64,
    pub(super) bytes: Arc<PageBox>,
    pub(super) span: Span,
}

/// Dirty bytes without a gap, as they were at one moment. It keeps them: a page that is written meanwhile gets a copy,
/// which tells afterwards that it is dirty again.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Where the first byte goes.
    pub(crate) offset: u64,
    pub(super) pieces: Vec<Piece>,
}

impl Batch {
    /// Bytes of it.
    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.span.len() as u64).sum()
    }

    /// The page behind its last one.
    pub(crate) fn next_page(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.index.saturating_add(1))
    }

    /// The bytes behind the first `done`, as a list for a write.
    pub(crate) fn rest(&self, done: u64) -> Vec<IoSlice<'_>> {
        let mut skip = usize::try_from(done).unwrap_or(usize::MAX);
        let mut rest = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let bytes = piece.span.of(&piece.bytes);
            let from = skip.min(bytes.len());
            skip -= from;
            if let Some(bytes) = bytes.get(from..).filter(|bytes| !bytes.is_empty()) {
                rest.push(IoSlice::new(bytes));
            }
        }
        rest
    }
}
