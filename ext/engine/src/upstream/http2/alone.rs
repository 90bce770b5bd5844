//! One request on a connection of its own.

use std::convert::Infallible;
use std::future::{pending, Future};
use std::io;

use proxy_http::http2;

use super::{begin, Lease};
use crate::stream::Stream;

/// A stream on a connection that carries no other, and the future that moves both, which has to be polled beside
/// whatever uses the stream:
///
/// ```ignore
/// let (mut stream, moving) = alone(connected, max_head).await?;
/// tokio::select! {
///     answer = converse(&mut stream) => answer,
///     never = moving => match never {},
/// }
/// ```
///
/// It belongs to no engine thread. The connection ends with the future.
pub(crate) async fn alone(
    stream: Stream,
    max_head: usize,
) -> io::Result<(http2::Stream, impl Future<Output = Infallible> + Send)> {
    let (requests, connection, _) = begin(stream, max_head).await?;
    let moving = async move {
        // The user of the stream learns from it how the connection ended.
        let _ = connection.await;
        pending().await
    };
    Ok((http2::Stream::to_backend(Lease::alone(requests)), moving))
}
