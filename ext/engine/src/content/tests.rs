use std::time::{Duration, UNIX_EPOCH};

use proxy_http::message::{Fields, Known};

use super::accepted::{are_used, AcceptedCodings};
use super::conditions::{are_for_the_origin, check, is_known, is_stored_one, wants_range, ConditionResult};
use super::parts::SentParts;
use super::ranges::{asked, AskedRanges};

/// Time of the content's last change.
const CHANGED: u64 = 1_700_000_000;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.push_field(name.as_bytes(), value.as_bytes());
    }
    fields
}

fn response(tag: &str) -> Fields {
    fields(&[("ETag", tag), ("Last-Modified", &date(0))])
}

/// A date so many seconds after the last change.
fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(CHANGED.saturating_add_signed(seconds)))
}

#[test]
fn conditions_are_checked_in_their_order() {
    use ConditionResult::*;
    let (before, at, after) = (date(-1), date(0), date(1));
    for (lines, expected) in [
        (&[("If-Match", "\"a\"")][..], Holds),
        (&[("If-Match", "\"b\", \"a\"")], Holds),
        (&[("If-Match", "*")], Holds),
        (&[("If-Match", "W/\"a\"")], Fails),
        (&[("If-Match", "\"b\"")], Fails),
        (&[("If-Match", "a")], Fails),
        (&[("If-Unmodified-Since", &before)], Fails),
        (&[("If-Unmodified-Since", &at)], Holds),
        (&[("If-Unmodified-Since", "yesterday")], Holds),
        (&[("If-Match", "\"a\""), ("If-Unmodified-Since", &before)], Holds),
        (&[("If-None-Match", "\"a\"")], NotModified),
        (&[("If-None-Match", "W/\"a\"")], NotModified),
        (&[("If-None-Match", "\"b,\" ,, \"a\"")], NotModified),
        (&[("If-None-Match", "\"b\""), ("If-None-Match", "\"a\"")], NotModified),
        (&[("If-None-Match", "*")], NotModified),
        (&[("If-None-Match", "\"b\"")], Holds),
        (&[("If-None-Match", "\"b\""), ("If-Modified-Since", &after)], Holds),
        (&[("If-Modified-Since", &before)], Holds),
        (&[("If-Modified-Since", &at)], NotModified),
        (&[("If-Modified-Since", &after)], NotModified),
        (&[("If-Modified-Since", "0")], Holds),
        (&[("If-Match", "\"b\""), ("If-None-Match", "\"a\"")], Fails),
        (&[], Holds),
    ] {
        assert_eq!(check(&fields(lines), &response("\"a\"")), expected, "{lines:?}");
    }
    assert_eq!(check(&fields(&[("If-Match", "W/\"a\"")]), &response("W/\"a\"")), Fails, "a weak tag never matches");
    assert_eq!(check(&fields(&[("If-None-Match", "\"a\"")]), &response("W/\"a\"")), NotModified);
    assert_eq!(check(&fields(&[("If-Match", "\"a\"")]), &Fields::default()), Fails);
}

#[test]
fn ranges_belong_to_what_the_client_has() {
    let (at, after) = (date(0), date(1));
    for (lines, tag, expected) in [
        (&[("Range", "bytes=0-1")][..], "\"a\"", true),
        (&[("Range", "bytes=0-1"), ("Range", "bytes=2-3")], "\"a\"", false),
        (&[("Range", "bytes=0-1"), ("If-Range", "\"a\"")], "\"a\"", true),
        (&[("Range", "bytes=0-1"), ("If-Range", "\"b\"")], "\"a\"", false),
        (&[("Range", "bytes=0-1"), ("If-Range", "W/\"a\"")], "W/\"a\"", false),
        (&[("Range", "bytes=0-1"), ("If-Range", &at)], "\"a\"", true),
        (&[("Range", "bytes=0-1"), ("If-Range", &after)], "\"a\"", false),
        (&[("Range", "bytes=0-1"), ("If-Range", "a")], "\"a\"", false),
        (&[], "\"a\"", false),
    ] {
        assert_eq!(wants_range(&fields(lines), &response(tag)), expected, "{lines:?}");
    }
}

