use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::ask::asked as ask;
use super::*;
use crate::compile::Report;
use crate::config::PoolConfig;
use crate::config::{BodyMatch, HealthCheck};
use crate::upstream::backend::rules::GroupRules;
use crate::upstream::backend::{Backend, BackendAddress, BackendSettings};
use crate::upstream::tests::within;

/// Mistakes of a pool.
fn problems(change: impl FnOnce(&mut PoolConfig)) -> Vec<String> {
    let mut pool = PoolConfig::default();
    change(&mut pool);
    Report::told(|report| GroupRules::compile(&pool, report)).1
}

/// Mistakes of a health check.
fn check_problems(change: impl FnOnce(&mut HealthCheck)) -> Vec<String> {
    let mut spec = HealthCheck::default();
    change(&mut spec);
    problems(|pool| pool.health_check = Some(spec))
}

fn check(change: impl FnOnce(&mut HealthCheck)) -> Check {
    let mut spec = HealthCheck { timeout: 2.0, ..HealthCheck::default() };
    change(&mut spec);
    Report::sound(|report| Check::compile(&spec, report))
}

/// Result of a check of a backend that answers one connection with these bytes, and the request that it got.
async fn answered(check: &Check, answer: &str) -> (Result<(), String>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint = Backend::new(
        address.to_string(),
        "app.test:81",
        BackendAddress::Tcp(address),
        None,
        BackendSettings::default(),
    );
    let backend = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("the head goes on"));
        }
        stream.write_all(answer.as_bytes()).await.expect("it is taken");
        String::from_utf8(request).expect("text")
    };
    within(async { tokio::join!(ask(&endpoint, check), backend) }).await
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready";

#[test]
fn times_and_numbers_that_are_none_are_refused() {
    assert_eq!(problems(|_| ()), [""; 0]);
    assert_eq!(
        problems(|pool| (pool.fail_timeout, pool.queue_timeout) = (0.0, f64::NAN)),
        [
            "fail_timeout: 0 is not a valid time: write seconds greater than 0, as in 30 or 0.5",
            "queue_timeout: NaN is not a valid time: write seconds greater than 0, as in 30 or 0.5"
        ]
    );
    assert_eq!(
        problems(|pool| (pool.max_fails, pool.queue) = (-1, 1_000_001)),
        [
            "max_fails: -1 is out of range: write a number from 0 to 10000",
            "queue: 1000001 is out of range: write a number from 0 to 1000000"
        ]
    );
}

#[test]
fn every_option_of_a_check_is_checked() {
    type Case = (fn(&mut HealthCheck), &'static str);
    let cases: [Case; 15] = [
        (|c| c.interval = 0.0, "interval: 0 is not a valid time: write seconds greater than 0, as in 30 or 0.5"),
        (|c| c.timeout = -1.0, "timeout: -1 is not a valid time: write seconds greater than 0, as in 30 or 0.5"),
        (|c| c.rise = 0, "rise: 0 is out of range: write a number from 1 to 1000"),
        (|c| c.fall = 1001, "fall: 1001 is out of range: write a number from 1 to 1000"),
        (|c| c.port = Some(65_536), "port: 65536 is not a valid port: write a number from 1 to 65535"),
        (
            |c| c.path = "healthz".into(),
            "path: \"healthz\" is not a valid path: write one that begins with /, such as \"/healthz\"",
        ),
        (
            |c| c.path = "/a b".into(),
            "path: \"/a b\" is not a valid path: write one that begins with /, such as \"/healthz\"",
        ),
        (
            |c| c.method = "GE T".into(),
            "method: \"GE T\" cannot be asked with: write a method such as \"GET\" or \"HEAD\"",
        ),
        (
            |c| c.method = "CONNECT".into(),
            "method: \"CONNECT\" cannot be asked with: write a method such as \"GET\" or \"HEAD\"",
        ),
        (|c| c.status = Vec::new(), "status: the list is empty: write a code or a range, such as 200 or 200..399"),
        (|c| c.status = vec![(99, 99)], "status: 99 is not a valid status code: write one from 100 to 599"),
        (
            |c| c.status = vec![(200, 299), (399, 300)],
            "status: 399..300 is not a valid range of status codes: write one from 100 to 599, such as 200..399",
        ),
        (
            |c| c.headers = vec![("A B".into(), "c".into())],
            "headers: \"A B\" is not a valid header name: use letters, digits and hyphens",
        ),
        (
            |c| c.headers = vec![("connection".into(), "c".into())],
            "headers: \"connection\" is set by the proxy itself: leave it out",
        ),
        (
            |c| c.headers = vec![("A".into(), "b\r\nC: d".into())],
            "headers: the value of \"A\" holds a control character: leave it out",
        ),
    ];
    for (change, problem) in cases {
        assert_eq!(check_problems(change), [format!("health_check: {problem}")]);
    }
    assert_eq!(
        check_problems(|c| (c.method, c.body) = ("HEAD".into(), Some(BodyMatch::Text("x".into())))),
        ["health_check: body: the answer to HEAD has no body: write method: \"GET\", or leave body out"]
    );
    assert_eq!(
        check_problems(|c| c.body = Some(BodyMatch::Pattern("(?=a)".into()))),
        ["health_check: body: /(?=a)/ cannot be used (look-around, including look-ahead and look-behind, is not \
          supported): write a pattern without look-around and back-references"]
    );
    assert_eq!(check_problems(|c| (c.tcp, c.path) = (true, String::new())), [""; 0], "nothing is asked");
}

#[tokio::test]
async fn the_question_is_a_request_of_its_own_connection() {
    let (result, request) = answered(&check(|c| c.path = "/healthz?deep=1".into()), OK).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        request,
        "GET /healthz?deep=1 HTTP/1.1\r\nHost: app.test:81\r\nUser-Agent: proxy-health-check\r\nConnection: close\r\n\
         \r\n"
    );
}

