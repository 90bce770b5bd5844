//! One client connection from its first byte to its last: who is there, over what, and in which protocol.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::handshake::{shake_hands, Refused};
use super::listener::Accepted;
use super::proxy_protocol;
use super::{http1, http2};
use crate::engine::{Engine, Registration};
use crate::listen::tls::Protocol;

/// Serves a connection to its end.
pub(crate) async fn serve(engine: Rc<Engine>, accepted: Accepted, registration: Registration) {
    let Accepted { mut stream, mut link, permit, bind } = accepted;
    poll_fn(|cx| {
        registration.wake_with(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    // In this order: a header of the PROXY protocol, the TLS handshake, and what ALPN or the first bytes say is spoken.
    let bind = engine.snapshot().binds.get(&bind.key).cloned().unwrap_or(bind);
    if bind.proxy_protocol
        && !Box::pin(proxy_protocol::receive(&engine, &registration, &bind, &mut stream, &mut link)).await
    {
        return;
    }
    if let Some(server) = &bind.tls {
        // Boxed: what a handshake needs is given back after it.
        stream = match Box::pin(shake_hands(&engine, &registration, stream, &bind, server, &mut link)).await {
            Ok(secured) => secured,
            Err(Refused::Plain(stream, said)) => {
                return http1::refuse_plain(&engine, &registration, &link, stream, &said).await;
            }
            Err(Refused::Failed) => return,
        };
    } else {
        link.plain = Some(Arc::clone(&bind));
    }
    let agreed = link.secured.as_ref().map_or(Protocol::Unsaid, |secured| secured.protocol());
    let as_http2 = match agreed {
        Protocol::Http2 => Some((stream, Vec::new())),
        Protocol::Unsaid if !bind.protocols.h1 => Some((stream, Vec::new())),
        Protocol::Unsaid => http1::serve(&engine, &registration, stream, &link, bind.protocols.h2).await,
        Protocol::Http1 | Protocol::Http10 => http1::serve(&engine, &registration, stream, &link, false).await,
    };
    if let Some((stream, received)) = as_http2 {
        // Boxed: what it takes is not to be kept for every connection.
        Box::pin(http2::serve(&engine, &registration, stream, received, &link)).await;
    }
    drop(permit);
}
