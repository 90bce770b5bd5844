//! Field names that the engine itself looks up, as small numbers.
//!
//! A name is recognised once, when a head is read. Afterwards "is this `Content-Length`?" compares one byte.

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
    XAccelRedirect = "X-Accel-Redirect",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedPort = "X-Forwarded-Port",
    XForwardedProto = "X-Forwarded-Proto",
    XRealIp = "X-Real-IP",
    XRequestId = "X-Request-Id",
    XRequestStart = "X-Request-Start",
    XSendfile = "X-Sendfile",
    XSendfileType = "X-Sendfile-Type",
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

/// Slot of [`TABLE`] in which a name can stand. Letter case does not matter. The factors were searched so that no two
/// known names share a slot; [`table`] does not compile if a new name breaks that.
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    let first = (name[0] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    let middle = (name[len / 2] | 0x20) as usize;
    let fourth = (name[len.saturating_sub(4)] | 0x20) as usize;
    (len * 131 + first * 28 + last * 200 + middle * 42 + fourth) & (SLOTS - 1)
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
    assert!(ALL.len() < 64, "Fields keeps the present names in 64 bits, one of which is for others");
    table
}

static TABLE: [u8; SLOTS] = table();

/// Longest known name that fits.
const LONGEST: usize = 32;

/// The known names in lower case, for [`spells`].
static SPELLINGS: [[u8; LONGEST]; ALL.len()] = spellings();

const fn spellings() -> [[u8; LONGEST]; ALL.len()] {
    let mut all = [[0; LONGEST]; ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        let text = ALL[i].1.as_bytes();
        let mut at = 0;
        while at < text.len() {
            all[i][at] = text[at].to_ascii_lowercase();
            at += 1;
        }
        i += 1;
    }
    all
}

/// Whether `name` spells the known name of equal length, in any letter case. It compares eight bytes at a time, since
/// it runs for every field of every head. Setting bit 5 makes letters lower case and leaves `-` and digits unchanged;
/// it could confuse them only with control characters, which no field name holds.
fn spells(name: &[u8], spelling: &[u8; LONGEST]) -> bool {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let word = |bytes: &[u8], at: usize| -> Option<u64> {
        bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    };
    let Some(last) = name.len().checked_sub(8) else {
        return name.iter().zip(spelling).all(|(a, b)| a | 0x20 == *b);
    };
    let same = |at: usize| word(name, at).map(|word| word | LOWER) == word(spelling, at);
    let mut at = 0;
    while at < last {
        if !same(at) {
            return false;
        }
        at += 8;
    }
    same(last)
}

impl Known {
    /// The known name that `name` spells, in any letter case.
    #[inline]
    pub fn of(name: &[u8]) -> Option<Known> {
        if name.is_empty() {
            return None;
        }
        let index = TABLE[slot(name)];
        let spelling = SPELLINGS.get(usize::from(index))?;
        let (known, text) = ALL.get(usize::from(index))?;
        (text.len() == name.len() && spells(name, spelling)).then_some(*known)
    }

    /// The known name that a CGI backend takes `name` for: such backends treat `_`, `.` and `-` alike.
    pub fn of_cgi(name: &[u8]) -> Option<Known> {
        if memchr::memchr2(b'_', b'.', name).is_none() {
            return Known::of(name);
        }
        let dashed: Vec<u8> = name.iter().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { *b }).collect();
        Known::of(&dashed)
    }

    /// The name in its usual letter case, such as `Content-Length`.
    pub fn as_str(self) -> &'static str {
        ALL[self as usize].1
    }

    /// This name's bit in a set of names.
    pub const fn bit(self) -> u64 {
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
