//! Connections that take too long, and orders to Ruby.

use std::time::Duration;

use http::StatusCode;
use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

use super::orders::{OrderWaiter, Orders};
use super::{ApiLimits, ControlApi};
use crate::config::ControlConfig;
use crate::control::place::ControlPlace;
use crate::log::{Level, Log};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_order_is_taken_and_answered() {
    let orders = Orders::default();
    let body = json!({ "a": 1 });
    let give = orders.give("reload", &body, LIMIT);
    let work = async {
        let order = orders.next(&OrderWaiter::default()).expect("no interrupt").expect("an order");
        assert_eq!((order.name, &*order.body), ("reload", "{\"a\":1}"));
        orders.answer(order.id, StatusCode::OK, json!({ "done": true }));
    };
    let (given, ()) = tokio::join!(give, work);
    assert_eq!(given.expect("an answer"), (StatusCode::OK, json!({ "done": true })));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_answered_is_given_up_and_taken_back() {
    let orders = Orders::default();
    let refusal = orders.give("reload", &Value::Null, LIMIT).await.expect_err("nobody answers");
    assert_eq!(refusal.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(refusal.error, "reload: it was not begun after 60 s: look at the log");
    let waiter = OrderWaiter::default();
    orders.interrupt(&waiter);
    assert_eq!(orders.next(&waiter).map(|_| ()), Err(()), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn only_a_few_orders_wait() {
    let orders = Orders::default();
    let give = || orders.give("reload", &Value::Null, LIMIT);
    let (a, b, c, d, e) = tokio::join!(give(), give(), give(), give(), give());
    let statuses = [a, b, c, d, e].map(|given| given.expect_err("nobody answers").status.as_u16());
    assert_eq!(statuses, [504, 504, 504, 504, 503]);
}

#[tokio::test]
async fn the_end_is_told_to_both_sides() {
    let orders = Orders::default();
    let end = async { orders.close() };
    let (given, ()) = tokio::join!(orders.give("stop", &Value::Null, LIMIT), end);
    assert_eq!(given.expect_err("it ends").status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(orders.give("stop", &Value::Null, LIMIT).await.is_err(), "there will be no more");
    assert!(orders.next(&OrderWaiter::default()).expect("no interrupt").is_none());
}

#[tokio::test]
async fn an_order_that_was_taken_is_answered_at_the_end() {
    let orders = Orders::default();
    let work = async {
        let order = orders.next(&OrderWaiter::default()).expect("no interrupt").expect("an order");
        orders.close();
        orders.answer(order.id, StatusCode::OK, json!({ "pid": 1 }));
    };
    let (given, ()) = tokio::join!(orders.give("upgrade", &Value::Null, LIMIT), work);
    assert_eq!(given.expect("an answer").1, json!({ "pid": 1 }));
    let orders = Orders::default();
    let work = async {
        let _ = orders.next(&OrderWaiter::default());
        orders.close();
        orders.give_up();
    };
    let (given, ()) = tokio::join!(orders.give("upgrade", &Value::Null, LIMIT), work);
    assert_eq!(given.expect_err("nobody answers").status, StatusCode::SERVICE_UNAVAILABLE);
}

/// An API without a server behind it, and its address.
async fn api(limits: ApiLimits) -> (ControlApi, String) {
    api_at(limits, None).await
}

/// The same with another place too.
async fn api_at(limits: ApiLimits, other: Option<ControlConfig>) -> (ControlApi, String) {
    let config = ControlConfig {
        address: "http://127.0.0.1:0".into(),
        token: Some("0123456789abcdef0123456789abcdef".into()),
        ..ControlConfig::default()
    };
    let places = ControlPlace::compile(&[vec![config], other.into_iter().collect()].concat(), &mut Vec::new());
    let api = ControlApi::with(limits);
    let opened = api.open(&places, &[], &Log::new(Level::Error)).expect("a free port");
    api.take(&places, opened, &Handle::current(), &Log::new(Level::Error));
    let address = api.urls()[0].trim_start_matches("http://").to_owned();
    (api, address)
}

/// What comes until the end of the connection.
async fn rest(client: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(LIMIT, client.read_to_end(&mut rest)).await.expect("it ends");
    // A reset is an end too.
    drop(read);
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let limits = ApiLimits { head: Duration::from_millis(50), ..ApiLimits::default() };
    let (_api, address) = api(limits).await;
    for beginning in ["", "GET / HTTP/1.1\r\nHost: "] {
        let mut client = TcpStream::connect(&address).await.expect("it accepts");
        client.write_all(beginning.as_bytes()).await.expect("it reads");
        assert!(!rest(&mut client).await.starts_with("HTTP/1.1 2"));
    }
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_answer() {
    let limits = ApiLimits { head: Duration::from_millis(50), ..ApiLimits::default() };
    let (_api, address) = api(limits).await;
    let mut client = TcpStream::connect(&address).await.expect("it accepts");
    client.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.expect("it reads");
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_connection_waits_until_there_is_a_place() {
    let (_api, address) = api(ApiLimits { connections: 1, ..ApiLimits::default() }).await;
    let first = TcpStream::connect(&address).await.expect("it accepts");
    let mut second = TcpStream::connect(&address).await.expect("the system accepts");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    second.write_all(request.as_bytes()).await.expect("it is kept");
    let early = tokio::time::timeout(Duration::from_millis(100), second.readable()).await;
    assert!(early.is_err(), "the first one has the place");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn whoever_takes_all_places_over_tcp_does_not_keep_the_operator_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let socket = ControlConfig { address: format!("unix://{}", path.display()), ..ControlConfig::default() };
    let (api, address) = api_at(ApiLimits { connections: 1, ..ApiLimits::default() }, Some(socket)).await;
    let strangers = TcpStream::connect(&address).await.expect("it accepts");
    strangers.writable().await.expect("it is connected");
    let mut operator = UnixStream::connect(&path).await.expect("it accepts");
    operator.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it reads");
    let mut answer = [0; 9];
    let read = tokio::time::timeout(LIMIT, operator.read_exact(&mut answer)).await;
    assert!(read.is_ok_and(|read| read.is_ok_and(|_| answer.starts_with(b"HTTP/1.1"))), "it has a place of its own");
    drop((strangers, api));
}

#[tokio::test]
async fn the_end_closes_every_connection() {
    let (api, address) = api(ApiLimits::default()).await;
    let mut client = TcpStream::connect(&address).await.expect("it accepts");
    client.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.expect("it reads");
    client.readable().await.expect("an answer");
    api.finish().await;
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 401 "));
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn after_a_hand_over_the_file_of_a_socket_stays_only_for_a_process_that_serves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    for is_served in [true, false] {
        let socket = ControlConfig { address: format!("unix://{}", path.display()), ..ControlConfig::default() };
        let (api, _) = api_at(ApiLimits::default(), Some(socket)).await;
        let copies = is_served.then(|| api.copies());
        api.pass_on(Duration::ZERO);
        api.finish().await;
        assert_eq!(path.exists(), is_served);
        drop(copies);
    }
}

#[tokio::test]
async fn a_client_that_was_accepted_just_before_the_end_gets_its_answer() {
    let (api, address) = api(ApiLimits::default()).await;
    let mut client = TcpStream::connect(&address).await.expect("it accepts");
    let mut other = TcpStream::connect(&address).await.expect("it accepts");
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    // Its answer tells that both were accepted.
    other.write_all(request.as_bytes()).await.expect("it reads");
    other.readable().await.expect("an answer");
    api.pass_on(Duration::ZERO);
    assert!(rest(&mut other).await.starts_with("HTTP/1.1 401 "), "the end is told at once to who has asked");
    client.write_all(request.as_bytes()).await.expect("it reads");
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_hand_over_the_next_connection_is_of_the_other_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let socket = ControlConfig { address: format!("unix://{}", path.display()), ..ControlConfig::default() };
    for _ in 0..20 {
        let (api, _) = api_at(ApiLimits::default(), Some(socket.clone())).await;
        let copies = api.copies();
        let unix = copies.iter().find(|(url, _)| url.starts_with("unix:")).expect("the socket");
        let other = std::os::unix::net::UnixListener::from(unix.1.for_server().expect("a copy").0);
        tokio::task::block_in_place(|| api.pass_on(LIMIT));
        let _client = UnixStream::connect(&path).await.expect("somebody listens");
        assert!(other.accept().is_ok(), "nobody else has taken it");
        api.finish().await;
    }
}
