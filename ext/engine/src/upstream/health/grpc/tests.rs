use std::time::Duration;

use http::Response;
use tokio::net::TcpListener;

use super::super::ask::asked as ask;
use super::super::check::Check;
use super::*;
use crate::upstream::backend::{Backend, BackendAddress, BackendSettings};
use crate::upstream::tests::within;

fn check(change: impl FnOnce(&mut HealthCheck)) -> Check {
    let mut spec = HealthCheck { grpc: true, timeout: 2.0, ..HealthCheck::default() };
    change(&mut spec);
    Report::sound(|report| Check::compile(&spec, report))
}

/// Response of a server: fields of the head, messages, trailers.
struct Answer {
    status: u16,
    head: &'static [(&'static str, &'static str)],
    data: Option<Vec<u8>>,
    trailers: &'static [(&'static str, &'static str)],
}

fn serving_as(status: u8) -> Answer {
    Answer { status: 200, head: &[], data: Some(framed(&[8, status])), trailers: &[("grpc-status", "0")] }
}

fn trailers_only(head: &'static [(&'static str, &'static str)]) -> Answer {
    Answer { status: 200, head, data: None, trailers: &[] }
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// Result of a check of a server with this response, and the request that the server got.
async fn asked(check: &Check, answer: Answer) -> (Result<(), String>, Request<()>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint = Backend::new(
        address.to_string(),
        "app.test:81",
        BackendAddress::Tcp(address),
        None,
        BackendSettings::default(),
    );
    let server = async {
        let (socket, _) = listener.accept().await.expect("a connection");
        let mut connection = h2::server::handshake(socket).await.expect("HTTP/2");
        let (request, mut respond) = connection.accept().await.expect("a request").expect("it is sound");
        let (head, mut body) = request.into_parts();
        let drive = tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let mut message = Vec::new();
        while let Some(piece) = body.data().await {
            message.extend_from_slice(&piece.expect("the body goes on"));
        }
        let mut response = Response::new(());
        *response.status_mut() = answer.status.try_into().expect("a status");
        *response.headers_mut() = map(answer.head);
        let mut stream = respond.send_response(response, answer.data.is_none()).expect("it is taken");
        if let Some(data) = answer.data {
            stream.send_data(data.into(), false).expect("it is taken");
            stream.send_trailers(map(answer.trailers)).expect("they are taken");
        }
        drive.await.expect("an end");
        (Request::from_parts(head, ()), message)
    };
    let (result, (request, message)) = within(async { tokio::join!(ask(&endpoint, check), server) }).await;
    (result, request, message)
}

async fn refused(answer: Answer) -> String {
    asked(&check(|_| ()), answer).await.0.expect_err("it is not well")
}

#[tokio::test]
async fn a_server_that_serves_is_well() {
    let (result, request, message) = asked(&check(|_| ()), serving_as(1)).await;
    assert_eq!(result, Ok(()));
    assert_eq!(request.uri(), "http://app.test:81/grpc.health.v1.Health/Check");
    let fields = ["content-type", "te", "user-agent"].map(|name| request.headers()[name].to_str().expect("text"));
    assert_eq!((request.method(), fields), (&Method::POST, ["application/grpc", "trailers", "proxy-health-check"]));
    assert_eq!(message, [0; 5], "no service is the whole server");
}

#[tokio::test]
async fn it_can_be_asked_about_one_service_and_with_metadata() {
    let check = check(|c| {
        c.service = "shop.Cart".into();
        c.headers = vec![("Authorization".into(), "key".into()), ("Host".into(), "shop.test".into())];
    });
    let (result, request, message) = asked(&check, serving_as(1)).await;
    assert_eq!(result, Ok(()));
    assert_eq!(request.uri().authority().expect("an authority"), "shop.test");
    assert_eq!(request.headers()["authorization"], "key");
    assert_eq!(message, b"\0\0\0\0\x0b\x0a\x09shop.Cart");
}

#[tokio::test]
async fn every_other_answer_says_why_it_is_none() {
    assert_eq!(refused(serving_as(0)).await, "its status is UNKNOWN");
    assert_eq!(refused(serving_as(2)).await, "its status is NOT_SERVING");
    assert_eq!(refused(serving_as(3)).await, "its status is SERVICE_UNKNOWN");
    assert_eq!(refused(serving_as(9)).await, "its status is 9, which is none");
    let head = &[("grpc-status", "12"), ("grpc-message", "no%20such%0Amethod")];
    assert_eq!(refused(trailers_only(head)).await, "grpc.health.v1 answers UNIMPLEMENTED: no such method");
    assert_eq!(refused(trailers_only(&[("grpc-status", "5")])).await, "grpc.health.v1 answers NOT_FOUND");
    assert_eq!(refused(trailers_only(&[("grpc-status", "99")])).await, "grpc.health.v1 answers 99");
    assert_eq!(refused(trailers_only(&[])).await, "the answer has no grpc-status: it is none of gRPC");
    assert_eq!(refused(Answer { status: 404, ..trailers_only(&[]) }).await, "the answer is a 404");
    let data = Some(b"<html>".to_vec());
    assert_eq!(refused(Answer { data, ..serving_as(1) }).await, "the answer is not a grpc.health.v1 message");
    let data = Some(vec![0; LARGEST + 1]);
    assert_eq!(refused(Answer { data, ..serving_as(1) }).await, "the answer is too large");
}

#[tokio::test]
async fn a_server_that_speaks_no_http_2_or_says_nothing_is_not_well() {
    use tokio::io::AsyncWriteExt;
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let endpoint =
            Backend::new(String::new(), "app.test", BackendAddress::Tcp(address), None, BackendSettings::default());
        let server = async {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            socket.write_all(answer.as_bytes()).await.expect("it is taken");
            socket.shutdown().await.expect("it ends");
            socket
        };
        let check = check(|_| ());
        let (result, _) = within(async { tokio::join!(ask(&endpoint, &check), server) }).await;
        let why = result.expect_err("it is not well");
        assert!(why.starts_with("no answer over HTTP/2: "), "{why}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint =
        Backend::new(String::new(), "app.test", BackendAddress::Tcp(address), None, BackendSettings::default());
    let impatient = check(|c| c.timeout = 0.05);
    let result = within(ask(&endpoint, &impatient)).await;
    assert_eq!(result, Err(format!("no whole answer within {:?}", Duration::from_millis(50))));
}

#[test]
fn messages_are_read_as_protocol_buffers_are() {
    assert_eq!(status(&framed(&[])), Some(0), "a field that is not there has its default");
    assert_eq!(status(&framed(&[0x08, 0x01])), Some(1));
    assert_eq!(status(&framed(&[0x08, 0x81, 0x00])), Some(1), "a number may be longer than it need be");
    assert_eq!(status(&framed(&[0x08, 0x02, 0x08, 0x01])), Some(1), "the last one counts");
    let later = [0x12, 2, 1, 1, 0x08, 1, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4];
    assert_eq!(status(&framed(&later)), Some(1), "other fields are passed over");
    for message in
        [&[0x08][..], &[0x0b], &[0x12, 9, 1], &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
    {
        assert_eq!(status(&framed(message)), None, "{message:?}");
    }
    assert_eq!(status(b""), None);
    assert_eq!(status(&[1, 0, 0, 0, 2, 8, 1]), None, "it is compressed");
    assert_eq!(status(&[0, 0, 0, 0, 1, 8, 1]), None, "there is more than it says");
    let long = request(&"x".repeat(300));
    assert_eq!((&long[..3], long.len()), (&[0x0a, 0xac, 0x02][..], 303));
}