#[test]
fn ranges_are_read_and_joined() {
    let ranges = |list: &[(u64, u64)]| AskedRanges::Parts(list.iter().map(|(start, end)| *start..*end).collect());
    let many = |count: u64| (0..count).map(|n| format!("{}-{}", n * 2, n * 2)).collect::<Vec<_>>().join(",");
    for (value, length, expected) in [
        ("bytes=0-9", 100, ranges(&[(0, 10)])),
        ("bytes=90-", 100, ranges(&[(90, 100)])),
        ("bytes=-10", 100, ranges(&[(90, 100)])),
        ("bytes=-200", 100, ranges(&[(0, 100)])),
        ("bytes=90-1000", 100, ranges(&[(90, 100)])),
        ("bytes=90-99999999999999999999999", 100, ranges(&[(90, 100)])),
        ("Bytes= 0 - 9 ", 100, ranges(&[(0, 10)])),
        ("bytes=0-9,20-29", 100, ranges(&[(0, 10), (20, 30)])),
        ("bytes=20-29,0-9", 100, ranges(&[(20, 30), (0, 10)])),
        ("bytes=0-9,10-19", 100, ranges(&[(0, 20)])),
        ("bytes=0-9,20-29,5-25", 100, ranges(&[(0, 30)])),
        ("bytes=50-59,0-9,200-", 100, ranges(&[(50, 60), (0, 10)])),
        ("bytes=100-", 100, AskedRanges::Nothing),
        ("bytes=-0", 100, AskedRanges::Nothing),
        ("bytes=9-0", 100, AskedRanges::Nothing),
        ("bytes=", 100, AskedRanges::Whole),
        ("bytes=a-b", 100, AskedRanges::Nothing),
        ("bytes=-", 100, AskedRanges::Nothing),
        ("bytes=0-9,x", 100, AskedRanges::Nothing),
        ("bytes=99999999999999999999-", 100, AskedRanges::Nothing),
        ("bytes=0-", 0, AskedRanges::Whole),
        ("bytes=0-99,0-0", 100, AskedRanges::Whole),
        ("lines=0-9", 100, AskedRanges::Whole),
        ("", 100, AskedRanges::Whole),
        (&format!("bytes={}", many(17)), 100, AskedRanges::Whole),
    ] {
        assert_eq!(asked(&fields(&[("Range", value)]), length), expected, "{value}");
    }
    let most = asked(&fields(&[("Range", &format!("bytes={}", many(16)))]), 100);
    assert!(matches!(most, AskedRanges::Parts(all) if all.len() == 16));
}

#[test]
fn several_parts_have_their_own_heads() {
    let mut fields = fields(&[("Content-Type", "text/plain")]);
    let parts = SentParts::of(vec![0..2, 5..9], 10, &mut fields);
    let media_type = String::from_utf8_lossy(fields.get(Known::ContentType).expect("a type")).into_owned();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect(&media_type);
    let mut text = Vec::new();
    for (head, range) in parts.iter() {
        text.extend_from_slice(head);
        text.extend_from_slice(&b"0123456789"[range.start as usize..range.end as usize]);
    }
    text.extend_from_slice(parts.tail());
    assert_eq!(parts.length(), text.len() as u64);
    assert_eq!(
        String::from_utf8_lossy(&text),
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-8/10\r\n\r\n5678\
             \r\n--{boundary}--\r\n"
        )
    );
}

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn tags_are_compared_weakly_and_count_more_than_dates() {
    let stored = fields(&[("ETag", "W/\"a,b\""), ("Last-Modified", OLD)]);
    let has = |lines: &[(&str, &str)]| is_known(&fields(lines), &stored);
    assert!(has(&[("If-None-Match", "\"x\", \"a,b\"")]));
    assert!(has(&[("If-None-Match", "\"x\""), ("If-None-Match", "W/\"a,b\"")]));
    assert!(has(&[("If-None-Match", "*")]));
    assert!(has(&[("If-None-Match", "\"a,b\""), ("If-Modified-Since", "Tue, 06 Nov 1990 08:49:37 GMT")]));
    assert!(!has(&[("If-None-Match", "\"x\""), ("If-Modified-Since", OLD)]));
    assert!(!has(&[("If-None-Match", "a,b")]) && !has(&[("If-None-Match", "w/\"a,b\"")]));
    assert!(!has(&[]));
}

