//! The one table of what is answered to which failure.
//!
//! Everything that the proxy refuses or cannot do has a [`Cause`], and a cause has a status. A response of a
//! `static_response` or a backend is none of these; nor is a response that the configuration puts in the place of one
//! (`error_response`).

use proxy_http::message::Malformed;

use super::{Error, Kind, Side, Waited};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident: $status:literal,)*) => {
        /// Why a request is answered by the proxy itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Cause {
            $($(#[$doc])* $name,)*
        }

        impl Cause {
            /// The status that the client gets, or that its gRPC call is told in the terms of gRPC.
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
    /// The message is not well formed, or may be read in two ways.
    Malformed: 400,
    /// The path leads to different places, depending on how `%2F` in it is read.
    AmbiguousPath: 400,
    /// There are several values for the key of a `rate_limit`.
    AmbiguousKey: 400,
    /// The values of the request make no URL to redirect to.
    NoRedirectTarget: 400,
    /// Plain HTTP came to where TLS is spoken.
    PlainHttp: 400,
    /// The request shows no credentials, or wrong ones.
    Unauthorized: 401,
    /// The client's address is refused.
    Forbidden: 403,
    /// No handler answers.
    NoHandler: 404,
    /// The method leads nowhere from here.
    Method: 405,
    /// The client was too slow with its head or its body.
    ClientTimeout: 408,
    /// The body is longer than `max_body`.
    BodyTooLong: 413,
    /// The request target is longer than `max_header_size`.
    TargetTooLong: 414,
    /// An expectation other than `100-continue` (RFC 9110, section 10.1.1).
    Expectation: 417,
    /// The connection is not one for this host (RFC 9110, section 15.5.20).
    Misdirected: 421,
    /// More requests than a `rate_limit` allows.
    TooManyRequests: 429,
    /// The head is longer than `max_header_size`, or has too many fields.
    HeadTooLarge: 431,
    /// The client went away before its answer. Nothing is sent: this is for logs and figures.
    ClientGone: 499,
    /// A mistake of the proxy's own.
    Internal: 500,
    /// Something other than a tunnel would have been a success to a request for one.
    NoTunnel: 501,
    /// The backend failed, or answered what is no HTTP.
    BadGateway: 502,
    /// No backend could be asked: all are down or busy, or something of the proxy's own has run out.
    Unavailable: 503,
    /// As many passwords as can be verified wait to be.
    TooManyPasswords: 503,
    /// The backend did not accept a connection or answer in time.
    GatewayTimeout: 504,
    /// A version of HTTP that is not spoken here.
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
    /// What the failure of a request comes to, once it is not tried again.
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
