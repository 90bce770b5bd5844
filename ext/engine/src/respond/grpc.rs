//! Errors in gRPC's terms: the HTTP status is always 200, and the error is in `grpc-status` and `grpc-message`, without
//! a body ("trailers-only").

use std::sync::LazyLock;

use percent_encoding::{utf8_percent_encode, AsciiSet, CONTROLS};
use proxy_http::message::reason;

use super::built_in;
use crate::grpc::GrpcOutcome;

/// ASCII characters that are escaped in `grpc-message`. All other characters beyond ASCII are escaped too.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Reason why the proxy itself answers a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrpcRefusal {
    /// A failure. The number is the HTTP status that any other request would get.
    Status(u16),
    /// The call's own `grpc-timeout` has run out.
    Deadline,
}

impl GrpcRefusal {
    /// The gRPC status code, by the published mapping from HTTP.
    fn code(self) -> u8 {
        match self {
            Self::Status(400 | 431) => 13,
            Self::Status(401) => 16,
            Self::Status(403) => 7,
            Self::Status(404) => 12,
            Self::Status(429 | 502 | 503 | 504) => 14,
            Self::Status(_) => 2,
            Self::Deadline => 4,
        }
    }

    /// Outcome of the call, for logs and figures.
    pub(crate) fn told(self) -> GrpcOutcome {
        let reason = match self {
            Self::Status(status) => status,
            Self::Deadline => 504,
        };
        GrpcOutcome { reason, code: Some(self.code().into()) }
    }

    fn message(self) -> String {
        match self {
            Self::Status(status) => format!("{status} {}: {}", reason(status), built_in::message(status)),
            Self::Deadline => "The grpc-timeout of the call ran out before there was an answer.".into(),
        }
    }

    /// The lines `grpc-status` and `grpc-message`, each with its line break.
    fn lines(self) -> String {
        let message = self.message();
        format!("grpc-status: {}\r\ngrpc-message: {}\r\n", self.code(), utf8_percent_encode(&message, ESCAPED))
    }

    /// Writes the lines `grpc-status` and `grpc-message`. For the statuses that the engine itself answers with, they
    /// are prepared at load.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match RENDERED.iter().find(|(refusal, _)| *refusal == self) {
            Some((_, lines)) => out.extend_from_slice(lines.as_bytes()),
            None => out.extend_from_slice(self.lines().as_bytes()),
        }
    }
}

static RENDERED: LazyLock<Vec<(GrpcRefusal, String)>> = LazyLock::new(|| {
    let statuses = built_in::statuses().map(GrpcRefusal::Status);
    statuses.chain([GrpcRefusal::Deadline]).map(|refusal| (refusal, refusal.lines())).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_codes_by_the_published_mapping() {
        let codes = [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (405, 2),
            (408, 2),
            (413, 2),
            (429, 14),
            (431, 13),
            (500, 2),
            (502, 14),
            (503, 14),
            (504, 14),
            (200, 2),
        ];
        for (status, code) in codes {
            assert_eq!(GrpcRefusal::Status(status).code(), code, "{status}");
        }
        assert_eq!(GrpcRefusal::Deadline.code(), 4);
    }

    #[test]
    fn the_message_says_what_any_other_client_would_be_told() {
        let mut lines = Vec::new();
        GrpcRefusal::Status(404).write(&mut lines);
        let text = "grpc-status: 12\r\ngrpc-message: 404 Not Found: There is nothing at this address.\r\n";
        assert_eq!(String::from_utf8_lossy(&lines), text);
    }

    #[test]
    fn statuses_that_are_not_built_in_have_a_message_too() {
        let mut lines = Vec::new();
        GrpcRefusal::Status(418).write(&mut lines);
        let text = String::from_utf8_lossy(&lines).into_owned();
        assert!(text.starts_with("grpc-status: 2\r\ngrpc-message: 418 "), "{text}");
        assert!(text.ends_with("The request could not be served.\r\n"), "{text}");
    }

    #[test]
    fn messages_are_percent_encoded() {
        let encoded = utf8_percent_encode("50 % of a~\n\u{e4}\"", ESCAPED).to_string();
        assert_eq!(encoded, "50 %25 of a~%0A%C3%A4\"");
    }
}