#[test]
fn dates_are_compared_by_their_time() {
    let stored = fields(&[("Last-Modified", OLD)]);
    let has = |date: &str| is_known(&fields(&[("If-Modified-Since", date)]), &stored);
    assert!(has(OLD));
    assert!(has("Sunday, 06-Nov-94 08:49:37 GMT"));
    assert!(has("Mon, 07 Nov 1994 08:49:37 GMT"));
    assert!(!has("Sat, 05 Nov 1994 08:49:37 GMT"));
    assert!(!has("yesterday"));
    assert!(!is_known(&fields(&[("If-Modified-Since", OLD)]), &fields(&[])));
}

#[test]
fn parts_need_an_exact_name_of_the_response() {
    let stored = fields(&[("ETag", "\"a\""), ("Last-Modified", OLD), ("Date", "Sun, 06 Nov 1994 08:50:37 GMT")]);
    let weak = fields(&[("ETag", "W/\"a\""), ("Last-Modified", OLD), ("Date", "Sun, 06 Nov 1994 08:50:36 GMT")]);
    let range = ("Range", "bytes=0-1");
    let lets = |condition: &str, stored: &Fields| wants_range(&fields(&[range, ("If-Range", condition)]), stored);
    assert!(wants_range(&fields(&[range]), &weak));
    assert!(lets("\"a\"", &stored) && !lets("\"b\"", &stored));
    assert!(!lets("W/\"a\"", &weak) && !lets("\"a\"", &weak));
    assert!(lets(OLD, &stored) && !lets(OLD, &weak));
}

#[test]
fn conditions_on_changes_go_to_the_application() {
    assert!(are_for_the_origin(&fields(&[("if-match", "\"a\"")])));
    assert!(!are_for_the_origin(&fields(&[("If-None-Match", "\"a\"")])));
}

#[test]
fn a_stored_response_without_a_date_of_change_was_changed_when_it_was_made() {
    let stored = fields(&[("Date", OLD)]);
    let request = fields(&[("If-Modified-Since", OLD)]);
    assert!(is_stored_one(&request, &stored) && !is_known(&request, &stored));
}

#[test]
fn malformed_tags_are_compared_as_they_are() {
    let known = |tag: &str, stored: &str| is_known(&fields(&[("If-None-Match", tag)]), &fields(&[("ETag", stored)]));
    assert!(known("abc", "abc") && known("x, abc", "abc") && known("x, \"a\"", "\"a\""));
    assert!(!known("abc", "\"abc\"") && !known("\"abc\"", "abc"));
    assert!(known("\"a\\\"", "\"a\\\""), "a backslash means itself");
    let unquoted = fields(&[("ETag", "abc")]);
    assert_eq!(check(&fields(&[("If-Match", "abc")]), &unquoted), ConditionResult::Fails);
}

#[test]
fn codings_have_weights() {
    let weights = |value: &str| {
        let accepted = AcceptedCodings::of(&fields(&[("Accept-Encoding", value)]));
        ["zstd", "br", "gzip", "deflate"].map(|name| accepted.weight(name).unwrap_or(0))
    };
    assert_eq!(weights("gzip;q=0.5, BR, x"), [0, 1000, 500, 0]);
    assert_eq!(weights("*;q=0.1, br;q=0, identity;q=0"), [100, 0, 100, 100]);
    assert_eq!(weights("gzip;q=0.4, br;q=0.5, identity;q=0.5"), [0, 500, 0, 0]);
    assert_eq!(weights("gzip;q=2, br;q=0.1234, zstd;q=x, deflate;q=1.001"), [0; 4]);
    assert_eq!(weights("gzip;q = 0, br;Q =0, zstd;q, deflate;q= 0"), [0; 4]);
    assert_eq!(weights("gzip;x=1;q=0, br ; q=0.5, zstd;quality=0"), [1000, 500, 0, 0]);
    assert!(are_used(&fields(&[("Content-Encoding", "identity, GZIP")])));
    assert!(!are_used(&fields(&[("Content-Encoding", "gzip"), ("Content-Encoding", "compress")])));
}
