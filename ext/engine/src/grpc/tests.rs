use std::future::{pending, ready};

use super::*;

fn call(content_type: &str, timeout: Option<&str>) -> Option<Call> {
    let mut request = RequestHead { version: Version::Http2, method: Method::Post, ..RequestHead::default() };
    request.fields.append(Known::ContentType, content_type.as_bytes());
    if let Some(timeout) = timeout {
        request.fields.append(Known::GrpcTimeout, timeout.as_bytes());
    }
    Call::of(&request, Instant::now)
}

#[test]
fn a_call_is_known_by_its_content_type() {
    for (content_type, form) in [
        ("application/grpc", Form::Plain),
        ("Application/gRPC+proto", Form::Plain),
        ("application/grpc;charset=utf-8", Form::Plain),
        ("application/grpc ; x", Form::Plain),
        ("application/grpc-web", Form::Web),
        ("application/grpc-web+json", Form::Web),
        ("application/grpc-web-text+proto", Form::WebText),
    ] {
        assert_eq!(call(content_type, None).map(|call| call.form), Some(form), "{content_type}");
    }
    for other in
        ["", "application/grp", "application/grpcs", "application/grpc-status", "text/plain", "application/json"]
    {
        assert_eq!(call(other, None), None, "{other}");
    }
}

#[test]
fn only_http_2_and_no_browser_streams_requests() {
    assert!(call("application/grpc", None).expect("a call").streams);
    assert!(!call("application/grpc-web", None).expect("a call").streams);
    let mut request = RequestHead { method: Method::Post, ..RequestHead::default() };
    request.fields.append(Known::ContentType, b"application/grpc");
    assert_eq!(Call::of(&request, Instant::now), None, "over HTTP/1.1 the backend has a say in it");
    assert!(!Call::to_http2(&request, Instant::now).expect("a call").streams);
    for method in [Method::Get, Method::Put, Method::Head] {
        let other = RequestHead { method, version: Version::Http2, ..request.clone() };
        assert_eq!((Call::of(&other, Instant::now), Call::to_http2(&other, Instant::now)), (None, None), "{method:?}");
    }
}

#[test]
fn its_time_limit_is_read_in_every_unit() {
    for (text, limit) in [
        ("2H", Duration::from_secs(7200)),
        ("3M", Duration::from_secs(180)),
        ("00000004S", Duration::from_secs(4)),
        ("100m", Duration::from_millis(100)),
        ("99999999u", Duration::from_micros(99_999_999)),
        ("5n", Duration::from_nanos(5)),
        ("0n", Duration::ZERO),
    ] {
        assert_eq!(time_limit(text.as_bytes()), Some(limit), "{text}");
    }
    for text in ["", "S", "5", "5s", "5 S", " 5S", "-5S", "1.5S", "123456789S", "99999999H"] {
        assert_eq!(time_limit(text.as_bytes()), None, "{text}");
    }
}

#[tokio::test]
async fn work_lasts_no_longer_than_the_client_waits() {
    let in_time = call("application/grpc", Some("50m"));
    assert!(within(in_time, ready(Ok(()))).await.is_ok());
    let begun = Instant::now();
    let error = within(in_time, pending::<Result<(), _>>()).await.expect_err("an end");
    assert!(matches!(error.kind, Kind::Timeout(Waited::Call)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    within(in_time, async { panic!("what is over is not begun") as Result<(), Error> }).await.expect_err("it is over");
    assert!(within(call("application/grpc", None), ready(Ok(()))).await.is_ok());
    assert!(within(None, ready(Ok(()))).await.is_ok());
}
