//! One connection of the control API.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

use super::guard::{ControlPeer, Guard};
use super::listener::closed;
use super::service::answer;
use super::write_limit::WriteLimit;
use super::ApiState;

/// Most bytes of a head.
const MOST_HEAD: usize = 16 * 1024;

/// A client's connection.
pub(super) enum ControlStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Serves a connection until it ends, or until the place is closed and its answer is given.
pub(super) async fn serve(
    stream: ControlStream,
    peer: ControlPeer,
    api: Arc<ApiState>,
    guard: watch::Receiver<Arc<Guard>>,
) {
    match stream {
        ControlStream::Tcp(stream) => serve_stream(stream, peer, api, guard).await,
        ControlStream::Unix(stream) => serve_stream(stream, peer, api, guard).await,
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: ControlPeer,
    api: Arc<ApiState>,
    mut guard: watch::Receiver<Arc<Guard>>,
) {
    let (limits, rules) = (api.limits, guard.clone());
    let service = service_fn(move |request| {
        let (api, rules) = (Arc::clone(&api), rules.clone());
        async move { Ok::<_, Infallible>(answer(&api, rules, peer, request).await) }
    });
    let stream = TokioIo::new(WriteLimit::new(stream, limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MOST_HEAD)
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    // A failed connection is nobody's fault here: there is nothing to say to anybody.
    tokio::select! {
        biased;
        () = closed(&mut guard) => connection.as_mut().graceful_shutdown(),
        _ = connection.as_mut() => return,
    }
    let _ = connection.await;
}
