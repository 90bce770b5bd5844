//! Forms of a file that were compressed before: which of them a client takes (RFC 9110, section 12.5.3).

use crate::coding::{Coding, CodingWish};

/// A content coding whose files stand beside their originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCoding {
    /// Its name.
    pub(crate) name: &'static str,
    /// End of the names of its files.
    pub(crate) ending: &'static str,
}

impl From<Coding> for FileCoding {
    fn from(coding: Coding) -> Self {
        let ending = match coding {
            Coding::Zstd => ".zst",
            Coding::Br => ".br",
            Coding::Gzip => ".gz",
        };
        Self { name: coding.as_str(), ending }
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
        self.0.liked().map(FileCoding::from)
    }
}
