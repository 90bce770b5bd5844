//! Content codings of response bodies: zstd (RFC 8878), br (RFC 7932) and gzip (RFC 1952).

mod br;
mod encoder;
mod gzip;
mod wish;
mod zstandard;

pub(crate) use encoder::{Encoder, EncoderOptions};
pub(crate) use wish::{forbids_transforms, CodingWish};

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Br,
    Gzip,
}

impl Coding {
    /// All codings by their names, in the order in which they are preferred.
    pub(crate) const ALL: [(&'static str, Self); 3] = [("zstd", Self::Zstd), ("br", Self::Br), ("gzip", Self::Gzip)];

    /// The coding as `Content-Encoding` names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }
}

#[cfg(test)]
mod tests;
