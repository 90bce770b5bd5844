//! One connection of the control API.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;

use super::guard::ControlPeer;
use super::listener::DoorRules;
use super::service::answer;
use super::write_limit::WriteLimit;
use super::ApiState;

/// Most bytes of a head.
const MOST_HEAD: usize = 16 * 1024;
/// Time in which a client may still ask its first question after the place is closed.
const LAST_CALL: Duration = Duration::from_millis(500);

/// A client's connection.
pub(super) enum ControlStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Serves a connection until it ends, or until the place is closed and its answer is given.
pub(super) async fn serve(stream: ControlStream, peer: ControlPeer, api: Arc<ApiState>, rules: DoorRules) {
    match stream {
        ControlStream::Tcp(stream) => serve_stream(stream, peer, api, rules).await,
        ControlStream::Unix(stream) => serve_stream(stream, peer, api, rules).await,
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: ControlPeer,
    api: Arc<ApiState>,
    mut rules: DoorRules,
) {
    let (limits, of_requests) = (api.limits, rules.clone());
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    let service = service_fn(move |request| {
        asks.notify_one();
        let (api, rules) = (Arc::clone(&api), of_requests.clone());
        async move { Ok::<_, Infallible>(answer(&api, rules, peer, request).await) }
    });
    let stream = TokioIo::new(WriteLimit::new(stream, limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MOST_HEAD)
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    // Whoever was accepted a moment ago gets an answer. Others have asked: they are told at once.
    let closed = async {
        rules.closed().await;
        let _ = tokio::time::timeout(LAST_CALL, asked.notified()).await;
    };
    // A failed connection is nobody's fault here: there is nothing to say to anybody.
    tokio::select! {
        biased;
        () = closed => connection.as_mut().graceful_shutdown(),
        _ = connection.as_mut() => return,
    }
    let _ = connection.await;
}
