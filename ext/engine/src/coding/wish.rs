//! What a request says about the coding of its response.

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};

use super::Coding;

/// The weight of a coding in thousandths. 0: the client does not take it.
type Weight = u16;

/// The weight without a `q`.
const FULL: Weight = 1_000;

/// Header with which web applications prove that a request comes from their own page.
const CSRF_TOKEN: &str = "X-Csrf-Token";

/// What a request says about the coding of its response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CodingWish {
    zstd: Weight,
    br: Weight,
    gzip: Weight,
    /// A coding must have at least this weight: that of `identity`, if the client gives it one.
    least: Weight,
    /// Whether the request says who its client is, so that the response may hold a secret.
    pub(crate) is_personal: bool,
    /// Whether the client wants the response as the origin made it: `Cache-Control: no-transform`.
    pub(crate) no_transform: bool,
}

impl CodingWish {
    /// The wish of a request with these fields.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut wish = Self {
            is_personal: fields.has(Known::Cookie) || fields.has(Known::Authorization) || fields.has(CSRF_TOKEN),
            no_transform: forbids_transforms(fields),
            ..Self::default()
        };
        let (mut named, mut any) = ([None; Coding::ALL.len()], None);
        for member in fields.all(Known::AcceptEncoding).flat_map(list_members) {
            let (name, weight) = weighted(member);
            if name == b"*" {
                any = Some(weight);
            } else if name.eq_ignore_ascii_case(b"identity") {
                wish.least = weight;
            } else if let Some(coding) = Coding::of(name) {
                named[coding as usize] = Some(weight);
            }
        }
        let [zstd, br, gzip] = named.map(|weight| weight.or(any).unwrap_or(0));
        Self { zstd, br, gzip, ..wish }
    }

    /// The coding that the client likes best, of equal ones the first in `order` (RFC 9110, section 12.5.3). `None`:
    /// the body as it is.
    pub(crate) fn choose(&self, order: &[Coding]) -> Option<Coding> {
        let mut best = None;
        let mut least = self.least.max(1);
        for coding in order {
            let weight = self.weight(*coding);
            if weight >= least {
                best = Some(*coding);
                least = weight + 1;
            }
        }
        best
    }

    /// All codings that the client likes no less than the body as it is, the best first, of equal ones in our order.
    pub(crate) fn liked(&self) -> impl Iterator<Item = Coding> {
        let mut all = Coding::ALL.map(|(_, coding)| (self.weight(coding), coding));
        all.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let least = self.least.max(1);
        all.into_iter().filter(move |(weight, _)| *weight >= least).map(|(_, coding)| coding)
    }

    fn weight(&self, coding: Coding) -> Weight {
        match coding {
            Coding::Zstd => self.zstd,
            Coding::Br => self.br,
            Coding::Gzip => self.gzip,
        }
    }
}

/// Whether `Cache-Control` says `no-transform` (RFC 9111, sections 5.2.1.6 and 5.2.2.6).
pub(crate) fn forbids_transforms(fields: &Fields) -> bool {
    let mut members = fields.all(Known::CacheControl).flat_map(list_members);
    members.any(|member| member.eq_ignore_ascii_case(b"no-transform"))
}

/// The name and the weight of a member of `Accept-Encoding`. A weight that is none counts as 0.
fn weighted(member: &[u8]) -> (&[u8], Weight) {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
    (name, weight.map_or(FULL, |weight| thousandths(weight).unwrap_or(0)))
}

/// A weight (RFC 9110, section 12.4.2) in thousandths.
fn thousandths(text: &[u8]) -> Option<Weight> {
    let (whole, part) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', part @ ..] if part.len() <= 3 => (whole, part),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => FULL,
        _ => return None,
    };
    let mut unit = 100;
    for digit in part {
        weight += unit * Weight::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        unit /= 10;
    }
    (weight <= FULL).then_some(weight)
}
