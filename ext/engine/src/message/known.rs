//! Field names that the engine itself asks for, each a small number.
//!
//! A name is recognised once, when a head is read; from then on "is this `Content-Length`?" compares a byte.

macro_rules! known {
    ($($variant:ident = $text:literal,)*) => {
        /// A field name that the engine knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Known { $($variant),* }

        const ALL: &[(Known, &str)] = &[$((Known::$variant, $text)),*];
    };
}

known! {
    Accept = "Accept",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AcceptRanges = "Accept-Ranges",
    Age = "Age",
    Authorization = "Authorization",
    CacheControl = "Cache-Control",
    Connection = "Connection",
    ContentEncoding = "Content-Encoding",
    ContentLength = "Content-Length",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Date = "Date",
    Etag = "ETag",
    Expect = "Expect",
    Forwarded = "Forwarded",
    GrpcMessage = "grpc-message",
    GrpcStatus = "grpc-status",
    GrpcTimeout = "grpc-timeout",
    Host = "Host",
    Http2Settings = "HTTP2-Settings",
    IfModifiedSince = "If-Modified-Since",
    IfNoneMatch = "If-None-Match",
    KeepAlive = "Keep-Alive",
    LastModified = "Last-Modified",
    Location = "Location",
    Origin = "Origin",
    Pragma = "Pragma",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyConnection = "Proxy-Connection",
    Range = "Range",
    Referer = "Referer",
    RetryAfter = "Retry-After",
    Server = "Server",
    SetCookie = "Set-Cookie",
    Te = "TE",
    Trailer = "Trailer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UpgradeInsecureRequests = "Upgrade-Insecure-Requests",
    UserAgent = "User-Agent",
    Vary = "Vary",
    Via = "Via",
    WwwAuthenticate = "WWW-Authenticate",
    XAccelBuffering = "X-Accel-Buffering",
    XAccelMapping = "X-Accel-Mapping",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedPort = "X-Forwarded-Port",
    XForwardedProto = "X-Forwarded-Proto",
    XRealIp = "X-Real-IP",
    XRequestId = "X-Request-Id",
    XRequestStart = "X-Request-Start",
    XSendfileType = "X-Sendfile-Type",
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

/// Which slot of [`TABLE`] a name can stand in. Letter case does not matter. The factors were searched for so that no
/// two known names share a slot; [`table`] refuses to compile if a new name breaks that.
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    let first = (name[0] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    let middle = (name[len / 2] | 0x20) as usize;
    let fourth = (name[len.saturating_sub(4)] | 0x20) as usize;
    (len * 9 + first * 123 + last * 63 + middle * 191 + fourth) & (SLOTS - 1)
}

const fn table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut i = 0;
    while i < ALL.len() {
        let slot = slot(ALL[i].1.as_bytes());
        assert!(table[slot] == EMPTY, "two known field names share a slot: search for other factors");
        table[slot] = i as u8;
        i += 1;
    }
    assert!(ALL.len() <= 64, "Fields keeps the present names in 64 bits");
    table
}

static TABLE: [u8; SLOTS] = table();

impl Known {
    /// The known name that `name` spells, in whatever letter case.
    #[inline]
    pub fn of(name: &[u8]) -> Option<Known> {
        if name.is_empty() {
            return None;
        }
        let index = TABLE[slot(name)];
        let (known, text) = ALL.get(usize::from(index))?;
        text.as_bytes().eq_ignore_ascii_case(name).then_some(*known)
    }

    /// The name in its usual letter case.
    pub fn as_str(self) -> &'static str {
        ALL[self as usize].1
    }

    /// This name's bit in a set of names.
    pub(crate) fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_letter_case() {
        for (known, text) in ALL {
            assert_eq!(Known::of(text.as_bytes()), Some(*known));
            assert_eq!(Known::of(text.to_lowercase().as_bytes()), Some(*known));
            assert_eq!(Known::of(text.to_uppercase().as_bytes()), Some(*known));
            assert_eq!(known.as_str(), *text);
        }
    }

    #[test]
    fn other_names_are_not_known() {
        for name in ["", "x", "hos", "hostt", "content_length", "content-lengti"] {
            assert_eq!(Known::of(name.as_bytes()), None, "{name}");
        }
    }
}
