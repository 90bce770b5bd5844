//! What a cache did for a request: `Cache-Status` (RFC 9211), and one word for logs and figures.

use proxy_http::decimal;

/// What was done, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum CacheResult {
    /// A stored response was sent.
    Hit,
    /// A stale stored response was sent.
    Stale,
    /// A stored response was sent after the backend has agreed.
    Revalidated,
    /// Nothing suitable was stored.
    Miss,
    /// The stored response was outdated: the backend sent another one.
    Expired,
    /// The answer to another request was shared: it was on its way when this one came.
    Collapsed,
    /// The cache was not asked.
    Bypass,
}

impl CacheResult {
    /// All results.
    pub(crate) const ALL: [Self; 7] =
        [Self::Hit, Self::Stale, Self::Revalidated, Self::Miss, Self::Expired, Self::Collapsed, Self::Bypass];

    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Expired => "expired",
            Self::Collapsed => "collapsed",
            Self::Bypass => "bypass",
        }
    }
}

/// Why a request went to a backend (RFC 9211, section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    Request,
    Stale,
}

impl Forwarded {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// The value of `Cache-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CacheStatus {
    /// Why the request went to a backend. `None`: it did not.
    pub(crate) forwarded: Option<Forwarded>,
    /// Whether nothing suitable is stored for a request that may not go to a backend (`only-if-cached`).
    pub(crate) refused: bool,
    /// The backend's status, if the client gets another one.
    pub(crate) forwarded_status: Option<u16>,
    /// Seconds for which the response is fresh; below 0: since when it is not.
    pub(crate) ttl: Option<i64>,
    pub(crate) stored: bool,
    /// Whether another request's answer is shared.
    pub(crate) collapsed: bool,
}

impl CacheStatus {
    /// Writes the value.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"proxy");
        match self.forwarded {
            None if self.refused => out.extend_from_slice(b"; detail=only-if-cached"),
            None => out.extend_from_slice(b"; hit"),
            Some(why) => {
                out.extend_from_slice(b"; fwd=");
                out.extend_from_slice(why.as_str().as_bytes());
            }
        }
        if let Some(status) = self.forwarded_status {
            out.extend_from_slice(b"; fwd-status=");
            decimal::push(out, status.into());
        }
        if let Some(ttl) = self.ttl {
            out.extend_from_slice(if ttl < 0 { b"; ttl=-" } else { b"; ttl=" });
            decimal::push(out, ttl.unsigned_abs());
        }
        if self.stored {
            out.extend_from_slice(b"; stored");
        }
        if self.collapsed {
            out.extend_from_slice(b"; collapsed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_form_of_the_rfc() {
        let text = |status: CacheStatus| {
            let mut out = Vec::new();
            status.write(&mut out);
            String::from_utf8(out).expect("text")
        };
        let hit = CacheStatus { ttl: Some(376), ..CacheStatus::default() };
        assert_eq!(text(hit), "proxy; hit; ttl=376");
        assert_eq!(text(CacheStatus { ttl: Some(-5), ..hit }), "proxy; hit; ttl=-5");
        let miss = CacheStatus { forwarded: Some(Forwarded::UriMiss), stored: true, ..CacheStatus::default() };
        assert_eq!(text(miss), "proxy; fwd=uri-miss; stored");
        assert_eq!(text(CacheStatus { collapsed: true, stored: false, ..miss }), "proxy; fwd=uri-miss; collapsed");
        assert_eq!(text(CacheStatus { refused: true, ..CacheStatus::default() }), "proxy; detail=only-if-cached");
        let validated = CacheStatus { forwarded: Some(Forwarded::Stale), forwarded_status: Some(304), ..hit };
        assert_eq!(text(validated), "proxy; fwd=stale; fwd-status=304; ttl=376");
    }
}
