use proxy_http::message::Fields;

use super::*;
use crate::config::KeepConfig;
use crate::request_id::RequestId;
use crate::rewrite::tests::{client, request, response, scope};
use crate::rewrite::ResponseInfo;

fn told(spec: &AccessLogConfig) -> Vec<String> {
    Report::told(|report| Selection::compile(spec, report)).1
}

/// Rate of a request with this random number, path, status and duration; `None` if it is not logged.
fn rate(spec: &AccessLogConfig, number: u64, path: &str, status: u16, seconds: f64) -> Option<Option<String>> {
    let selection = Report::sound(|report| Selection::compile(spec, report));
    let (request, client, fields) = (request("GET", path, "", &[]), client(), Fields::default());
    let elapsed = Duration::from_secs_f64(seconds);
    let scope = RequestValues {
        request_id: RequestId::from(u128::from(number)),
        response: Some(ResponseInfo { status, elapsed, ..response(&fields) }),
        ..scope(&request, &client)
    };
    selection.choose(&scope).map(|rate| rate.0.map(str::to_owned))
}

#[test]
fn all_requests_are_logged_without_a_rate_if_nothing_is_said() {
    assert_eq!(rate(&AccessLogConfig::default(), u64::MAX, "/", 200, 0.0), Some(None));
}

#[test]
fn a_share_is_logged_with_its_rate_and_what_is_kept_with_1() {
    let keep = KeepConfig { status: vec![(500, 999), (404, 404)], slower_than: Some(1.0) };
    let spec = AccessLogConfig { sample: 0.25, keep, ..AccessLogConfig::default() };
    let logged = |rate: &str| Some(Some(rate.to_owned()));
    for (number, status, seconds, expected) in [
        (0, 200, 0.0, logged("0.25")),
        (u64::MAX / 4 - 1_000, 200, 0.0, logged("0.25")),
        (u64::MAX / 4 + 1_000, 200, 0.0, None),
        (u64::MAX, 200, 0.999, None),
        (u64::MAX, 200, 1.0, logged("1")),
        (u64::MAX, 404, 0.0, logged("1")),
        (u64::MAX, 403, 0.0, None),
        (u64::MAX, 502, 0.0, logged("1")),
        (0, 502, 0.0, logged("1")),
        // It was cut by the stop.
        (u64::MAX, 0, 0.0, logged("1")),
    ] {
        assert_eq!(rate(&spec, number, "/", status, seconds), expected, "{number} {status} {seconds}");
    }
}

#[test]
fn requests_for_excluded_paths_are_never_logged() {
    let exclude = ["/up", "/assets/*"].map(str::to_owned).into();
    let spec = AccessLogConfig { exclude, ..AccessLogConfig::default() };
    for (path, is_logged) in [
        ("/up", false),
        ("/up/", true),
        ("/upper", true),
        ("/assets", false),
        ("/assets/a.css", false),
        ("/assetsx", true),
        ("/", true),
    ] {
        assert_eq!(rate(&spec, 0, path, 500, 9.0).is_some(), is_logged, "{path}");
    }
}

#[test]
fn mistakes_say_what_to_write() {
    let spec = AccessLogConfig {
        sample: 0.0,
        keep: KeepConfig { status: vec![(600, 500), (5, 7)], slower_than: Some(-1.0) },
        exclude: ["up", "/a*", "/a?b"].map(str::to_owned).into(),
        ..AccessLogConfig::default()
    };
    let path = "is not a path: write \"/up\", or \"/assets/*\" for all below";
    assert_eq!(
        told(&spec),
        [
            format!("exclude: \"up\" {path}"),
            format!("exclude: \"/a*\" {path}"),
            format!("exclude: \"/a?b\" {path}"),
            "sample: 0 is no share: write a number above 0, up to 1, such as 0.1".into(),
            "keep: status: 600..500 is not a valid range of status codes: write 500.. or 400..499".into(),
            "keep: status: 5..7 is not a valid range of status codes: write 500.. or 400..499".into(),
            "keep: slower_than: -1 is not a valid time: write seconds, 0 or more".into(),
        ]
    );
    let keep = KeepConfig { slower_than: Some(1.0), ..KeepConfig::default() };
    let message = "keep: all requests are logged already: write sample: 0.1 too, or leave keep out";
    assert_eq!(told(&AccessLogConfig { keep: keep.clone(), ..AccessLogConfig::default() }), [message]);
    let message = "sample: 2 is no share: write a number above 0, up to 1, such as 0.1";
    assert_eq!(told(&AccessLogConfig { sample: 2.0, keep, ..AccessLogConfig::default() }), [message]);
}
