//! Backends that speak HTTP/2: one with all its rules, and one with none.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::RecvStream;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::{Frame, Peer, RawHttp2};

/// A backend that keeps to the rules.
pub(crate) struct Http2Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    open: AtomicUsize,
    stop: Notify,
}

/// A request, and the means to answer it.
pub(crate) struct Exchange {
    pub(crate) request: Request<RecvStream>,
    pub(crate) response: SendResponse<Bytes>,
}

impl Http2Origin {
    /// Answers each request with a task of its own.
    pub(crate) fn start<A, F>(change: impl FnOnce(&mut Builder), answer: A) -> Self
    where
        A: Fn(Exchange) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("an address");
        let shared: Arc<Shared> = Arc::default();
        let mut builder = Builder::new();
        change(&mut builder);
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let local = tokio::task::LocalSet::new();
            let answer = Rc::new(answer);
            local.block_on(&runtime, async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                loop {
                    let stream = tokio::select! {
                        accepted = listener.accept() => accepted.expect("a connection").0,
                        () = of_thread.stop.notified() => return,
                    };
                    of_thread.connections.fetch_add(1, Ordering::SeqCst);
                    of_thread.open.fetch_add(1, Ordering::SeqCst);
                    let (builder, answer, shared) = (builder.clone(), answer.clone(), of_thread.clone());
                    tokio::task::spawn_local(async move {
                        if let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await {
                            while let Some(Ok((request, response))) = connection.accept().await {
                                tokio::task::spawn_local(answer(Exchange { request, response }));
                            }
                        }
                        shared.open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Answers every request with its method, its target and its body.
    pub(crate) fn echoing() -> Self {
        Self::start(|_| (), |exchange| async move { exchange.echo().await })
    }

    /// As a backend is written in a configuration.
    pub(crate) fn address(&self) -> String {
        format!("h2://{}", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Http2Origin {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        let done = self.thread.take().map_or(Ok(()), JoinHandle::join);
        if !std::thread::panicking() {
            done.expect("no answer failed");
        }
    }
}

impl Exchange {
    /// The whole body.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        let stream = self.request.body_mut();
        while let Some(Ok(data)) = stream.data().await {
            let _ = stream.flow_control().release_capacity(data.len());
            body.extend_from_slice(&data);
        }
        body
    }

    pub(crate) async fn echo(mut self) {
        let body = self.body().await;
        let mut text = format!("{} {} ", self.request.method(), self.request.uri()).into_bytes();
        text.extend(body);
        self.answer(200, &text);
    }

    /// Answers with a body of that text. A client that has gone away misses nothing.
    pub(crate) fn answer(mut self, status: u16, body: &[u8]) {
        let head = Response::builder().status(status).body(()).expect("a head");
        if let Ok(mut stream) = self.response.send_response(head, body.is_empty()) {
            if !body.is_empty() {
                let _ = stream.send_data(Bytes::copy_from_slice(body), true);
            }
        }
    }
}

/// What happens in the thread of a backend.
pub(crate) type Seen<T> = Arc<Mutex<Vec<T>>>;

impl RawHttp2 {
    /// The backend's end of a connection, which has said its settings.
    pub(crate) fn accept(peer: &Peer, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self { peer: peer.writer() };
        assert_eq!(raw.peer.read(24), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let payload: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        raw.send(Frame::new(Frame::SETTINGS, 0, 0, payload));
        raw
    }

    /// The next request head: the stream it is on.
    pub(crate) fn next_request(&mut self) -> u32 {
        self.next_of(Frame::HEADERS).stream
    }

    /// Answers with fields alone, or with fields and a body.
    pub(crate) fn answer(&mut self, stream: u32, fields: &[(&str, &str)], body: Option<&str>) {
        let end = if body.is_none() { Frame::END_STREAM } else { 0 };
        self.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS | end, stream, super::block(fields)));
        if let Some(body) = body {
            self.send(Frame::new(Frame::DATA, Frame::END_STREAM, stream, body));
        }
    }

    /// Ends a stream with an error.
    pub(crate) fn reset(&mut self, stream: u32, code: u32) {
        self.send(Frame::new(Frame::RST_STREAM, 0, stream, code.to_be_bytes()));
    }

    /// Says that no stream above `last` will be served.
    pub(crate) fn go_away(&mut self, last: u32, code: u32) {
        self.send(Frame::new(Frame::GOAWAY, 0, 0, [last.to_be_bytes(), code.to_be_bytes()].concat()));
    }
}
