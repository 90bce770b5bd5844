use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::metrics::histogram::Histogram;
use crate::trace_context::TraceId;

const COUNTED: MetricFamily =
    MetricFamily { name: "a_bytes", kind: FamilyKind::Counter, unit: "bytes", help: "What it is." };
const TIMED: MetricFamily =
    MetricFamily { name: "b_seconds", kind: FamilyKind::Histogram, unit: "seconds", help: "Times." };
const KNOWN: MetricFamily = MetricFamily { name: "c", kind: FamilyKind::Info, unit: "", help: "Version." };

fn written(form: ExpositionForm) -> String {
    let buckets = Buckets::new(&[0.005, 1.0]);
    let mut out = Exposition::new(form, &buckets, 0);
    out.family(&COUNTED);
    out.count(&[("route", "a\\b\"c\nd ä")], u64::MAX);
    out.count(&[], 0);
    out.family(&TIMED);
    let (histogram, mut times) = (Histogram::new(&buckets), Distribution::default());
    for millis in [5, 6, 1_000, 2_000] {
        histogram.observe(Duration::from_millis(millis));
    }
    times.add(&histogram);
    out.histogram(&[("x", "y"), ("z", "")], &times);
    out.histogram(&[], &Distribution::default());
    out.family(&KNOWN);
    out.count(&[("version", "1")], 1);
    String::from_utf8(out.finish()).expect("UTF-8")
}

#[test]
fn the_older_text_has_whole_names_and_no_end() {
    let expected = r#"# HELP a_bytes_total What it is.
# TYPE a_bytes_total counter
a_bytes_total{route="a\\b\"c\nd ä"} 18446744073709551615
a_bytes_total 0
# HELP b_seconds Times.
# TYPE b_seconds histogram
b_seconds_bucket{x="y",z="",le="0.005"} 1
b_seconds_bucket{x="y",z="",le="1"} 3
b_seconds_bucket{x="y",z="",le="+Inf"} 4
b_seconds_sum{x="y",z=""} 3.011
b_seconds_count{x="y",z=""} 4
b_seconds_bucket{le="0.005"} 0
b_seconds_bucket{le="1"} 0
b_seconds_bucket{le="+Inf"} 0
b_seconds_sum 0
b_seconds_count 0
# HELP c_info Version.
# TYPE c_info gauge
c_info{version="1"} 1
"#;
    assert_eq!(written(ExpositionForm::Text), expected);
}

#[test]
fn openmetrics_names_families_and_units_and_ends() {
    let text = written(ExpositionForm::OpenMetrics);
    for line in [
        "# TYPE a_bytes counter",
        "# UNIT a_bytes bytes",
        "a_bytes_total 0",
        "b_seconds_bucket{le=\"1.0\"} 0",
        "# TYPE c info",
        "c_info{version=\"1\"} 1",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn only_openmetrics_has_exemplars_each_in_its_bucket() {
    let buckets = Buckets::new(&[0.005, 1.0]);
    let histograms = [Histogram::new(&buckets), Histogram::new(&buckets)];
    let note = |histogram: &Histogram, trace, millis, at| {
        histogram.observe(Duration::from_millis(millis));
        let (trace, value) = (TraceId::of(trace).expect("an id"), Duration::from_millis(millis));
        histogram.exemplify(Exemplar { trace, value, at: UNIX_EPOCH + Duration::from_millis(at) });
    };
    note(&histograms[0], 1, 1_000, 1_700_000_000_007);
    note(&histograms[1], 2, 6, 1_700_000_000_006);
    note(&histograms[1], 3, 1_001, 1_700_000_000_000);
    histograms[0].observe(Duration::ZERO);
    let mut times = Distribution::default();
    histograms.iter().for_each(|histogram| times.add(histogram));
    let written = |form| {
        let mut out = Exposition::new(form, &buckets, 0);
        out.family(&TIMED);
        out.histogram(&[("x", "y")], &times);
        String::from_utf8(out.finish()).expect("UTF-8")
    };
    let expected = r#"b_seconds_bucket{x="y",le="0.005"} 1
b_seconds_bucket{x="y",le="1.0"} 3 # {trace_id="00000000000000000000000000000001"} 1 1700000000.007
b_seconds_bucket{x="y",le="+Inf"} 4 # {trace_id="00000000000000000000000000000003"} 1.001 1700000000.000
"#;
    assert!(written(ExpositionForm::OpenMetrics).contains(expected), "{}", written(ExpositionForm::OpenMetrics));
    assert!(!written(ExpositionForm::Text).contains("trace_id"));
}

#[test]
fn accept_decides_and_the_older_text_is_for_all_others() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, form) in [
        (&["application/openmetrics-text"][..], ExpositionForm::OpenMetrics),
        (&["Application/OpenMetrics-Text; Version=1.0.0; Charset=utf-8"], ExpositionForm::OpenMetrics),
        (&[prometheus], ExpositionForm::OpenMetrics),
        (&["text/plain, application/openmetrics-text;q=0.5"], ExpositionForm::Text),
        (&["text/plain;q=0.1", "application/openmetrics-text;q=0.2"], ExpositionForm::OpenMetrics),
        (&["application/openmetrics-text;q=0"], ExpositionForm::Text),
        (&["application/openmetrics-text;version=0.0.1"], ExpositionForm::Text),
        (&["text/html, */*"], ExpositionForm::Text),
        (&["application/json"], ExpositionForm::Text),
        (&[], ExpositionForm::Text),
        (&["\u{0}, ;;;q=q,,"], ExpositionForm::Text),
    ] {
        assert_eq!(ExpositionForm::of_accept(accept.iter().map(|line| line.as_bytes())), form, "{accept:?}");
    }
}
