//! Where metrics are served.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use proxy_engine::configuration::{ControlConfig, MetricsConfig};

use super::{await_series, shown};
use crate::support::{nobody, Message, Origin, Peer, Proxy, Settings};

fn get(address: &str, request: &str) -> Message {
    let mut peer = Peer::new(std::net::TcpStream::connect(address).expect("it listens"));
    peer.send(format!("{request} HTTP/1.1\r\nHost: monitoring.example\r\nConnection: close\r\n\r\n"));
    peer.response()
}

/// Serves metrics at that URL.
fn at(url: String) -> impl FnOnce(&mut Settings) {
    move |settings| settings.server.metrics = Some(MetricsConfig { url: Some(url), ..MetricsConfig::default() })
}

#[test]
fn an_address_of_their_own_has_metrics_and_nothing_else() {
    let (origin, address) = (Origin::echoing_targets(), nobody());
    let proxy = Proxy::with(&[&origin.address()], at(format!("http://{address}/own/metrics")));
    assert_eq!(proxy.server.metrics_urls(), [format!("http://{address}/own/metrics")]);
    assert_eq!(proxy.client().get("/").status(), 200);
    let answer = get(&address, "GET /own/metrics?x=y");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.get("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.text().contains("\nproxy_requests_in_flight{route=\"/*\"} "), "{}", answer.text());
    for (request, status) in [
        ("GET /metrics", 404),
        ("GET /status", 404),
        ("GET /own/metrics/", 404),
        ("POST /own/metrics", 405),
        ("POST /stop", 404),
    ] {
        assert_eq!(get(&address, request).status(), status, "{request}");
    }
    // Another path, then another address, then none.
    proxy.reload(&[&origin.address()], at(format!("http://{address}")));
    assert_eq!(get(&address, "GET /metrics").status(), 200);
    let other = nobody();
    proxy.reload(&[&origin.address()], at(format!("http://{other}")));
    assert_eq!(get(&other, "GET /metrics").status(), 200);
    proxy.reload(&[&origin.address()], |_| ());
    assert_eq!(proxy.server.metrics_urls(), [] as [&str; 0]);
}

#[test]
fn an_address_that_is_taken_or_wrong_is_a_mistake_with_a_remedy() {
    let origin = Origin::echoing_targets();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", taken.local_addr().expect("an address"));
    let config = |url: &str| Proxy::config(&[&origin.address()], at(url.to_owned()));
    let failed = proxy_engine::Server::start(config(&format!("{url}/metrics"))).expect_err("it is taken");
    let proxy_engine::StartError::Bind(problem) = failed else { panic!("{failed:?}") };
    assert_eq!(problem.to_string(), format!("metrics: {url}: the address is in use: write another port"));
    for (url, message) in [
        ("https://127.0.0.1:1/metrics", "is not served: write an address of this machine"),
        ("127.0.0.1:1", "is not served"),
        ("http://127.0.0.1:1/a?b", "is not a path"),
        ("http://", "http://"),
    ] {
        let problems = proxy_engine::Server::check(&config(url));
        assert!(problems.iter().any(|problem| problem.message.contains(message)), "{url}: {problems:?}");
    }
}

#[test]
fn the_control_socket_has_them_too_and_makes_requests_count() {
    let (origin, folder) = (Origin::echoing_targets(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("proxy.sock");
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let address = format!("unix://{}", path.display());
        settings.server.control = vec![ControlConfig { address, ..ControlConfig::default() }];
    });
    proxy.client().get("/");
    let mut text = String::new();
    crate::support::eventually("the request is counted", || {
        let mut socket = UnixStream::connect(&path).expect("it listens");
        let accept = "Accept: application/openmetrics-text";
        write!(socket, "GET /metrics HTTP/1.1\r\nHost: proxy\r\n{accept}\r\nConnection: close\r\n\r\n").expect("sent");
        text.clear();
        socket.read_to_string(&mut text).expect("an answer");
        text.contains("proxy_requests_total{route=\"/*\",code=\"200\",method=\"GET\"} 1\n")
    });
    assert!(text.contains("application/openmetrics-text; version=1.0.0") && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn several_that_ask_at_once_all_get_an_answer() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut clients: Vec<_> = (0..40).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send_get("/metrics");
    }
    for client in &mut clients {
        let answer = client.response();
        assert_eq!((answer.status(), answer.text().contains("proxy_build_info")), (200, true));
    }
    await_series(&proxy, "proxy_requests_in_flight{route=\"/*\"}", 0.0);
}
