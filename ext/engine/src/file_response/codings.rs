//! Forms of a file that were compressed before: which of them a client takes (RFC 9110, section 12.5.3).

use proxy_http::message::{Fields, Known};

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
        let mut wishes: [Option<u16>; ALL.len()] = [None; ALL.len()];
        let (mut others, mut original) = (None, None);
        for element in fields.all(Known::AcceptEncoding).flat_map(|line| line.split(|byte| *byte == b',')) {
            let Some((name, quality)) = parse(element) else { continue };
            if name == b"*" {
                others = Some(quality);
            } else if name.eq_ignore_ascii_case(b"identity") {
                original = Some(quality);
            }
            for (coding, wish) in ALL.iter().zip(&mut wishes) {
                let old = coding.name == "gzip" && name.eq_ignore_ascii_case(b"x-gzip");
                if old || name.eq_ignore_ascii_case(coding.name.as_bytes()) {
                    *wish = Some(quality);
                }
            }
        }
        // What is not named is taken, but a coding that is named is liked better, unless the client says otherwise.
        let original = original.unwrap_or(0);
        let mut liked: Vec<(u16, FileCoding)> = ALL
            .iter()
            .zip(wishes)
            .filter_map(|(coding, wish)| Some((wish.or(others)?, *coding)))
            .filter(|(quality, _)| *quality > 0 && *quality >= original)
            .collect();
        liked.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
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

/// Name and quality, in thousandths, of an element of the list.
fn parse(element: &[u8]) -> Option<(&[u8], u16)> {
    let mut pieces = element.split(|byte| *byte == b';');
    let name = pieces.next()?.trim_ascii();
    let mut quality = 1000;
    for piece in pieces {
        let piece = piece.trim_ascii();
        if let Some(value) = piece.strip_prefix(b"q=").or_else(|| piece.strip_prefix(b"Q=")) {
            let value: f32 = std::str::from_utf8(value).ok()?.parse().ok()?;
            quality = ((0.0..=1.0).contains(&value)).then_some((value * 1000.0) as u16)?;
        }
    }
    (!name.is_empty()).then_some((name, quality))
}
