//! Forms of a file that were compressed before: which of them a client takes (RFC 9110, section 12.5.3).

use proxy_http::message::Fields;

use crate::content::accepted::AcceptedCodings;

/// A content coding whose files stand beside their originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCoding {
    /// Its name.
    pub(crate) name: &'static str,
    /// End of the names of its files.
    pub(crate) ending: &'static str,
}

/// All codings. If a client likes several equally, the first is taken.
const ALL: [FileCoding; 3] = [
    FileCoding { name: "zstd", ending: ".zst" },
    FileCoding { name: "br", ending: ".br" },
    FileCoding { name: "gzip", ending: ".gz" },
];

/// The codings that a client takes, the best first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Codings([Option<FileCoding>; ALL.len()]);

impl Codings {
    /// The codings that the `Accept-Encoding` of a request names and that it likes no less than the original.
    pub(crate) fn of(fields: &Fields) -> Self {
        let accepted = AcceptedCodings::of(fields);
        let mut liked: Vec<_> =
            ALL.into_iter().filter_map(|coding| Some((accepted.weight(coding.name)?, coding))).collect();
        liked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut codings = Self::default();
        for (place, (_, coding)) in codings.0.iter_mut().zip(liked) {
            *place = Some(coding);
        }
        codings
    }

    /// The codings, the best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = FileCoding> + '_ {
        self.0.iter().flatten().copied()
    }
}
