//! One request of the control API.

use std::sync::Arc;

use http::header::{HeaderValue, ALLOW, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::watch;

use super::guard::{ControlPeer, Guard};
use super::listener::closed;
use super::{answer, body, events, route, ApiState, ControlAnswer, ControlCall, Operations, Refusal};

/// Answers a request. `guard` has the rules of the place that it came to.
pub(super) async fn answer(
    api: &Arc<ApiState>,
    guard: watch::Receiver<Arc<Guard>>,
    peer: ControlPeer,
    request: Request<Incoming>,
) -> ControlAnswer {
    let checked = guard.borrow().check(peer, &request);
    if let Err(refusal) = checked {
        let mut answer = refusal.answer();
        if refusal.status == StatusCode::UNAUTHORIZED {
            // A browser then asks for it; the name is not looked at.
            let challenge = HeaderValue::from_static("Basic realm=\"proxy: the token is the password\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        return answer;
    }
    let operations = api.operations.get().and_then(std::sync::Weak::upgrade);
    let Some(operations) = operations else {
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the proxy has stopped").answer();
    };
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/events" if is_get => {
            let query = request.uri().query().unwrap_or_default();
            follow(api, &operations, guard, query).unwrap_or_else(|refusal| refusal.answer())
        }
        "/health/live" if is_get => answer::json(StatusCode::OK, &json!({ "live": true })),
        "/health/ready" if is_get => ready(&*operations),
        _ => call(api, operations, request).await,
    }
}

/// Whether requests can be served.
fn ready(operations: &dyn Operations) -> ControlAnswer {
    let missing = operations.unready();
    match missing.is_empty() {
        true => answer::json(StatusCode::OK, &json!({ "ready": true })),
        false => answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "ready": false, "missing": missing })),
    }
}

fn follow(
    api: &Arc<ApiState>,
    operations: &Arc<dyn Operations>,
    guard: watch::Receiver<Arc<Guard>>,
    query: &str,
) -> Result<ControlAnswer, Refusal> {
    let filter = events::wanted_lines(query)?;
    let too_many = || {
        let error = "too many follow the events already: end one of them";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
    };
    let permit = Arc::clone(&api.event_streams).try_acquire_owned().map_err(|_| too_many())?;
    let lines = match filter {
        Some(filter) => Some(operations.access_lines(filter).ok_or_else(too_many)?),
        None => None,
    };
    let mut guard = guard;
    let closed = async move { closed(&mut guard).await };
    Ok(answer::stream(events::MEDIA_TYPE, events::follow(api, operations, lines, permit, closed)))
}

async fn call(api: &ApiState, operations: Arc<dyn Operations>, request: Request<Incoming>) -> ControlAnswer {
    let (head, body) = request.into_parts();
    let (route, parts) = match route::find(&head.method, head.uri.path()) {
        Ok(found) => found,
        Err((refusal, allowed)) => {
            let mut answer = refusal.answer();
            let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
            if let Some(allowed) = HeaderValue::from_str(&allowed).ok().filter(|allowed| !allowed.is_empty()) {
                answer.headers_mut().insert(ALLOW, allowed);
            }
            return answer;
        }
    };
    let body = match body::read(&head.headers, body, &api.limits).await {
        Ok(body) => body,
        Err(refusal) => return refusal.answer(),
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    let call = ControlCall { parts, query, headers: head.headers, body };
    (route.serve)(operations, call).await.unwrap_or_else(|refusal| refusal.answer())
}
