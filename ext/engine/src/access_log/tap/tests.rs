use proxy_http::message::Fields;

use super::*;
use crate::rewrite::tests::{client, request, response, scope};
use crate::rewrite::ResponseInfo;

fn filter(conditions: &[(&str, &str)]) -> TapFilter {
    let mut filter = TapFilter::default();
    conditions.iter().for_each(|(name, value)| filter.add(name, value).expect("a condition"));
    filter
}

fn offer(tap: &LogTap, path: &str, status: u16, millis: u64) {
    let (request, client, fields) = (request("GET", path, "?token=abc", &[]), client(), Fields::default());
    let response = ResponseInfo { status, elapsed: Duration::from_millis(millis), ..response(&fields) };
    tap.offer(&RequestValues { response: Some(response), ..scope(&request, &client) });
}

async fn path_of(reader: &mut TapReader) -> String {
    let Some(TapNews::Line(line)) = reader.next().await else { panic!("no line") };
    let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(object["query"], "token=…");
    object["path"].as_str().expect("a path").to_owned()
}

#[tokio::test]
async fn readers_get_the_lines_that_they_want() {
    let tap = Arc::new(LogTap::default());
    assert!(!tap.is_open());
    let mut all = tap.listen(filter(&[])).expect("a place");
    let mut some = tap.listen(filter(&[("status", "5xx,404"), ("path", "/api"), ("slower_than", "0.1")])).expect("one");
    assert!(tap.is_open());
    let requests = [
        ("/api/1", 503, 100),
        ("/api/2", 404, 2_000),
        ("/api/3", 403, 2_000),
        ("/api/4", 500, 99),
        ("/", 500, 2_000),
        ("/api/5", 599, 100),
    ];
    for (path, status, millis) in requests {
        offer(&tap, path, status, millis);
    }
    for (path, ..) in requests {
        assert_eq!(path_of(&mut all).await, path);
    }
    for path in ["/api/1", "/api/2", "/api/5"] {
        assert_eq!(path_of(&mut some).await, path);
    }
    let mut cut = tap.listen(filter(&[("status", "0")])).expect("a place");
    for (path, status) in [("/answered", 503), ("/cut", 0)] {
        offer(&tap, path, status, 100);
    }
    assert_eq!(path_of(&mut cut).await, "/cut");
    drop(cut);
    drop(all);
    assert!(tap.is_open());
    drop(some);
    assert!(!tap.is_open());
}

#[tokio::test]
async fn a_slow_reader_loses_lines_and_is_told_how_many() {
    let tap = Arc::new(LogTap::default());
    let mut reader = tap.listen(filter(&[])).expect("a place");
    for n in 0..MOST_WAITING + 7 {
        offer(&tap, &format!("/{n}"), 200, 0);
    }
    assert_eq!(reader.next().await, Some(TapNews::Lost(7)));
    for n in 0..MOST_WAITING {
        assert_eq!(path_of(&mut reader).await, format!("/{n}"));
    }
    offer(&tap, "/next", 200, 0);
    assert_eq!(path_of(&mut reader).await, "/next");
}

#[tokio::test]
async fn what_waits_for_a_slow_reader_is_bounded_in_bytes() {
    let tap = Arc::new(LogTap::default());
    let mut reader = tap.listen(filter(&[])).expect("a place");
    let huge = format!("/{}", "x".repeat(MOST_BYTES));
    offer(&tap, &huge, 200, 0);
    assert_eq!(path_of(&mut reader).await, huge, "a single line may have any length");
    let path = format!("/{}", "x".repeat(MOST_BYTES / 8));
    for _ in 0..10 {
        offer(&tap, &path, 200, 0);
    }
    assert_eq!(reader.next().await, Some(TapNews::Lost(3)));
    for _ in 0..7 {
        assert_eq!(path_of(&mut reader).await, path);
    }
    assert_eq!(reader.backlog.bytes.load(Relaxed), 0);
    offer(&tap, "/next", 200, 0);
    assert_eq!(path_of(&mut reader).await, "/next");
}

#[test]
fn there_are_not_more_readers_than_a_few() {
    let tap = Arc::new(LogTap::default());
    let readers: Vec<_> = (0..MOST_READERS).map(|_| tap.listen(filter(&[])).expect("a place")).collect();
    assert!(tap.listen(filter(&[])).is_none());
    drop(readers);
    assert!(tap.listen(filter(&[])).is_some());
}

#[test]
fn mistakes_say_what_to_write() {
    for (name, value, message) in [
        ("status", "abc", "status: \"abc\" is no status: write 5xx, 404 or 400-499, or several with commas"),
        ("status", "9xx", "status: \"9xx\" is no status: write 5xx, 404 or 400-499, or several with commas"),
        ("status", "0xx", "status: \"0xx\" is no status: write 5xx, 404 or 400-499, or several with commas"),
        ("status", "500-400", "status: \"500-400\" is no status: write 5xx, 404 or 400-499, or several with commas"),
        ("path", "api", "path: \"api\" is no path: write the beginning of one, such as /api"),
        ("slower_than", "-1", "slower_than: \"-1\" is no number of seconds: write one such as 1 or 0.5"),
        ("slower_than", "NaN", "slower_than: \"NaN\" is no number of seconds: write one such as 1 or 0.5"),
        ("method", "GET", "\"method\" is unknown: there are status, path and slower_than"),
    ] {
        assert_eq!(TapFilter::default().add(name, value), Err(message.to_owned()));
    }
}
