//! Bodies of calls.

use bytes::Bytes;
use http::header::{HeaderMap, CONTENT_TYPE};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use serde_json::Value;

use super::{ApiLimits, Refusal};

/// Reads the body of a call, which is an object in JSON, or none.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(super) async fn read<B>(headers: &HeaderMap, body: B, limits: &ApiLimits) -> Result<Value, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || {
        let error = format!("the body is larger than {} bytes: send less", limits.max_body);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    };
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(limits.body, Limited::new(body, limits.max_body).collect()).await;
    let bytes = match whole {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "the body was cut short")),
        Err(_) => {
            let error = format!("the body did not come within {} s", limits.body.as_secs_f64());
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    // What a form of another site can send has another type.
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let error = "the body is not said to be JSON: send Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
    }
    match serde_json::from_slice(&bytes) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => {
            let error = "the body is no object: send the fields of this call as {\"name\": value}";
            Err(Refusal::new(StatusCode::BAD_REQUEST, error))
        }
        Err(error) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body is not valid JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    /// A body that never ends.
    struct Endless;

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    async fn status_of(media_type: &str, body: &'static str) -> Result<Value, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().expect("a value"));
        let limits = ApiLimits { max_body: 20, ..ApiLimits::default() };
        read(&headers, Full::new(Bytes::from(body)), &limits).await.map_err(|refusal| refusal.status.as_u16())
    }

    #[tokio::test]
    async fn a_body_is_a_small_object_in_json() {
        let read = status_of("application/json; charset=utf-8", "{\"a\":1}").await;
        assert_eq!(read, Ok(serde_json::json!({ "a": 1 })));
        assert_eq!(status_of("text/plain", "").await, Ok(Value::Null));
        for (media_type, body, status) in [
            ("application/json", "[1]", 400),
            ("application/json", "{", 400),
            ("application/json", "{\"a\":\"0123456789\"}", 200),
            ("application/json", "{\"a\":\"0123456789abcdef\"}", 413),
            ("application/x-www-form-urlencoded", "{}", 415),
            ("text/plain", "{}", 415),
        ] {
            let read = status_of(media_type, body).await;
            assert_eq!(read.map(|_| 200).unwrap_or_else(|status| status), status, "{media_type} {body}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up() {
        let refusal = read(&HeaderMap::new(), Endless, &ApiLimits::default()).await.expect_err("it never ends");
        assert_eq!(refusal.status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(refusal.error, "the body did not come within 20 s");
    }
}
