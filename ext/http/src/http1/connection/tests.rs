use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::*;
use crate::headers::framing;
use crate::message::{RequestHead, ResponseHead};

impl Transport for UnixStream {
    fn buffers_writes(&self) -> bool {
        false
    }
}

const LIMIT: Duration = Duration::from_secs(10);

fn pair() -> (Connection<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    (Connection::new(ours), theirs)
}

async fn within<T>(future: impl std::future::Future<Output = T>) -> T {
    timeout(LIMIT, future).await.expect("done in time")
}

async fn request(connection: &mut Connection<UnixStream>, limit: usize) -> Result<RequestHead, ReadError> {
    let mut head = RequestHead::default();
    within(poll_fn(|cx| connection.poll_request_head(cx, &mut head, limit))).await.map(|()| head)
}

async fn response(connection: &mut Connection<UnixStream>, limit: usize) -> Result<ResponseHead, ReadError> {
    let mut head = ResponseHead::default();
    within(poll_fn(|cx| connection.poll_response_head(cx, &mut head, limit))).await.map(|()| head)
}

/// Reads the body that was begun, to its end.
async fn body(connection: &mut Connection<UnixStream>) -> Result<Vec<u8>, ReadError> {
    let mut data = Vec::new();
    loop {
        match within(poll_fn(|cx| connection.poll_body(cx))).await? {
            Piece::Data(n) => {
                data.extend_from_slice(&connection.input.filled()[..n]);
                connection.consume_body(n);
            }
            Piece::End => return Ok(data),
            Piece::More => panic!("a piece that is none"),
        }
    }
}

async fn send(connection: &mut Connection<UnixStream>, mut data: &[u8]) {
    while !data.is_empty() {
        let n = within(poll_fn(|cx| connection.poll_send(cx, data))).await.expect("sent");
        data = &data[n..];
    }
}

async fn flush(connection: &mut Connection<UnixStream>) {
    within(poll_fn(|cx| connection.poll_flush(cx))).await.expect("sent");
}

