//! The table of failures and the statuses that they are answered with.
//!
//! Everything that the proxy refuses or cannot do has a [`Cause`], and each cause has a status. Responses of a
//! `static_response` or a backend have no cause. Nor has a response that the configuration puts in the place of a
//! built-in one (`error_response`).

use proxy_http::message::Malformed;

use super::{Error, Kind, Side, Waited};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident: $status:literal,)*) => {
        /// Reason why the proxy itself answers a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Cause {
            $($(#[$doc])* $name,)*
        }

        impl Cause {
            /// Status that the client gets. A gRPC call gets its equivalent among the codes of gRPC.
            pub(crate) const fn status(self) -> u16 {
                match self {
                    $(Cause::$name => $status,)*
                }
            }

            #[cfg(test)]
            const ALL: &'static [(Cause, u16)] = &[$((Cause::$name, $status)),*];
        }
    };
}

causes! {
    /// The message is not well formed, or is ambiguous.
    Malformed: 400,
    /// The path is ambiguous: it leads to different places, depending on how `%2F` in it is read.
    AmbiguousPath: 400,
    /// The request has several values for the key of a `rate_limit` or an `authorize`.
    AmbiguousKey: 400,
    /// The values of the request do not make a valid URL to redirect to.
    NoRedirectTarget: 400,
    /// Plain HTTP arrived at a TLS port.
    PlainHttp: 400,
    /// The request shows no credentials, or wrong ones.
    Unauthorized: 401,
    /// The client's address is refused.
    Forbidden: 403,
    /// No handler takes the request.
    NoHandler: 404,
    /// The method cannot be served here: a CONNECT, or a TRACE that may go no further.
    Method: 405,
    /// The client was too slow with its head or its body.
    ClientTimeout: 408,
    /// The body is longer than `max_body`.
    BodyTooLong: 413,
    /// The request target is longer than `max_header_size`.
    TargetTooLong: 414,
    /// An expectation other than `100-continue` (RFC 9110, section 10.1.1).
    Expectation: 417,
    /// The connection is not valid for this host (RFC 9110, section 15.5.20).
    Misdirected: 421,
    /// More requests than a `rate_limit` allows.
    TooManyRequests: 429,
    /// The head is longer than `max_header_size`, or has too many fields.
    HeadTooLarge: 431,
    /// The client went away before its response. Nothing is sent: this status is for logs and figures.
    ClientGone: 499,
    /// An internal error of the proxy.
    Internal: 500,
    /// A response other than a tunnel would look like success to a request for a tunnel.
    NoTunnel: 501,
    /// The backend failed, or its response was not HTTP.
    BadGateway: 502,
    /// No backend could be asked: all are down or busy, or a resource of the proxy itself has run out.
    Unavailable: 503,
    /// The block of an `authorize` has not ruled on the request.
    Unruled: 503,
    /// The queue of passwords to verify is full.
    TooManyPasswords: 503,
    /// The backend did not accept a connection or respond in time.
    GatewayTimeout: 504,
    /// A version of HTTP that the proxy does not speak.
    Version: 505,
}

impl From<Malformed> for Cause {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::TooManyFields => Cause::HeadTooLarge,
            Malformed::Version => Cause::Version,
            _ => Cause::Malformed,
        }
    }
}

impl From<&Error> for Cause {
    /// The cause for a failed request that is not retried any more.
    fn from(error: &Error) -> Self {
        match (error.side, &error.kind) {
            (Side::Client, Kind::BodyTooLarge) => Cause::BodyTooLong,
            (Side::Client, Kind::Malformed(_) | Kind::TooLarge) => Cause::Malformed,
            (_, Kind::Timeout(Waited::Call)) => Cause::GatewayTimeout,
            (Side::Client, Kind::Timeout(_)) => Cause::ClientTimeout,
            (Side::Client, _) => Cause::ClientGone,
            _ if error.is_timeout() => Cause::GatewayTimeout,
            _ if error.is_unavailable() => Cause::Unavailable,
            _ => Cause::BadGateway,
        }
    }
}

#[cfg(test)]
mod tests;
