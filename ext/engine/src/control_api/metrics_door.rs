//! A place where metrics are served and nothing else. Whoever can connect may ask: figures are no secrets, and no call
//! there changes anything.

use std::sync::{Arc, Weak};

use http::header::{HeaderValue, ALLOW};
use http::{Method, Request, StatusCode};

use super::{ApiState, ControlAnswer, ControlCall, Refusal};

/// Answers a request at a place for metrics alone, which are at `path`.
pub(super) async fn answer<B>(api: &Arc<ApiState>, path: &str, request: &Request<B>) -> ControlAnswer {
    if request.uri().path() != path {
        return Refusal::not_found(format!("only metrics are here: ask for {path}")).answer();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "metrics can only be read: use GET").answer();
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let Some(operations) = api.operations.get().and_then(Weak::upgrade) else {
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the proxy has stopped").answer();
    };
    let call = ControlCall { headers: request.headers().clone(), ..ControlCall::default() };
    operations.metrics(call).await.unwrap_or_else(|refusal| refusal.answer())
}
