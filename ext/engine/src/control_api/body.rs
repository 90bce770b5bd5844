//! Bodies of calls.

use http::header::{HeaderMap, CONTENT_TYPE};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::Value;

use super::{ApiLimits, Refusal};

/// Reads the body of a call, which is an object in JSON, or none.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(super) async fn read(headers: &HeaderMap, body: Incoming, limits: &ApiLimits) -> Result<Value, Refusal> {
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
            Err(Refusal::new(StatusCode::BAD_REQUEST, "the body is no object: send such as {\"state\": \"down\"}"))
        }
        Err(error) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body is not valid JSON: {error}"))),
    }
}
