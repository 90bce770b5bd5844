//! The id of a request in logs and in `X-Request-Id`.

use std::fmt;

use proxy_http::{hex, random};

/// A random number of 128 bits, written as 32 hexadecimal digits. It identifies a request. It is not a secret and must
/// not be used as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct RequestId(u128);

impl RequestId {
    /// Hexadecimal digits of the short form.
    pub(crate) const SHORT: usize = 12;

    /// A new random number, which no request had before.
    pub(crate) fn random() -> Self {
        #[cfg(test)]
        if crate::clock::simulated::is_here() {
            // HPACK makes more or less of it: it is to be the same in all runs of a seed.
            return Self(fastrand::u128(..));
        }
        Self(random::number())
    }

    /// Half of the number, for a choice among requests.
    pub(crate) fn number(self) -> u64 {
        self.0 as u64
    }

    /// All 32 digits, without allocating.
    pub(crate) fn full(self) -> [u8; 32] {
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair.copy_from_slice(&hex::pair(byte, hex::LOWER));
        }
        text
    }

    /// The first [`RequestId::SHORT`] digits, enough to find a request in a log.
    pub(crate) fn short(self) -> [u8; Self::SHORT] {
        let mut text = [0; Self::SHORT];
        text.copy_from_slice(&self.full()[..Self::SHORT]);
        text
    }
}

/// Bytes that are shown of an id that is not ours, at most.
const SHOWN: usize = 255;

/// The id of a request in a log. It is the id that is forwarded, so that the logs of the backends can be joined with
/// ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggedId<'a> {
    own: RequestId,
    /// Id from `X-Request-Id`; empty if the id is our own.
    sent: &'a [u8],
}

impl<'a> LoggedId<'a> {
    /// `forwarded` is the value of `X-Request-Id`, if there is one: the client's, ours, or one that the configuration
    /// has set.
    pub(crate) fn of(own: RequestId, forwarded: Option<&'a [u8]>) -> Self {
        let sent = forwarded.filter(|value| *value != own.full()).unwrap_or_default();
        Self { own, sent: &sent[..sent.len().min(SHOWN)] }
    }

    /// The id that `{request_id}` and `{request_id_full}` show in place of our own; empty if they show our own.
    pub(crate) fn sent(self) -> &'a [u8] {
        self.sent
    }

    /// The complete id as the value of a field. An id with other bytes than text is written as in the log, so that it
    /// can be found there.
    pub(crate) fn write_value(self, out: &mut Vec<u8>) {
        match self.sent {
            [] => out.extend_from_slice(&self.own.full()),
            sent if sent.iter().all(u8::is_ascii_graphic) => out.extend_from_slice(sent),
            _ => out.extend_from_slice(self.to_string().as_bytes()),
        }
    }
}

impl From<RequestId> for LoggedId<'_> {
    fn from(own: RequestId) -> Self {
        Self { own, sent: &[] }
    }
}

impl fmt::Display for LoggedId<'_> {
    /// The short form of our own id, or a foreign id in full, with everything escaped that could be read as its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sent.is_empty() {
            return f.write_str(std::str::from_utf8(&self.own.short()).unwrap_or_default());
        }
        for byte in self.sent {
            match byte {
                b' ' => f.write_str("\\x20")?,
                byte => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        Ok(())
    }
}

impl From<u128> for RequestId {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for RequestId {
    /// Writes the full form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.full()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_forms_agree() {
        let id = RequestId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "0123456789abcdef0011223344556677");
        assert_eq!(&id.full(), b"0123456789abcdef0011223344556677");
        assert_eq!(&id.short(), b"0123456789ab");
    }

    #[test]
    fn a_log_shows_the_id_that_was_forwarded() {
        let own = RequestId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        let long = [b'x'; 1_000];
        for (forwarded, shown, value) in [
            (None, "0123456789ab", own.to_string()),
            (Some(&b""[..]), "0123456789ab", own.to_string()),
            (Some(&own.full()[..]), "0123456789ab", own.to_string()),
            (Some(b"from-the-cdn"), "from-the-cdn", "from-the-cdn".into()),
            (Some(b"a b\"\xff"), "a\\x20b\\\"\\xff", "a\\x20b\\\"\\xff".into()),
            (Some(&long), &"x".repeat(255), "x".repeat(255)),
        ] {
            let id = LoggedId::of(own, forwarded);
            let mut written = Vec::new();
            id.write_value(&mut written);
            assert_eq!((id.to_string(), String::from_utf8(written).expect("text")), (shown.to_owned(), value));
        }
    }

    #[test]
    fn threads_draw_different_numbers() {
        let draw = || std::thread::spawn(|| (0..1_000).map(|_| RequestId::random().short()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..4).map(|_| draw()).collect();
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect();
        assert_eq!(ids.len(), 4_000);
    }
}
