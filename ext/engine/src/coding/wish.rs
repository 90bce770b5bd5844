//! What a request says about the coding of its response.

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};

use super::Coding;
use crate::content::accepted::AcceptedCodings;

/// Header with which web applications prove that a request comes from their own page.
const CSRF_TOKEN: &str = "X-Csrf-Token";

/// What a request says about the coding of its response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CodingWish {
    accepted: AcceptedCodings,
    /// Whether the request says who its client is, so that the response may hold a secret.
    pub(crate) is_personal: bool,
    /// Whether the client wants the response as the origin made it: `Cache-Control: no-transform`.
    pub(crate) no_transform: bool,
}

impl CodingWish {
    /// The wish of a request with these fields.
    pub(crate) fn of(fields: &Fields) -> Self {
        Self {
            accepted: AcceptedCodings::of(fields),
            is_personal: fields.has(Known::Cookie) || fields.has(Known::Authorization) || fields.has(CSRF_TOKEN),
            no_transform: forbids_transforms(fields),
        }
    }

    /// The coding that the client likes best, of equal ones the first in `order` (RFC 9110, section 12.5.3). `None`:
    /// the body as it is.
    pub(crate) fn choose(&self, order: &[Coding]) -> Option<Coding> {
        let mut best = None;
        let mut most = 0;
        for coding in order {
            if let Some(weight) = self.accepted.weight(coding.as_str()).filter(|weight| *weight > most) {
                best = Some(*coding);
                most = weight;
            }
        }
        best
    }

    /// All codings that the client likes no less than the body as it is, the best first, of equal ones in our order.
    pub(crate) fn liked(&self) -> impl Iterator<Item = Coding> {
        let mut all = Coding::ALL.map(|(_, coding)| (self.accepted.weight(coding.as_str()), coding));
        all.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        all.into_iter().filter_map(|(weight, coding)| weight.map(|_| coding))
    }
}

/// Whether `Cache-Control` says `no-transform` (RFC 9111, sections 5.2.1.6 and 5.2.2.6).
pub(crate) fn forbids_transforms(fields: &Fields) -> bool {
    let mut members = fields.all(Known::CacheControl).flat_map(list_members);
    members.any(|member| member.eq_ignore_ascii_case(b"no-transform"))
}
