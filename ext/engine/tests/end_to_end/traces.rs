//! Traces: what backends are told, and what a collector gets.

mod collecting;
mod context;

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use proxy_engine::config::{Setting, TracingConfig, TrustedProxiesConfig};
use proxy_engine::configuration::{Directive, FilterConfig, ForwardAuthConfig};
use serde_json::Value;

use crate::support::{nobody, Message, Origin, Proxy, Reply, Settings, PATIENCE};

pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(super) const SPAN: &str = "00f067aa0ba902b7";

/// A collector that takes everything.
pub(super) fn collector() -> Origin {
    Origin::answering(|_| Reply::ok("{}"))
}

pub(super) fn to(collector: &Origin) -> TracingConfig {
    TracingConfig { to: format!("http://{}/v1/traces", collector.address()), ..TracingConfig::default() }
}

/// A proxy that sends spans there.
pub(super) fn traced(collector: &Origin, backends: &[&str], change: impl FnOnce(&mut Settings)) -> Proxy {
    Proxy::with(backends, |settings| {
        settings.server.tracing = Some(to(collector));
        change(settings);
    })
}

/// The JSON of a batch, decompressed if it is compressed.
fn json_of(request: &Message) -> Vec<u8> {
    let mut json = request.body.clone();
    if request.get("content-encoding") == Some("gzip") {
        json.clear();
        GzDecoder::new(&request.body[..]).read_to_end(&mut json).expect("gzip");
    }
    json
}

/// The spans of a batch.
pub(super) fn spans_of(request: &Message) -> Vec<Value> {
    let batch: Value = serde_json::from_slice(&json_of(request)).expect("JSON");
    batch["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone()
}

/// All spans, once the server has stopped.
pub(super) fn all_spans(proxy: &Proxy, collector: &Origin) -> Vec<Value> {
    proxy.server.begin_stop(Some(Duration::from_secs(5)));
    assert!(proxy.server.wait(Some(PATIENCE)), "it stops");
    collector.requests().iter().flat_map(spans_of).collect()
}

/// The value of an attribute as text; numbers are text in this JSON.
pub(super) fn attribute<'s>(span: &'s Value, key: &str) -> Option<&'s str> {
    let mut all = span["attributes"].as_array().expect("attributes").iter().filter(|one| one["key"] == key);
    let found = all.next()?["value"].as_object().expect("a value").values().next().and_then(Value::as_str);
    assert!(all.next().is_none(), "{key} is there twice: {span}");
    found
}

fn of_kind(spans: &[Value], kind: u64) -> Vec<&Value> {
    spans.iter().filter(|span| span["kind"] == kind).collect()
}

fn server(spans: &[Value]) -> &Value {
    let [span] = of_kind(spans, 2)[..] else { panic!("one request has one span: {spans:#?}") };
    span
}

fn clients(spans: &[Value]) -> Vec<&Value> {
    of_kind(spans, 3)
}

fn nanos(span: &Value, name: &str) -> u128 {
    span[name].as_str().and_then(|text| text.parse().ok()).expect("a number as text")
}

