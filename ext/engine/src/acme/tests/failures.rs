use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peers::{Manners, TestAuthority};
use crate::acme::order::{FailureKind, OrderFailure};
use crate::clock;
use crate::config::AcmeConfig;
use crate::log::tests::Memory;
use crate::log::{Level, Log};

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 90\r\ncontent-type: text/html\r\n\
                    content-length: 6\r\n\r\n<html>";
const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
const LIMITED: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 90\r\ncontent-type: application/problem+json\r\n\
                       content-length: 77\r\n\r\n\
                       {\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many of them\"}";

/// What comes of an order at a server that answers `directory` to the first path, if it is given, and `answer` to all
/// others.
async fn asked(authority: &TestAuthority, directory: Option<String>, answer: &'static str) -> OrderFailure {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // As soon as orders come, they come here.
    let directory = directory.map(|json| {
        let json = json.replace(&format!("{}/order-plz", authority.pebble.url.trim_end_matches("/dir")), &url);
        assert!(json.contains(&url), "{json}");
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{json}", json.len())
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 2_000];
            let _ = stream.read(&mut head).await;
            let is_directory = head.starts_with(b"GET /dir ");
            let answer = directory.as_deref().filter(|_| is_directory).unwrap_or(answer);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let client = authority.client(&AcmeConfig { authority: vec![format!("{url}/dir")], ..authority.config() });
    authority.order(&client, &["app.test"]).await.expect_err("no authority")
}

fn wait(failure: &OrderFailure) -> Duration {
    let moment = failure.retry_after.expect("a moment");
    moment.duration_since(SystemTime::now()).expect("in the future")
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_told_apart_from_one_that_is_none() {
    let authority = TestAuthority::start(Manners::default()).await;
    let failure = asked(&authority, None, BUSY).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(wait(&failure) > Duration::from_secs(60) && wait(&failure) <= Duration::from_secs(90), "{failure}");
    assert_eq!(asked(&authority, None, LIMITED).await.kind, FailureKind::RateLimited);
    let failure = asked(&authority, None, PAGE).await;
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(failure.message.contains("is no directory of an authority: its answer is text/html"), "{failure}");
    let failure = asked(&authority, None, "").await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("it has closed the connection in the middle"), "{failure}");
}

#[tokio::test]
async fn an_order_that_is_not_taken_says_whether_and_when_to_try_again() {
    let authority = TestAuthority::start(Manners::default()).await;
    let directory = authority.client(&authority.config()).directory().await.expect("a directory");
    let directory = || Some(String::from_utf8_lossy(&directory.body).into_owned());
    let failure = asked(&authority, directory(), BUSY).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("new order: it has answered 503 Service Unavailable"), "{failure}");
    assert!(wait(&failure) > Duration::from_secs(60), "{failure}");
    let failure = asked(&authority, directory(), LIMITED).await;
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert!(failure.message.ends_with("new order: too many of them (rateLimited)"), "{failure}");
    assert!(wait(&failure) > Duration::from_secs(60) && wait(&failure) <= Duration::from_secs(90), "{failure}");
    let failure = asked(&authority, directory(), "").await;
    assert_eq!((failure.kind, failure.retry_after), (FailureKind::Unavailable, None));
    let failure = asked(&authority, directory(), PAGE).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(authority.storage.list("orders/").await.expect("a list"), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_the_authority_does_not_serve_is_refused() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let failure = authority.order(&client, &["blocked.test"]).await.expect_err("it is blocked");
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.ends_with("(rejectedIdentifier)"), "{failure}");
}

#[tokio::test]
async fn a_storage_that_cannot_be_written_stops_before_anything_is_ordered() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    std::fs::write(authority.folder.path().join("storage"), "in the way").expect("written");
    let failure = authority.order(&client, &["app.test"]).await.expect_err("no storage");
    assert_eq!(failure.kind, FailureKind::Own);
    assert_eq!(authority.counts(), (0, 0));
}

#[tokio::test]
async fn a_clock_that_is_years_behind_costs_no_certificate_but_is_warned_of() {
    let mut authority = TestAuthority::start(Manners::default()).await;
    let memory = Memory::default();
    authority.log = Log::to(Level::Info, Box::new(memory.clone()));
    let client = authority.client(&authority.config());
    clock::simulated::begin_here();
    let issued = authority.order(&client, &["app.test"]).await;
    clock::simulated::end_here();
    issued.expect("a certificate");
    let log = memory.text();
    assert!(log.contains(" h behind that of "), "{log}");
    assert!(log.contains("acme: app.test: ordered at "), "{log}");
}
