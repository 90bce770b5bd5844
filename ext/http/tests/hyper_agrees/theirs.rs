//! How hyper reads.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use proxy_http::message::Method;
use tokio::io::{duplex, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::LocalSet;

use super::reading::{fields, Message, Reading, Stop};

/// As large as any input and answer.
const ROOM: usize = 1 << 20;

fn header_list(map: &HeaderMap) -> Vec<(String, String)> {
    fields(map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())))
}

/// Reads a body into the message that `change` gives access to.
async fn body(mut incoming: Incoming, change: impl Fn(&mut dyn FnMut(&mut Message))) -> bool {
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return false };
        match frame.into_data() {
            Ok(data) => change(&mut |message| message.body.extend_from_slice(&data)),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    change(&mut |message| message.trailers = header_list(&trailers));
                }
            }
        }
    }
    change(&mut |message| message.complete = true);
    true
}

/// Method, authority and target, in the form in which ours are compared.
fn start(request: &Request<Incoming>) -> String {
    let uri: &Uri = request.uri();
    let host = request.headers().get("host").map(HeaderValue::as_bytes);
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes()).or(host).unwrap_or_default();
    let (method, target) = (request.method().as_str(), uri.to_string());
    format!("{} {} {}", method.as_bytes().escape_ascii(), authority.escape_ascii(), target.as_bytes().escape_ascii())
}

pub(crate) async fn requests(bytes: &[u8]) -> Reading {
    let (mut client, server) = duplex(ROOM);
    client.write_all(bytes).await.expect("room for it");
    client.shutdown().await.expect("an end");
    let seen: Rc<RefCell<Vec<Message>>> = Rc::default();
    let recorder = seen.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = recorder.clone();
        async move {
            let message =
                Message { start: start(&request), fields: header_list(request.headers()), ..Message::default() };
            let number = seen.borrow().len();
            seen.borrow_mut().push(message);
            body(request.into_body(), |with| with(&mut seen.borrow_mut()[number])).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let served = builder.half_close(true).max_headers(128).serve_connection(TokioIo::new(server), service).await;
    let stop = match served {
        Ok(()) => Stop::Complete,
        Err(error) => Stop::Refused(format!("{error:?}")),
    };
    let messages = seen.borrow().clone();
    Reading { messages, stop }
}

/// Feeds `bytes` to a client that waits for the answer to a request, and lets it read.
async fn client(bytes: &[u8], method: Method, end: bool) -> (Rc<RefCell<Reading>>, DuplexStream) {
    let (mut server, client) = duplex(ROOM);
    let reading = Rc::new(RefCell::new(Reading { messages: Vec::new(), stop: Stop::Truncated }));
    let result = reading.clone();
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_headers(128);
    let (mut sender, connection) = builder.handshake(TokioIo::new(client)).await.expect("a handshake");
    let method = match method {
        Method::Head => hyper::Method::HEAD,
        Method::Post => hyper::Method::POST,
        _ => hyper::Method::GET,
    };
    let request = Request::builder().method(method).uri("/").body(Empty::<Bytes>::new()).expect("a request");
    let reader = async move {
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => {
                result.borrow_mut().stop = Stop::Refused(format!("{error:?}"));
                return;
            }
        };
        let message = Message {
            start: response.status().as_u16().to_string(),
            fields: header_list(response.headers()),
            ..Message::default()
        };
        result.borrow_mut().messages.push(message);
        if body(response.into_body(), |with| with(&mut result.borrow_mut().messages[0])).await {
            result.borrow_mut().stop = Stop::Complete;
        }
        // Nothing ends before the connection has been looked at.
        drop(sender);
    };
    let local = LocalSet::new();
    local.spawn_local(async move {
        let _ = connection.await;
    });
    local.spawn_local(reader);
    let answer = async {
        // An answer before the request would be one to nothing.
        let mut request = [0; 1024];
        assert!(server.read(&mut request).await.expect("a request") > 0);
        server.write_all(bytes).await.expect("room for it");
        if end {
            server.shutdown().await.expect("an end");
        }
    };
    local.run_until(answer).await;
    if end {
        local.await;
    } else {
        // Everything is in memory: what can be done is done in a few rounds.
        let rounds = async {
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        };
        local.run_until(rounds).await;
    }
    (reading, server)
}

pub(crate) async fn response(bytes: &[u8], method: Method) -> Reading {
    let (reading, _server) = client(bytes, method, true).await;
    let reading = reading.borrow().clone();
    reading
}

/// Whether hyper has a whole response without being told that the connection ended.
pub(crate) async fn is_complete(bytes: &[u8], method: Method) -> bool {
    let (reading, _server) = client(bytes, method, false).await;
    let complete = reading.borrow().messages.first().is_some_and(|message| message.complete);
    complete
}
