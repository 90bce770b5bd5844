//! One client connection from its first byte to its last: who is there, over what, and in which protocol.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::listener::Accepted;
use super::{http1, http2};
use crate::engine::{Engine, Registration};

/// Serves a connection to its end.
pub(crate) async fn serve(engine: Rc<Engine>, accepted: Accepted, registration: Registration) {
    let Accepted { stream, link, permit, bind: _ } = accepted;
    poll_fn(|cx| {
        registration.wake_with(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    // In this order: a header of the PROXY protocol, the TLS handshake, and what ALPN or the first bytes say is spoken.
    if let Some((stream, received)) = http1::serve(&engine, stream, &link, true).await {
        // Boxed: what it takes is not to be kept for every connection.
        Box::pin(http2::serve(&engine, stream, received, &link)).await;
    }
    drop(permit);
}
