//! One client connection from its first byte to its last: who is there, over what, and in which protocol.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::http1;
use super::listener::Accepted;
use super::proxy_protocol;
use crate::engine::{Engine, Registration};

/// Serves a connection to its end.
pub(crate) async fn serve(engine: Rc<Engine>, accepted: Accepted, registration: Registration) {
    let Accepted { mut stream, mut link, permit, bind } = accepted;
    poll_fn(|cx| {
        registration.wake_with(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    // In this order: a header of the PROXY protocol, the TLS handshake, and what ALPN or the first bytes say is spoken.
    let takes_header = engine.snapshot().binds.get(&bind.key).unwrap_or(&bind).proxy_protocol;
    if takes_header && !Box::pin(proxy_protocol::receive(&engine, &bind, &mut stream, &mut link)).await {
        return;
    }
    http1::serve(&engine, stream, &link).await;
    drop(permit);
}
