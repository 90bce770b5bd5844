//! An HTTP client for the background: authorities of certificates, and whom else the proxy must ask.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

/// How a client asks.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    /// A PEM file with the authorities that sign the server's certificate. `None`: those that the system trusts.
    pub(crate) ca_file: Option<String>,
    /// Time for a whole exchange.
    pub(crate) timeout: Duration,
    /// Largest body of a response, in bytes.
    pub(crate) max_body: usize,
}

/// An HTTP client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient;

/// Why there is no response: what was asked, and what went wrong, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientError(pub(crate) String);

impl HttpClient {
    /// The error says what is wrong with the settings.
    pub(crate) fn new(_settings: ClientSettings) -> Result<Self, String> {
        todo!("order")
    }

    /// Sends a request and reads the whole response. Redirects are not followed.
    pub(crate) async fn send(&self, _request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        todo!("order")
    }
}
