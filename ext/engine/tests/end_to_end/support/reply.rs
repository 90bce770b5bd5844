//! Responses as backends write them.

use std::fmt::{self, Display, Formatter};

/// A response of HTTP/1.1 whose body has a length.
#[derive(Debug, Clone)]
pub(crate) struct Reply(String);

impl Reply {
    pub(crate) fn ok(body: impl AsRef<str>) -> Self {
        Self::of("200 OK", body)
    }

    /// With a status and its reason: `503 No`.
    pub(crate) fn of(status: &str, body: impl AsRef<str>) -> Self {
        let body = body.as_ref();
        Self(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// With one more field: `Connection: close`.
    pub(crate) fn with(mut self, field: &str) -> Self {
        let end = self.0.find("\r\n\r\n").expect("a head") + 2;
        self.0.insert_str(end, &format!("{field}\r\n"));
        self
    }
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<Reply> for String {
    fn from(reply: Reply) -> Self {
        reply.0
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
