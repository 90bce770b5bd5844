//! Acquiring a connection for one request: an HTTP/1.1 connection or a stream of an HTTP/2 one.

use proxy_http::http2;
use proxy_http::http2::Lease;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::backend::{Attempt, Backend};
use super::connect::connect;
use super::http2::{Acquired, ConnectRequest};
use super::{BackendProtocol, Pool};
use crate::channel::Channel;
use crate::error::ConnectError;
use crate::error::Error;
use crate::stream::Http1Connection;
use crate::stream::Stream;

impl Pool {
    /// An idle connection, or a stream on a connection with room for one more. `name` is the TLS server name, if it is
    /// not the backend's own, `introduction` the PROXY header that the connection has to have begun with. `upgrade`:
    /// the request asks for another protocol. HTTP/1.1 is then chosen where there is a choice, for few backends know
    /// how to upgrade in HTTP/2. `attempt` has just begun.
    #[inline]
    pub(crate) fn reuse(
        &self,
        attempt: &Attempt,
        name: Option<&ServerName<'static>>,
        introduction: &[u8],
        upgrade: bool,
    ) -> Option<Channel> {
        let backend: &Backend = attempt;
        let checkout = || self.checkout(backend, name, introduction, attempt.begun_at()).map(of_connection);
        match backend.protocol() {
            BackendProtocol::Http1 => checkout(),
            // The settings of the backend say whether it takes an upgrade.
            BackendProtocol::Http2 => {
                self.http2.lease(backend, name).filter(|lease| !upgrade || lease.is_settled()).map(of_lease)
            }
            BackendProtocol::Auto if upgrade => checkout(),
            BackendProtocol::Auto => match self.http2.lease(backend, name) {
                Some(lease) => Some(of_lease(lease)),
                None => checkout(),
            },
        }
    }

    /// A new connection, or a stream on one, and whether the connection was there already.
    pub(crate) async fn connect(&self, wanted: ConnectRequest<'_>, upgrade: bool) -> Result<(Channel, bool), Error> {
        let protocol = wanted.backend.protocol();
        if protocol == BackendProtocol::Http1 || protocol == BackendProtocol::Auto && upgrade {
            let left = wanted.deadline.saturating_duration_since(Instant::now());
            let limit = wanted.limit.min(left);
            let mut connected = connect(wanted.backend, wanted.name, wanted.introduction, limit).await;
            if connected.as_ref().is_err_and(ConnectError::is_ours) {
                // Idle connections give up their descriptors for a request that waits.
                self.clear_idle();
                connected = connect(wanted.backend, wanted.name, wanted.introduction, limit).await;
            }
            return connected.map(|stream| (of_connection(stream), false)).map_err(Error::connect);
        }
        let mut reached = self.http2.connect(wanted).await;
        if reached.as_ref().is_err_and(Error::is_exhausted) {
            self.clear_idle();
            reached = self.http2.connect(wanted).await;
        }
        Ok(match reached? {
            Acquired::Http2(lease, reused) => {
                if upgrade {
                    let until = wanted.deadline.min(Instant::now() + wanted.limit);
                    let _ = tokio::time::timeout_at(until, lease.settled()).await;
                }
                (of_lease(lease), reused)
            }
            Acquired::Http1(stream) => (of_connection(stream), false),
        })
    }
}

fn of_connection(stream: Stream) -> Channel {
    Channel::Http1(Http1Connection::new(stream))
}

fn of_lease(lease: Lease) -> Channel {
    Channel::Http2(Box::new(http2::Stream::to_backend(lease)))
}
