use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peers::{Manners, TestAuthority};
use crate::acme::order::{FailureKind, OrderFailure};
use crate::config::AcmeConfig;

/// What comes of an authority whose directory is this answer.
async fn asked(authority: &TestAuthority, answer: &'static str) -> OrderFailure {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/dir", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 2_000]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let client = authority.client(&AcmeConfig { authority: vec![url], ..authority.config() });
    authority.order(&client, &["app.test"]).await.expect_err("no authority")
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_told_apart_from_one_that_is_none() {
    let authority = TestAuthority::start(Manners::default()).await;
    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 90\r\ncontent-type: text/html\r\n\
                content-length: 6\r\n\r\n<html>";
    let failure = asked(&authority, busy).await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let wait = failure.retry_after.expect("a moment").duration_since(SystemTime::now()).expect("in the future");
    assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(90), "{wait:?}");
    let limited = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(asked(&authority, limited).await.kind, FailureKind::RateLimited);
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let failure = asked(&authority, page).await;
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(failure.message.contains("is no directory of an authority"), "{failure}");
    let failure = asked(&authority, "").await;
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("it has closed the connection in the middle"), "{failure}");
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
    assert_eq!((authority.orders(), authority.accounts()), (0, 0));
}
