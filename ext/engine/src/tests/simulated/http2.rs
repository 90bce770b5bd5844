//! What clients and backends that speak HTTP/2 have in common.

use std::future::poll_fn;

use bytes::Bytes;
use h2::{Error, Reason, RecvStream, SendStream};
use http::HeaderMap;

use super::wire::Head;

/// Of a connection: with the usual one `h2` takes a hundred small pieces in a row for a flood.
pub(super) const WINDOW: u32 = 64 * 1024 * 1024;

/// Sends a body and ends the stream with it.
pub(super) async fn send_body(stream: &mut SendStream<Bytes>, body: &[u8]) -> Result<(), Error> {
    let mut rest = Bytes::copy_from_slice(body);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let n = match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(capacity) => capacity?.min(rest.len()),
            None => return Err(Reason::CANCEL.into()),
        };
        stream.send_data(rest.split_to(n), false)?;
    }
    stream.send_data(rest, true)
}

/// Reads a body to its end. What came of it is in `body`, also after an error.
pub(super) async fn read_body(stream: &mut RecvStream, body: &mut Vec<u8>) -> Result<(), Error> {
    while let Some(data) = stream.data().await {
        let data = data?;
        body.extend_from_slice(&data);
        stream.flow_control().release_capacity(data.len())?;
    }
    stream.trailers().await.map(drop)
}

/// A head as HTTP/1.1 would have it.
pub(super) fn head(line: [String; 3], fields: &HeaderMap) -> Head {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Head::new(line, fields.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
}

/// Whether the other side says that it has done nothing of what was asked.
pub(super) fn is_untouched(error: &Error) -> bool {
    error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away() && error.reason() == Some(Reason::NO_ERROR)
}
