//! The field `Accept-Encoding` (RFC 9110, section 12.5.3).

use proxy_http::headers::framing::list_members;
use proxy_http::headers::quality::quality;
use proxy_http::message::{Fields, Known};

/// A weight in thousandths. 0: the client does not take it.
pub(crate) type Weight = u16;

/// The weight without a `q`.
const FULL: Weight = 1_000;

/// Content codings that are in use.
const USED: [&str; 4] = ["zstd", "br", "gzip", "deflate"];

/// What a request says of the codings in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AcceptedCodings {
    weights: [Weight; USED.len()],
    /// A coding must have at least this weight: that of `identity`, if the client gives it one.
    least: Weight,
}

impl AcceptedCodings {
    /// Reads the fields of a request.
    pub(crate) fn of(fields: &Fields) -> Self {
        let (mut named, mut any, mut least) = ([None; USED.len()], None, 0);
        for member in fields.all(Known::AcceptEncoding).flat_map(list_members) {
            let (name, weight) = weighted(member);
            if name == b"*" {
                any = Some(weight);
            } else if name.eq_ignore_ascii_case(b"identity") {
                least = weight;
            } else if let Some(place) = place(name) {
                named[place] = Some(weight);
            }
        }
        // What is not named is taken, but a coding that is named is liked better than no coding, unless the client says
        // otherwise.
        Self { weights: named.map(|weight| weight.or(any).unwrap_or(0)), least }
    }

    /// The weight of a coding that the client likes no less than no coding. `None`: it gets the body without it.
    pub(crate) fn weight(&self, name: &str) -> Option<Weight> {
        let weight = self.weights[place(name.as_bytes())?];
        (weight >= self.least.max(1)).then_some(weight)
    }

    /// The codings that the client takes at all.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        USED.into_iter().zip(self.weights).filter(|(_, weight)| *weight > 0).map(|(name, _)| name)
    }
}

/// Whether all codings of a response with these fields are among those in use.
pub(crate) fn are_used(response: &Fields) -> bool {
    let mut codings = response.all(Known::ContentEncoding).flat_map(list_members);
    codings.all(|name| name.eq_ignore_ascii_case(b"identity") || place(name).is_some())
}

/// The place of a coding, in any letter case. `x-gzip` is gzip (RFC 9110, section 8.4.1.3).
fn place(name: &[u8]) -> Option<usize> {
    let name = if name.eq_ignore_ascii_case(b"x-gzip") { b"gzip" } else { name };
    USED.iter().position(|used| used.as_bytes().eq_ignore_ascii_case(name))
}

/// The name and the weight of a member. A weight that is none counts as 0, also one with white space around its `=`.
fn weighted(member: &[u8]) -> (&[u8], Weight) {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| {
        let (name, weight) = part.split_at(memchr::memchr(b'=', part).unwrap_or(part.len()));
        name.trim_ascii_end().eq_ignore_ascii_case(b"q").then(|| weight.get(1..).unwrap_or_default())
    });
    (name, weight.map_or(FULL, |weight| quality(weight).unwrap_or(0)))
}