#[tokio::test]
async fn empty_lines_before_a_request_are_skipped() {
    let (mut connection, mut peer) = pair();
    peer.write_all(b"\r\n\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("sent");
    assert_eq!(request(&mut connection, 1024).await.expect("a request").path(), b"/a");
    assert_eq!(request(&mut connection, 1024).await.expect("a request").path(), b"/b");
}

#[tokio::test]
async fn a_bare_line_break_before_a_request_is_refused() {
    for junk in [&b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\nGET"] {
        let (mut connection, mut peer) = pair();
        peer.write_all(junk).await.expect("sent");
        let read = request(&mut connection, 1024).await;
        assert!(matches!(read, Err(ReadError::Malformed(_))), "{:?}: {read:?}", String::from_utf8_lossy(junk));
    }
}

#[tokio::test]
async fn a_response_begins_with_its_status_line() {
    let (mut connection, mut peer) = pair();
    peer.write_all(b"\r\nHTTP/1.1 200 OK\r\n\r\n").await.expect("sent");
    assert!(matches!(response(&mut connection, 1024).await, Err(ReadError::Malformed(_))));
}

#[tokio::test]
async fn a_head_may_be_as_large_as_the_limit_and_no_larger() {
    let head = |size: usize| {
        let rest = b"GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size - rest)).into_bytes()
    };
    for limit in [1024, 16 * 1024, 40_000, 100_000] {
        let (mut connection, mut peer) = pair();
        let bytes = [head(limit), head(limit + 1)].concat();
        let writer = tokio::spawn(async move {
            let _ = peer.write_all(&bytes).await;
            peer
        });
        assert!(request(&mut connection, limit).await.is_ok(), "{limit}");
        let read = request(&mut connection, limit).await;
        assert!(matches!(read, Err(ReadError::TooLarge)), "{limit}: {read:?}");
        drop(connection);
        drop(writer.await);
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_read_no_further_than_the_limit() {
    let (mut connection, mut peer) = pair();
    let writer = tokio::spawn(async move {
        let mut sent = 0usize;
        let _ = peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
        while peer.write_all(&[b'x'; 4096]).await.is_ok() {
            sent += 4096;
        }
        sent
    });
    assert!(matches!(request(&mut connection, 20_000).await, Err(ReadError::TooLarge)));
    assert!(connection.total_read() < 100_000, "{} bytes were read", connection.total_read());
    drop(connection);
    assert!(within(writer).await.expect("the writer") > 0);
}

#[tokio::test]
async fn an_end_is_told_from_an_end_too_early() {
    let (mut connection, peer) = pair();
    drop(peer);
    assert!(matches!(request(&mut connection, 1024).await, Err(ReadError::Ended)));
    for beginning in [&b"G"[..], b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r"] {
        let (mut connection, mut peer) = pair();
        peer.write_all(beginning).await.expect("sent");
        drop(peer);
        assert!(matches!(request(&mut connection, 1024).await, Err(ReadError::Truncated)));
    }
}

#[tokio::test]
async fn what_no_request_begins_with_is_refused_before_its_end() {
    for greeting in [&b"\x16\x03\x01\x02\x00"[..], b"GET / FTP/1.1\r\n", b"(", b"GET \0"] {
        let (mut connection, mut peer) = pair();
        peer.write_all(greeting).await.expect("sent");
        assert!(matches!(request(&mut connection, 1024).await, Err(ReadError::Malformed(_))), "{greeting:?}");
    }
}

#[tokio::test]
async fn a_body_ends_where_the_next_message_begins() {
    for (fields, bytes) in [
        ("Content-Length: 11", &b"hello world"[..]),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    ] {
        let (mut connection, mut peer) = pair();
        let first = format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        peer.write_all(&[first.as_bytes(), bytes, b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await.expect("sent");
        let head = request(&mut connection, 1024).await.expect("a request");
        connection.begin_reading(framing::of_request(&head).expect("a framing"));
        assert_eq!(body(&mut connection).await.expect("a body"), b"hello world");
        assert_eq!(request(&mut connection, 1024).await.expect("a request").path(), b"/b");
    }
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    for (framing, bytes) in [
        (Framing::Length(5), &b"hell"[..]),
        (Framing::Length(5), b""),
        (Framing::Chunked, b""),
        (Framing::Chunked, b"5\r\nhello"),
        (Framing::Chunked, b"5\r\nhello\r\n"),
        (Framing::Chunked, b"5\r\nhello\r\n0\r\n"),
        (Framing::Chunked, b"5\r\nhello\r\n0\r\nX: y\r\n"),
    ] {
        let (mut connection, mut peer) = pair();
        peer.write_all(bytes).await.expect("sent");
        drop(peer);
        connection.begin_reading(framing);
        let read = body(&mut connection).await;
        assert!(matches!(read, Err(ReadError::Truncated)), "{framing:?} {bytes:?}: {read:?}");
    }
}

#[tokio::test]
async fn a_body_until_the_close_ends_with_the_connection() {
    let (mut connection, mut peer) = pair();
    peer.write_all(b"hello").await.expect("sent");
    drop(peer);
    connection.begin_reading(Framing::UntilClose);
    assert_eq!(body(&mut connection).await.expect("a body"), b"hello");
}

#[tokio::test]
async fn long_extensions_and_trailers_end_in_an_error_whatever_the_room() {
    for bytes in [
        [b"1;".to_vec(), vec![b'x'; 4_000_000]].concat(),
        [b"0\r\n".to_vec(), b"X: y\r\n".repeat(700_000)].concat(),
        [b"0\r\nX: ".to_vec(), vec![b'x'; 4_000_000]].concat(),
    ] {
        let (mut connection, mut peer) = pair();
        let writer = tokio::spawn(async move { peer.write_all(&bytes).await.is_err() });
        connection.begin_reading(Framing::Chunked);
        assert!(body(&mut connection).await.is_err());
        drop(connection);
        assert!(within(writer).await.expect("the writer"), "all of it was read");
    }
}

#[tokio::test]
async fn what_is_sent_is_read_back_the_same_in_every_framing() {
    let sizes = [1, 10, COPY - 1, COPY, COPY + 1, 100, OUTPUT_LIMIT + 1, 300_000, 3, 70_000];
    let pieces: Vec<Vec<u8>> = sizes.iter().map(|n| (0..*n).map(|i| (i % 251) as u8).collect()).collect();
    let data = pieces.concat();
    for framing in [Framing::Length(data.len() as u64), Framing::Chunked, Framing::UntilClose] {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let (pieces, expected) = (pieces.clone(), data.clone());
        let reader = async move {
            let mut connection = Connection::new(theirs);
            connection.begin_reading(framing);
            assert!(body(&mut connection).await.expect("a body") == expected, "{framing:?}");
            assert_eq!(connection.input.filled(), b"", "nothing is left over");
        };
        let writer = async move {
            let mut connection = Connection::new(ours);
            connection.begin_body(framing);
            for piece in &pieces {
                send(&mut connection, piece).await;
            }
            connection.end_body(None);
            flush(&mut connection).await;
            assert!(connection.is_flushed());
            if framing != Framing::Chunked {
                assert_eq!(connection.total_sent(), pieces.iter().map(Vec::len).sum::<usize>() as u64);
            }
        };
        tokio::join!(reader, writer);
    }
}

#[tokio::test]
async fn no_more_is_sent_than_the_length_that_was_announced() {
    let (mut connection, mut peer) = pair();
    connection.begin_body(Framing::Length(5));
    let taken = within(poll_fn(|cx| connection.poll_send(cx, b"hello world"))).await.expect("sent");
    assert_eq!(taken, 5);
    flush(&mut connection).await;
    drop(connection);
    let mut got = Vec::new();
    within(peer.read_to_end(&mut got)).await.expect("read");
    assert_eq!(got, b"hello");
}

#[tokio::test]
async fn nothing_is_sent_of_a_body_where_none_may_be() {
    let (mut connection, mut peer) = pair();
    connection.output().extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
    connection.begin_body(Framing::None);
    send(&mut connection, b"hello").await;
    connection.end_body(None);
    flush(&mut connection).await;
    drop(connection);
    let mut got = Vec::new();
    within(peer.read_to_end(&mut got)).await.expect("read");
    assert_eq!(got, b"HTTP/1.1 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_waited_for() {
    let (mut connection, mut peer) = pair();
    connection.begin_body(Framing::Chunked);
    let data = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    // Fills the socket: from then on the writer has to wait.
    while let Ok(n) = timeout(Duration::from_millis(50), poll_fn(|cx| connection.poll_send(cx, &data))).await {
        sent += n.expect("sent");
        assert!(sent < 16 * 1024 * 1024, "the socket takes everything");
    }
    assert!(connection.output.len() <= OUTPUT_LIMIT + COPY + 32, "{} bytes wait", connection.output.len());
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).await.map(|_| got)
    });
    // The chunk that was announced is completed with the same data.
    let n = within(poll_fn(|cx| connection.poll_send(cx, &data))).await.expect("sent");
    send(&mut connection, &data[n..]).await;
    connection.end_body(None);
    flush(&mut connection).await;
    drop(connection);
    let got = within(reader).await.expect("the reader").expect("read");
    let mut buffer = Buffer::default();
    buffer.extend(&got);
    let mut reader = BodyReader::new(Framing::Chunked);
    let mut total = 0;
    while let Piece::Data(n) = reader.next(&mut buffer).expect("well formed") {
        total += n;
        reader.consume(&mut buffer, n);
    }
    assert!(reader.is_done());
    assert_eq!(total, sent + data.len());
}

#[test]
fn chunk_sizes_are_hexadecimal() {
    for size in [0, 1, 15, 16, 255, 256, 65_536, usize::MAX] {
        let mut out = Vec::new();
        write_chunk_size(&mut out, size);
        assert_eq!(out, format!("{size:x}\r\n").as_bytes());
    }
}

#[tokio::test]
async fn what_was_sent_past_a_connection_is_not_sent_again() {
    let (mut connection, mut peer) = pair();
    connection.output().extend_from_slice(b"head");
    assert_eq!(connection.unsent(), b"head");
    for (taken, left) in [(1, &b"ead"[..]), (3, b"")] {
        let n = connection.stream().try_write(&connection.unsent()[..taken]).expect("sent");
        connection.note_sent(n);
        assert_eq!(connection.unsent(), left);
    }
    assert!(connection.is_flushed());
    assert_eq!(connection.total_sent(), 4);
    connection.begin_body(Framing::Length(4));
    send(&mut connection, b"body").await;
    flush(&mut connection).await;
    drop(connection);
    let mut got = Vec::new();
    within(peer.read_to_end(&mut got)).await.expect("read");
    assert_eq!(got, b"headbody");
}