#[test]
fn a_request_has_a_span_for_its_client_and_one_for_its_backend() {
    let (origin, collector) = (Origin::named("hello"), collector());
    let proxy = traced(&collector, &[&origin.address()], |settings| {
        let tracing = settings.server.tracing.as_mut().expect("tracing");
        tracing.service = "shop".into();
        tracing.headers = vec![("Authorization".into(), "Bearer secret".into())];
        tracing.attributes = vec![("deployment.environment.name".into(), "staging".into())];
    });
    let mut client = proxy.client();
    client.send(
        "GET /users/7?page=2&token=secret HTTP/1.1\r\nHost: site.example:8080\r\nUser-Agent: \"a\" tester\r\n\r\n",
    );
    assert_eq!(client.response().body, b"hello");
    let spans = all_spans(&proxy, &collector);
    let (server, clients) = (server(&spans), clients(&spans));
    let [client] = clients[..] else { panic!("one attempt: {spans:#?}") };
    assert_eq!(server["name"], "GET /*");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/*"),
        ("url.scheme", "http"),
        ("url.path", "/users/7"),
        ("url.query", "page=2&token=…"),
        ("server.address", "site.example"),
        ("server.port", "8080"),
        ("client.address", "127.0.0.1"),
        ("network.peer.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "\"a\" tester"),
    ] {
        assert_eq!(attribute(server, key), Some(value), "{key}");
    }
    assert_eq!((attribute(server, "error.type"), server.get("status"), server.get("parentSpanId")), (None, None, None));
    assert_eq!(client["name"], "GET");
    let (ip, port) = (origin.address(), origin.address());
    let (ip, port) = (ip.split(':').next(), port.split(':').next_back());
    for (key, value) in [
        ("http.request.method", Some("GET")),
        ("http.response.status_code", Some("200")),
        ("http.request.resend_count", None),
        ("server.address", ip),
        ("server.port", port),
        ("network.peer.address", ip),
        ("network.peer.port", port),
        ("url.full", Some(&*format!("http://{}/users/7?page=2&token=…", origin.address()))),
    ] {
        assert_eq!(attribute(client, key), value, "{key}");
    }
    assert_eq!((&client["traceId"], &client["parentSpanId"]), (&server["traceId"], &server["spanId"]));
    let times = |span| (nanos(span, "startTimeUnixNano"), nanos(span, "endTimeUnixNano"));
    let ((begun, over), (sent, answered)) = (times(server), times(client));
    assert!(begun <= sent && sent <= answered && answered <= over, "{spans:#?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_nanos();
    assert!(begun <= now && now - begun < PATIENCE.as_nanos(), "it is the time of day");

    let requests = collector.requests();
    let batch = &requests[0];
    assert_eq!(
        (batch.start.as_str(), batch.get("content-type")),
        ("POST /v1/traces HTTP/1.1", Some("application/json"))
    );
    assert_eq!(batch.get("authorization"), Some("Bearer secret"));
    let json: Value = serde_json::from_slice(&json_of(batch)).expect("JSON");
    let resource = &json["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), Some("shop"));
    assert_eq!(attribute(resource, "deployment.environment.name"), Some("staging"));
    assert_eq!(attribute(resource, "process.pid"), Some(&*std::process::id().to_string()));
    assert!(attribute(resource, "host.name").is_some_and(|name| !name.is_empty()));
    assert!(attribute(resource, "service.version").is_some_and(|name| !name.is_empty()));
}

#[test]
fn each_attempt_has_a_span_of_its_own_and_tells_its_backend_of_it() {
    let (failing, collector) = (Origin::answering(|_| Reply::of("503 No", "")), collector());
    let (working, dead) = (Origin::named("yes"), nobody());
    let proxy = traced(&collector, &[&dead, &failing.address(), &working.address()], |settings| {
        settings.proxy.retry_on = vec!["503".into()];
    });
    assert_eq!(proxy.client().get("/").body, b"yes");
    let spans = all_spans(&proxy, &collector);
    let clients = clients(&spans);
    let told: Vec<_> = clients
        .iter()
        .map(|span| {
            let of = |key| attribute(span, key);
            (
                of("http.request.resend_count"),
                of("http.response.status_code"),
                of("error.type"),
                span["status"]["code"] == 2,
            )
        })
        .collect();
    let expected = [
        (None, None, Some("backend_refused"), true),
        (Some("1"), Some("503"), Some("503"), true),
        (Some("2"), Some("200"), None, false),
    ];
    assert_eq!(told, expected, "{spans:#?}");
    for (origin, span) in [(&failing, clients[1]), (&working, clients[2])] {
        let requests = origin.requests();
        let parent =
            format!("00-{}-{}-01", span["traceId"].as_str().expect("an id"), span["spanId"].as_str().expect("an id"));
        assert_eq!(requests[0].get("traceparent"), Some(&*parent));
    }
    assert_eq!(server(&spans).get("status"), None);
}

#[test]
fn an_error_of_the_proxy_is_one_word() {
    let collector = collector();
    let proxy = traced(&collector, &[&nobody()], |_| ());
    assert_eq!(proxy.client().get("/").status(), 502);
    let spans = all_spans(&proxy, &collector);
    let server = server(&spans);
    assert_eq!(attribute(server, "error.type"), Some("backend_refused"));
    assert_eq!((attribute(server, "http.response.status_code"), &server["status"]["code"]), (Some("502"), &2.into()));
}

#[test]
fn requests_that_are_refused_have_a_span_too() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    let mut client = proxy.client();
    client.send("BREW / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    for request in ["GET / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n"] {
        let mut client = proxy.client();
        client.send(request);
        assert!(client.response().status() >= 400);
    }
    let spans = all_spans(&proxy, &collector);
    let told: Vec<_> = of_kind(&spans, 2)
        .into_iter()
        .map(|span| {
            (span["name"].as_str(), attribute(span, "http.response.status_code"), attribute(span, "error.type"))
        })
        .collect();
    let expected = [
        (Some("HTTP /*"), Some("200"), None),
        (Some("GET"), Some("505"), Some("malformed")),
        (Some("POST"), Some("501"), Some("malformed")),
    ];
    assert_eq!(told[..2], expected[..2], "{spans:#?}");
    assert_eq!((told[2].0, told[2].2), (expected[2].0, expected[2].2), "{spans:#?}");
    let invented = of_kind(&spans, 2)[0];
    assert_eq!(attribute(invented, "http.request.method"), Some("_OTHER"));
    assert_eq!(attribute(invented, "http.request.method_original"), Some("BREW"));
}

#[test]
fn the_span_of_a_tunnel_ends_with_it() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\nhello");
        peer.rest();
    });
    let collector = collector();
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    let mut client = proxy.client();
    client.send("GET /t HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.read(5), b"hello");
    let open = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_nanos();
    client.half_close();
    client.expect_end();
    let spans = all_spans(&proxy, &collector);
    for span in [server(&spans), clients(&spans)[0]] {
        assert_eq!(attribute(span, "http.response.status_code"), Some("101"));
        assert!(nanos(span, "endTimeUnixNano") >= open, "{span}");
    }
}

#[test]
fn the_question_of_forward_auth_is_an_attempt_of_the_trace() {
    let (auth, origin, collector) = (Origin::named("fine"), Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |settings| {
        let to = Some(format!("http://{}/verify", auth.address()));
        let config = ForwardAuthConfig { to, ..ForwardAuthConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::ForwardAuth(config)));
    });
    assert_eq!(proxy.client().get("/").body, b"x");
    let spans = all_spans(&proxy, &collector);
    let clients = clients(&spans);
    let ids: Vec<_> = clients.iter().map(|span| span["spanId"].as_str().expect("an id").to_owned()).collect();
    let sent = |origin: &Origin| origin.requests()[0].get("traceparent").expect("a traceparent")[36..52].to_owned();
    assert_eq!(ids, [sent(&auth), sent(&origin)], "{spans:#?}");
    assert!(attribute(clients[0], "url.full").is_some_and(|url| url.ends_with("/verify")));
    assert!(nanos(clients[0], "endTimeUnixNano") <= nanos(clients[1], "startTimeUnixNano"), "{spans:#?}");
}

fn trusting_nobody(settings: &mut Settings) {
    settings.server.tracing.as_mut().expect("tracing").trust = "trusted_proxies".into();
    settings.server.trusted_proxies = TrustedProxiesConfig { value: vec!["192.0.2.1".into()], ..Default::default() };
    settings.server.log_level = Setting::of("error".into());
}