#[tokio::test]
async fn method_and_fields_are_those_that_were_written() {
    let check = check(|c| {
        c.method = "POST".into();
        c.headers = [("host", "example.com"), ("User-Agent", "me"), ("X-Key", "1")]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec();
    });
    let (result, request) = answered(&check, OK).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        request,
        "POST / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: me\r\nX-Key: 1\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
}

#[tokio::test]
async fn only_the_statuses_that_were_named_mean_well() {
    let check = check(|c| c.status = vec![(200, 299), (401, 401)]);
    for (status, well) in [(200, true), (299, true), (300, false), (401, true), (402, false), (500, false)] {
        let (result, _) = answered(&check, &format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(result, if well { Ok(()) } else { Err(format!("the answer is a {status}")) });
    }
}

#[tokio::test]
async fn interim_responses_are_waited_through() {
    let (result, _) = answered(&check(|_| ()), &format!("HTTP/1.1 103 Early Hints\r\n\r\n{OK}")).await;
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn the_body_must_hold_what_it_should() {
    let text = |text: &str| check(|c| c.body = Some(BodyMatch::Text(text.into())));
    let pattern = |text: &str| check(|c| c.body = Some(BodyMatch::Pattern(text.into())));
    let missing = Err("the body does not hold what it should".to_owned());
    assert_eq!(answered(&text("ead"), OK).await.0, Ok(()));
    assert_eq!(answered(&text("Ready"), OK).await.0, missing);
    assert_eq!(answered(&pattern("(?i)^READY$"), OK).await.0, Ok(()));
    assert_eq!(answered(&pattern("^eady"), OK).await.0, missing);
    let until_close = "HTTP/1.1 200 OK\r\n\r\nall ready";
    assert_eq!(answered(&text("ready"), until_close).await.0, Ok(()));
}

#[tokio::test]
async fn a_body_is_looked_through_up_to_a_bound_and_read_to_its_end() {
    let long = |before: usize| {
        let body = format!("{}ready{}", "x".repeat(before), "y".repeat(200_000));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let check = check(|c| c.body = Some(BodyMatch::Text("ready".into())));
    assert_eq!(answered(&check, &long(60_000)).await.0, Ok(()));
    assert!(answered(&check, &long(66_000)).await.0.is_err());
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_none() {
    let check = check(|_| ());
    let ended = Err("the connection ended within the answer".to_owned());
    assert_eq!(answered(&check, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nready").await.0, ended);
    assert_eq!(answered(&check, "HTTP/1.1 2").await.0, ended);
    assert_eq!(answered(&check, "").await.0, Err("the connection ended without an answer".to_owned()));
    let malformed = answered(&check, "hello\r\n\r\n").await.0.expect_err("no answer");
    assert!(malformed.starts_with("the answer is malformed: "), "{malformed}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint =
        Backend::new(address.to_string(), "a", BackendAddress::Tcp(address), None, BackendSettings::default());
    let check = check(|c| c.timeout = 0.05);
    let backend = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nready").await.expect("it is taken");
        let mut rest = Vec::new();
        // This read only waits until the connection ends.
        let _ = stream.read_to_end(&mut rest).await;
    };
    let (result, ()) = within(async { tokio::join!(ask(&endpoint, &check), backend) }).await;
    assert_eq!(result, Err("no whole answer within 50ms".to_owned()));
}

#[tokio::test]
async fn a_connection_is_enough_for_tcp_and_may_be_made_to_another_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let endpoint = Backend::new(dead.to_string(), "a", BackendAddress::Tcp(dead), None, BackendSettings::default());
    let here = check(|c| c.tcp = true);
    assert_eq!(within(ask(&endpoint, &here)).await, Err("connection refused".to_owned()));
    let there = check(|c| (c.tcp, c.port) = (true, Some(address.port().into())));
    assert_eq!(within(ask(&endpoint, &there)).await, Ok(()));
}

#[tokio::test]
async fn a_backend_with_tls_is_checked_over_tls() {
    use crate::upstream::backend::Tls;
    use crate::upstream::tests::certs::{write, Authority};
    use crate::upstream::tests::tls_server;
    use crate::upstream::tls::TlsClient;
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (address, mut seen) = tls_server::tcp(&authority.certify(&["app.test"]), None).await;
    let pool = PoolConfig { ca_file: Some(write(folder.path(), "ca.pem", &authority.pem())), ..PoolConfig::default() };
    let client = Report::sound(|report| TlsClient::compile(&pool, report)).expect("a policy");
    let named = |name: &'static str| {
        let tls = Tls { client: client.clone(), name: name.try_into().expect("a name") };
        Backend::new(address.to_string(), "a", BackendAddress::Tcp(address), Some(tls), BackendSettings::default())
    };
    let check = check(|c| c.tcp = true);
    assert_eq!(within(ask(&named("app.test"), &check)).await, Ok(()));
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni.as_deref(), Some("app.test"));
    let refused = within(ask(&named("other.test"), &check)).await.expect_err("another name");
    assert!(refused.starts_with("the TLS handshake failed: "), "{refused}");
}

/// A backend at that address, alone in its upstream and checked every 20 ms.
fn checked_backend(address: std::net::SocketAddr) -> Arc<Backend> {
    use crate::log::{Level, Log};
    use crate::upstream::backend::group::BackendGroup;
    let check = check(|c| (c.tcp, c.interval, c.rise, c.fall) = (true, 0.02, 2, 3));
    let group = BackendGroup::new("app", Arc::new(GroupRules { check: Some(check), ..GroupRules::default() }));
    let endpoint = Backend::within(
        &group,
        address.to_string(),
        "a",
        BackendAddress::Tcp(address),
        None,
        BackendSettings::default(),
    );
    group.start(&tokio::runtime::Handle::current(), &Log::new(Level::Error), schedule::checker);
    group.set_members(std::slice::from_ref(&endpoint), false);
    endpoint
}

#[tokio::test]
async fn a_backend_leaves_and_returns_with_its_checks() {
    use crate::upstream::tests::until;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let endpoint = checked_backend(address);
    let stats = endpoint.stats();
    assert!(!endpoint.is_available() && stats.state == "unchecked" && stats.check.is_none(), "nothing is known yet");
    until("a check", || endpoint.stats().check.is_some_and(|check| check.healthy)).await;
    assert!(endpoint.is_available());
    drop(listener);
    until("it leaves", || !endpoint.is_available()).await;
    let stats = endpoint.stats();
    let check = stats.check.expect("a result");
    assert_eq!((stats.state, check.healthy, check.error.as_deref()), ("unhealthy", false, Some("connection refused")));
    let _listener = TcpListener::bind(address).await.expect("the same port");
    until("it returns", || endpoint.is_available()).await;
}

#[tokio::test]
async fn who_is_no_member_any_more_is_not_checked_any_more() {
    use crate::upstream::tests::until;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = checked_backend(listener.local_addr().expect("an address"));
    within(listener.accept()).await.expect("a check");
    endpoint.group().set_members(&[], true);
    let weak = Arc::downgrade(&endpoint);
    // Attempts may hold it for long; checks do not.
    until("the last check", || weak.strong_count() == 1).await;
    while let Ok(more) = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await {
        more.expect("one that was on its way");
    }
}
