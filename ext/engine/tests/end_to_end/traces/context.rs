//! The fields that name the trace.

use proxy_engine::config::{HeaderEdit, HeaderValue, TracingConfig, TrustedProxiesConfig};

use super::{all_spans, collector, server, traced, trusting_nobody, SPAN, TRACE};
use crate::support::{Message, Origin, Proxy, Settings};

/// What a backend got, whose client sent these lines.
fn sent(proxy: &Proxy, origin: &Origin, lines: &str) -> Message {
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    assert_eq!(client.response().status(), 200);
    origin.requests().pop().expect("a request")
}

/// The parts of the only traceparent.
fn parent(request: &Message) -> (String, String, String) {
    let value = request.get("traceparent").expect("a traceparent");
    let parts: Vec<_> = value.split('-').map(str::to_owned).collect();
    assert_eq!((parts.len(), parts[0].as_str(), parts[1].len(), parts[2].len()), (4, "00", 32, 16), "{value}");
    (parts[1].clone(), parts[2].clone(), parts[3].clone())
}

fn ratio(ratio: f64) -> impl FnOnce(&mut Settings) {
    move |settings| settings.server.tracing.as_mut().expect("tracing").ratio = ratio
}

#[test]
fn without_tracing_the_fields_pass_as_any_other() {
    let origin = Origin::named("x");
    let proxy = Proxy::before(&origin);
    let lines = "traceparent: what it may be\r\ntracestate: A,,\r\nb3: 0\r\n";
    let request = sent(&proxy, &origin, lines);
    assert_eq!((request.get("traceparent"), request.get("tracestate")), (Some("what it may be"), Some("A,,")));
    assert!(!sent(&proxy, &origin, "").has("traceparent"));
}

#[test]
fn the_flag_of_the_client_counts_more_than_the_ratio() {
    for (of_all, flag, recorded) in [(0.0, "01", 2), (1.0, "00", 0)] {
        let (origin, collector) = (Origin::named("x"), collector());
        let proxy = traced(&collector, &[&origin.address()], ratio(of_all));
        let lines = format!("Traceparent: 00-{TRACE}-{SPAN}-{flag}\r\ntracestate: congo=t61\r\ntracestate: rojo=1\r\n");
        let request = sent(&proxy, &origin, &lines);
        let (trace, span, told) = parent(&request);
        assert_eq!((trace.as_str(), told.as_str()), (TRACE, flag));
        assert_ne!(span, SPAN, "the backend is told of the proxy's span");
        assert_eq!(request.get("tracestate"), Some("congo=t61,rojo=1"));
        let spans = all_spans(&proxy, &collector);
        assert_eq!(spans.len(), recorded);
        if recorded > 0 {
            let server = server(&spans);
            assert_eq!((&server["traceId"], &server["parentSpanId"]), (&TRACE.into(), &SPAN.into()));
            assert_eq!(server["traceState"], "congo=t61,rojo=1");
        }
    }
}

#[test]
fn a_trace_that_nobody_has_begun_is_begun() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], ratio(0.0));
    let whole = format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n");
    for lines in
        ["", "traceparent: 00-x\r\ntracestate: a=1\r\n", &format!("{whole}{whole}"), "b3: 0\r\ntracestate: a=1\r\n"]
    {
        let request = sent(&proxy, &origin, lines);
        let (trace, _, flag) = parent(&request);
        assert_ne!(trace, TRACE);
        assert_eq!((flag.as_str(), request.get("tracestate")), ("00", None), "{lines}");
    }
    assert_eq!(all_spans(&proxy, &collector), Vec::<serde_json::Value>::new());
}

#[test]
fn the_ratio_is_one_of_traces() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], ratio(0.25));
    let mut client = proxy.client();
    for _ in 0..400 {
        client.get("/");
    }
    let sampled = origin.requests().iter().filter(|request| parent(request).2 == "01").count();
    // Twelve standard deviations on each side.
    assert!((1..=204).contains(&sampled), "{sampled}");
    assert_eq!(all_spans(&proxy, &collector).len(), 2 * sampled);
}

