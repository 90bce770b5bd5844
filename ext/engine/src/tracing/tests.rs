use proptest::prelude::*;
use proxy_http::message::Method;
use serde_json::Value;

use super::attributes::Attributes;
use super::span::{SpanFacts, SpanKind};
use super::*;
use crate::compile::Report;
use crate::config::TracingConfig;
use crate::error::EndReason;

fn ids() -> TraceIds {
    TraceIds { trace: TraceId::random(), span: SpanId::random() }
}

fn compiled(change: impl FnOnce(&mut TracingConfig)) -> (bool, Vec<String>) {
    let mut config = TracingConfig::default();
    change(&mut config);
    let (tracer, told) =
        Report::told(|report| Tracer::carry_over(None, &config, &Arc::default(), report.problems()).is_some());
    (tracer, told)
}

#[test]
fn mistakes_name_the_option() {
    assert_eq!(compiled(|_| ()), (true, vec![]));
    for (change, start) in [
        (
            (|config| config.ratio = 1.5) as fn(&mut TracingConfig),
            "ratio: 1.5 is out of range: write a part from 0 to 1",
        ),
        (|config| config.ratio = f64::NAN, "ratio: NaN is out of range"),
        (|config| config.trust = "everybody".into(), "trust: \"everybody\" is nobody to trust"),
        (|config| config.read = vec!["b4".into()], "read: \"b4\" is no form of trace fields"),
        (|config| config.ca_file = Some("/nowhere.pem".into()), ""),
    ] {
        let (sound, told) = compiled(change);
        assert!(!sound && told.len() == 1 && told[0].starts_with(start), "{told:?}");
    }
}

#[test]
fn a_request_that_is_not_recorded_has_no_spans() {
    let mut trace = Trace::new(ids(), false, false);
    let parent = trace.begin_attempt(Method::Get, 0);
    assert!(parent.ends_with(b"-00"));
    let mut out = Vec::new();
    assert_eq!(trace.write(TraceEnding { route: "/", status: 200, reason: Some(EndReason::BackendCut) }, &mut out), 0);
    assert_eq!(out, b"");
}

proptest! {
    #[test]
    fn spans_are_valid_json_whatever_a_client_sends(
        value in proptest::collection::vec(any::<u8>(), 0..3_000),
        state in proptest::collection::vec(any::<u8>(), 0..40),
        route in ".{0,20}",
    ) {
        let mut attributes = Attributes::of_method(Method::Other, &value);
        attributes.text("user_agent.original", &value);
        attributes.number("server.port", u64::MAX);
        let (link, now) = (Some(ids()), SystemTime::now());
        let facts = SpanFacts {
            ids: ids(), parent: None, link, state: &state, kind: SpanKind::Server, method: Method::Other,
            route: &route, times: (now, now), attributes: &attributes, failed: true,
        };
        let mut out = Vec::new();
        facts.write(&mut out);
        let span: Value = serde_json::from_slice(&out).expect("JSON");
        for attribute in span["attributes"].as_array().expect("a list") {
            let text = attribute["value"].as_object().and_then(|value| value.values().next()).and_then(Value::as_str);
            prop_assert!(text.is_some_and(|text| text.chars().count() <= 1024));
        }
    }
}
