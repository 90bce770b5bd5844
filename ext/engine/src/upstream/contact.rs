//! A connection or a stream for one request, whichever the backend is spoken to with.

use proxy_http::http2;
use proxy_http::http2::Lease;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::backend::Endpoint;
use super::connect::connect_as;
use super::http2::{Call, Reached};
use super::{Pool, Protocol};
use crate::error::ConnectError;
use crate::error::Error;
use crate::peer::Peer;
use crate::stream::Http1Connection;
use crate::stream::Stream;

impl Pool {
    /// What is there already for a request. `name` is the TLS server name, if it is not the endpoint's own, `introduction` the header of
    /// the PROXY protocol that its connection has to have begun with. `upgrade`: the request
    /// asks for another protocol, for which HTTP/1.1 is chosen where there is a choice: few backends know how to in HTTP/2.
    #[inline]
    pub(crate) fn at_hand(
        &self,
        endpoint: &Endpoint,
        name: Option<&ServerName<'static>>,
        introduction: &[u8],
        upgrade: bool,
    ) -> Option<Peer> {
        match endpoint.protocol() {
            Protocol::Http1 => self.checkout_as(endpoint, name, introduction).map(of_connection),
            // Whether a backend takes an upgrade, its settings say.
            Protocol::Http2 => {
                self.http2.lease(endpoint, name).filter(|lease| !upgrade || lease.is_settled()).map(of_lease)
            }
            Protocol::Auto if upgrade => self.checkout_as(endpoint, name, introduction).map(of_connection),
            Protocol::Auto => match self.http2.lease(endpoint, name) {
                Some(lease) => Some(of_lease(lease)),
                None => self.checkout_as(endpoint, name, introduction).map(of_connection),
            },
        }
    }

    /// A new connection, or a place on one: and whether that was there already.
    pub(crate) async fn reach(&self, call: Call<'_>, upgrade: bool) -> Result<(Peer, bool), Error> {
        let protocol = call.endpoint.protocol();
        if protocol == Protocol::Http1 || protocol == Protocol::Auto && upgrade {
            let left = call.deadline.saturating_duration_since(Instant::now());
            let limit = call.limit.min(left);
            let mut connected = connect_as(call.endpoint, call.name, call.introduction, limit).await;
            if connected.as_ref().is_err_and(ConnectError::is_ours) {
                // What is idle is of less use than a request that is waiting.
                self.clear_idle();
                connected = connect_as(call.endpoint, call.name, call.introduction, limit).await;
            }
            return connected.map(|stream| (of_connection(stream), false)).map_err(Error::connect);
        }
        let mut reached = self.http2.reach(call).await;
        if reached.as_ref().is_err_and(Error::is_exhausted) {
            self.clear_idle();
            reached = self.http2.reach(call).await;
        }
        Ok(match reached? {
            Reached::Http2(lease, reused) => {
                if upgrade {
                    let until = call.deadline.min(Instant::now() + call.limit);
                    let _ = tokio::time::timeout_at(until, lease.settled()).await;
                }
                (of_lease(lease), reused)
            }
            Reached::Http1(stream) => (of_connection(stream), false),
        })
    }
}

fn of_connection(stream: Stream) -> Peer {
    Peer::Http1(Http1Connection::new(stream))
}

fn of_lease(lease: Lease) -> Peer {
    Peer::Http2(Box::new(http2::Stream::to_backend(lease)))
}
