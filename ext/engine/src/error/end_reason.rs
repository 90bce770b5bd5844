//! How a request ended, in one word, for logs, figures and traces.

use super::{Cause, ConnectErrorKind, Error, Kind, Side, Waited};

macro_rules! end_reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)*) => {
        /// Reason for which a request did not end as it should. A response of a backend is no such reason, whatever its
        /// status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum EndReason {
            $($(#[doc = $doc])+ $name,)*
        }

        impl EndReason {
            /// All reasons, in the order of their numbers.
            #[cfg(test)]
            pub(crate) const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// The reason as one word.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

end_reasons! {
    /// The client went away before the end of its request or response.
    ClientClosed = "client_closed",
    /// The client was too slow with its head or its body, or took too little of its response.
    ClientTimeout = "client_timeout",
    /// No backend took the request: no connection was accepted, TLS with it failed, or none is there or well.
    BackendRefused = "backend_refused",
    /// The backend did not answer, or not go on, in time.
    BackendTimeout = "backend_timeout",
    /// The backend ended the connection before the end of its response.
    BackendCut = "backend_cut",
    /// The backend's response was not valid, or it does not speak what the request needs.
    BackendError = "backend_error",
    /// Too many requests wait already for a backend, or for the verification of a password.
    QueueFull = "queue_full",
    /// The request has waited for a backend as long as it may.
    QueueTimeout = "queue_timeout",
    /// A limit of the configuration: `rate_limit`, `max_body`, `max_header_size`.
    Limit = "limit",
    /// Credentials, an address, a block or the method is refused.
    Denied = "denied",
    /// The request is not valid, or is ambiguous.
    Malformed = "malformed",
    /// No handler takes the request.
    NoRoute = "no_route",
    /// The server stopped before the end of the request.
    Shutdown = "shutdown",
    /// A fault of the proxy, of its configuration or of a resource of this machine.
    InternalError = "internal_error",
}

impl From<Cause> for EndReason {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Malformed
            | Cause::AmbiguousPath
            | Cause::AmbiguousKey
            | Cause::NoRedirectTarget
            | Cause::PlainHttp
            | Cause::Expectation
            | Cause::Version => Self::Malformed,
            Cause::Unauthorized | Cause::Forbidden | Cause::Method | Cause::Misdirected | Cause::NoTunnel => {
                Self::Denied
            }
            Cause::NoHandler => Self::NoRoute,
            Cause::ClientTimeout => Self::ClientTimeout,
            Cause::BodyTooLong | Cause::TargetTooLong | Cause::HeadTooLarge | Cause::TooManyRequests => Self::Limit,
            Cause::ClientGone => Self::ClientClosed,
            Cause::Internal | Cause::Unruled => Self::InternalError,
            Cause::BadGateway => Self::BackendError,
            Cause::Unavailable => Self::BackendRefused,
            Cause::TooManyPasswords => Self::QueueFull,
            Cause::GatewayTimeout => Self::BackendTimeout,
        }
    }
}

impl From<&Error> for EndReason {
    /// The reason of a request that is not tried again.
    fn from(error: &Error) -> Self {
        match (error.side, &error.kind) {
            (_, Kind::Stopping) => Self::Shutdown,
            (_, Kind::Timeout(Waited::Call)) => Self::BackendTimeout,
            (Side::Client, Kind::BodyTooLarge) => Self::Limit,
            (Side::Client, Kind::Malformed(_) | Kind::TooLarge) => Self::Malformed,
            (Side::Client, Kind::Timeout(_)) => Self::ClientTimeout,
            (Side::Client, _) => Self::ClientClosed,
            (_, Kind::Crowded) => Self::QueueFull,
            (_, Kind::QueueTimeout | Kind::Held) => Self::QueueTimeout,
            (_, Kind::Target | Kind::Disk(_)) | (Side::Us, Kind::Io(_)) => Self::InternalError,
            (_, Kind::Connect(error)) if error.is_ours() => Self::InternalError,
            (_, Kind::Connect(error)) => match error.kind() {
                ConnectErrorKind::Timeout => Self::BackendTimeout,
                ConnectErrorKind::Protocol => Self::BackendError,
                _ => Self::BackendRefused,
            },
            (_, Kind::NoAddress | Kind::Unavailable | Kind::Refused) => Self::BackendRefused,
            (_, Kind::Timeout(_)) => Self::BackendTimeout,
            (_, Kind::Io(_) | Kind::Ended | Kind::Unserved) => Self::BackendCut,
            (_, Kind::NoUpgrade | Kind::Foreign | Kind::Malformed(_) | Kind::TooLarge | Kind::BodyTooLarge) => {
                Self::BackendError
            }
        }
    }
}

#[cfg(test)]
mod tests;
