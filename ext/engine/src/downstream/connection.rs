//! One client connection from its first byte to its last: who is there, over what, and in which protocol.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::handshake::{shake_hands, Refused};
use super::listener::Accepted;
use super::proxy_protocol;
use super::{http1, http2};
use crate::client::ClientInfo;
use crate::listen::tls::Protocol;
use crate::metrics::{OpenConnection, SpokenProtocol};
use crate::stream::Stream;
use crate::worker::{Registration, Worker};

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, accepted: Accepted, registration: Registration) {
    let Accepted { mut stream, mut client_info, permit, bind } = accepted;
    poll_fn(|cx| {
        registration.wake_with(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    // In this order: a header of the PROXY protocol, the TLS handshake, and what ALPN or the first bytes say is spoken.
    let bind = worker.snapshot().binds.get(&bind.key).cloned().unwrap_or(bind);
    let mut open = OpenConnection::new(&bind.series);
    if bind.proxy_protocol
        && !Box::pin(proxy_protocol::receive(&worker, &registration, &bind, &mut stream, &mut client_info)).await
    {
        return;
    }
    if let Some(server) = &bind.tls {
        // Boxed: what a handshake needs is given back after it.
        stream = match Box::pin(shake_hands(&worker, &registration, stream, &bind, server, &mut client_info)).await {
            Ok(secured) => secured,
            Err(Refused::Plain(stream, said)) => {
                return http1::refuse_plain(&worker, &registration, &client_info, stream, &said).await;
            }
            Err(Refused::Failed) => return,
        };
    } else {
        client_info.plain = Some(Arc::clone(&bind));
    }
    let agreed = client_info.secured.as_ref().map_or(Protocol::Unsaid, |secured| secured.protocol());
    let begins_with_http2 = agreed == Protocol::Http2 || agreed == Protocol::Unsaid && !bind.protocols.h1;
    open.speaks(if begins_with_http2 { SpokenProtocol::Http2 } else { SpokenProtocol::Http1 });
    let as_http2 = match agreed {
        Protocol::Http2 => Some((stream, Vec::new())),
        Protocol::Unsaid if !bind.protocols.h1 => Some((stream, Vec::new())),
        Protocol::Unsaid => http1::serve(&worker, &registration, stream, &client_info, bind.protocols.h2).await,
        Protocol::Http1 | Protocol::Http10 => http1::serve(&worker, &registration, stream, &client_info, false).await,
    };
    if let Some((stream, received)) = as_http2 {
        open.speaks(SpokenProtocol::Http2);
        // Boxed: what it takes is not to be kept for every connection.
        Box::pin(http2::serve(&worker, &registration, stream, received, &client_info)).await;
    }
    drop(permit);
}

/// Serves a connection that another server has handed over for one request of HTTP/1.1.
pub(crate) async fn serve_adopted(
    worker: Rc<Worker>,
    (stream, client_info): (Stream, ClientInfo),
    registration: Registration,
) {
    poll_fn(|cx| {
        registration.wake_with(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    http1::serve(&worker, &registration, stream, &client_info, false).await;
}
