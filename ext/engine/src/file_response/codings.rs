//! Forms of a file that were compressed before: which of them a client takes (RFC 9110, section 12.5.3).

use crate::coding::{Coding, CodingWish};

/// A content coding whose files stand beside their originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCoding(Coding);

impl FileCoding {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.0.as_str()
    }

    /// End of the names of its files.
    pub(crate) fn ending(self) -> &'static str {
        match self.0 {
            Coding::Zstd => ".zst",
            Coding::Br => ".br",
            Coding::Gzip => ".gz",
        }
    }
}

/// The codings that a client takes, the best first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Codings(CodingWish);

impl Codings {
    /// The codings that a client with this wish likes no less than the original.
    pub(crate) fn of(wish: CodingWish) -> Self {
        Self(wish)
    }

    /// The codings, the best first; of those that the client likes equally, the first in our order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FileCoding> {
        self.0.liked().map(FileCoding)
    }
}
