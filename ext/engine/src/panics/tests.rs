use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::configuration::{BindConfig, Directive, StaticResponseConfig};
use crate::filter::FilterConfig;
use crate::log::Level;
use crate::{Config, Server};

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_begins_anew_after_ever_longer_pauses() {
    let (begun, times) = (Instant::now(), Cell::new(0));
    let work = || async {
        times.set(times.get() + 1);
        assert!(times.get() == 4, "not yet");
    };
    enduring("a test", Log::new(Level::Error), work).await;
    assert_eq!((times.get(), begun.elapsed().as_secs()), (4, 1 + 2 + 4));
}

/// One connection to a server, kept over several requests.
struct Caller(TcpStream);

impl Caller {
    /// The status of the answer to a request, and its body.
    fn ask(&mut self, path: &str) -> (u16, String) {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").expect("the connection is open");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).expect("a head");
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        self.0.read_exact(&mut body).expect("a body");
        (head[9..12].parse().expect("a status"), String::from_utf8_lossy(&body).into_owned())
    }
}

#[test]
fn a_panic_in_a_filter_or_a_handler_costs_that_request_a_500_and_nothing_else() {
    let filter = serde_json::json!({ "response_headers": { "additions": [["X-Added", ["ours"]]] } });
    let filter: FilterConfig = serde_json::from_value(filter).expect("a filter");
    let config = Config {
        binds: vec![BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() }],
        routes: vec![
            Directive::Filter(filter),
            Directive::StaticResponse(StaticResponseConfig { body: "hello".into(), ..Default::default() }),
        ],
        ..Config::default()
    };
    let server = Server::start(config).expect("it starts");
    let address = server.urls()[0].trim_start_matches("http://").to_owned();
    let connect = || {
        let stream = TcpStream::connect(&address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        Caller(stream)
    };
    let mut other = connect();
    for place in ["filter", "handler"] {
        assert_eq!(other.ask("/"), (200, "hello".into()));
        let (status, body) = connect().ask(&format!("/panic/{place}"));
        assert_eq!(status, 500, "{body}");
        assert_eq!(other.ask("/"), (200, "hello".into()), "the same thread serves others");
    }
    // A request ends just after its client has the answer.
    let end = std::time::SystemTime::now() + Duration::from_secs(20);
    while server.stats().requests.in_flight > 0 && std::time::SystemTime::now() < end {
        std::thread::yield_now();
    }
    let stats = server.stats();
    assert_eq!((stats.requests.in_flight, stats.requests.status_5xx, stats.requests.status_2xx), (0, 2, 4));
}
