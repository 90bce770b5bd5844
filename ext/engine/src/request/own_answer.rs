//! The answer to a request that is only previewed: `proxy routes` and tests of a configuration send no request.

use proxy_http::message::{Known, RequestHead};
use serde::Serialize;

use crate::respond::ErrorResponse;

/// An answer that a filter or a handler gives by itself, without a backend.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct OwnAnswer {
    /// Status code.
    pub status: u16,
    /// Value of `Location`, if it is a redirect.
    pub location: Option<String>,
    /// Value of `WWW-Authenticate`, if the request lacks credentials.
    pub challenge: Option<String>,
}

impl OwnAnswer {
    /// An answer with this status.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, location: None, challenge: None }
    }

    /// A redirect to a URL, which is shown with replacement characters if it is not UTF-8.
    pub(crate) fn redirect(status: u16, location: &[u8]) -> Self {
        Self { location: Some(String::from_utf8_lossy(location).into_owned()), ..Self::status(status) }
    }

    /// An error response, in the format that the request accepts.
    pub(crate) fn error(response: &ErrorResponse, request: &RequestHead) -> Self {
        Self::status(response.choose(request.fields.all(Known::Accept)).status)
    }

    /// An error response that asks for credentials.
    pub(crate) fn challenge(response: &ErrorResponse, request: &RequestHead, challenge: &str) -> Self {
        Self { challenge: Some(challenge.to_owned()), ..Self::error(response, request) }
    }
}