#[test]
fn the_trace_of_a_client_that_is_not_trusted_becomes_a_link() {
    let lines = format!("traceparent: 00-{TRACE}-{SPAN}-00\r\ntracestate: a=1\r\n");
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], trusting_nobody);
    let request = sent(&proxy, &origin, &lines);
    let (trace, _, flag) = parent(&request);
    assert_ne!(trace, TRACE);
    assert_eq!((flag.as_str(), request.get("tracestate")), ("01", None));
    let spans = all_spans(&proxy, &collector);
    let server = server(&spans);
    assert_eq!((server["traceId"].as_str(), server.get("parentSpanId")), (Some(&*trace), None));
    assert_eq!(server["links"], serde_json::json!([{ "traceId": TRACE, "spanId": SPAN }]));
}

#[test]
fn a_trusted_proxy_is_believed() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |settings| {
        trusting_nobody(settings);
        let value = vec!["127.0.0.1".into()];
        settings.server.trusted_proxies = TrustedProxiesConfig { value, ..TrustedProxiesConfig::default() };
    });
    let lines = format!("X-Forwarded-For: 198.51.100.7\r\ntraceparent: 00-{TRACE}-{SPAN}-01\r\n");
    assert_eq!(parent(&sent(&proxy, &origin, &lines)).0, TRACE);
    let spans = all_spans(&proxy, &collector);
    let server = server(&spans);
    assert_eq!((&server["parentSpanId"], server.get("links")), (&SPAN.into(), None));
    assert_eq!(super::attribute(server, "client.address"), Some("198.51.100.7"));
    assert_eq!(super::attribute(server, "network.peer.address"), Some("127.0.0.1"));
}

#[test]
fn other_fields_name_the_trace_if_the_configuration_says_so() {
    let (origin, collector) = (Origin::named("x"), collector());
    let lines = format!("b3: {TRACE}-{SPAN}-1\r\nX-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n");
    for (read, trace) in [("b3", TRACE), ("xray", "5759e988bd862e3fe1be46a994272793")] {
        let proxy = traced(&collector, &[&origin.address()], |settings| {
            settings.server.tracing.as_mut().expect("tracing").read = vec![read.into()];
        });
        assert_eq!(parent(&sent(&proxy, &origin, &lines)).0, trace);
    }
}

#[test]
fn the_configuration_may_hide_the_trace_from_a_backend() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |settings| {
        settings.proxy.headers = vec![HeaderEdit { name: "Traceparent".into(), values: vec![] }];
    });
    assert!(!sent(&proxy, &origin, &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n")).has("traceparent"));
}

#[test]
fn string_rewrites_show_the_ids() {
    let edit =
        |name: &str, text: &str| HeaderEdit { name: name.into(), values: vec![HeaderValue::Rewrite(text.into())] };
    let change = |tracing: Option<TracingConfig>| {
        move |settings: &mut Settings| {
            settings.server.tracing = tracing;
            settings.proxy.headers = vec![edit("X-Ids", "{trace_id}/{span_id}")];
            settings.proxy.response_headers = vec![edit("X-Trace", "{trace_id}")];
        }
    };
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = Proxy::with(&[&origin.address()], change(Some(super::to(&collector))));
    let answer = proxy.client().get("/");
    let request = origin.requests().pop().expect("a request");
    let (trace, span, _) = parent(&request);
    let (shown, own) = request.get("X-Ids").and_then(|ids| ids.split_once('/')).expect("two ids");
    assert_eq!((shown, answer.get("X-Trace")), (&*trace, Some(&*trace)));
    assert!(own.len() == 16 && own != span, "it is the span of the request, not that of the attempt");
    let spans = all_spans(&proxy, &collector);
    assert_eq!(server(&spans)["spanId"], own);
    let untraced = Proxy::with(&[&origin.address()], change(None));
    untraced.client().get("/");
    assert_eq!(origin.requests().pop().expect("a request").get("X-Ids"), Some("/"));
}
