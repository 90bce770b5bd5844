//! One request of the control API.

use std::sync::Arc;

use base64::prelude::{Engine as _, BASE64_URL_SAFE_NO_PAD};
use http::header::{HeaderValue, ALLOW, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::guard::ControlPeer;
use super::listener::DoorRules;
use super::{
    answer, body, events, metrics_door, page, route, ApiState, ControlAnswer, ControlCall, Operations, Refusal,
};

/// Answers a request. `rules` are those of the place that it came to.
pub(super) async fn answer(
    api: &Arc<ApiState>,
    rules: DoorRules,
    peer: ControlPeer,
    request: Request<Incoming>,
) -> ControlAnswer {
    let guard = rules.guard();
    if let Some(path) = guard.metrics() {
        return metrics_door::answer(api, &path, &request).await;
    }
    if let Err(refusal) = guard.check(peer, &request) {
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
        "/" if is_get => page(operations).await,
        "/events" if is_get => {
            let query = request.uri().query().unwrap_or_default();
            follow(api, &operations, rules, query).unwrap_or_else(|refusal| refusal.answer())
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

/// The page. Its script has a nonce that no value can know.
async fn page(operations: Arc<dyn Operations>) -> ControlAnswer {
    let mut random = [0; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the system has no random numbers").answer();
    }
    let nonce = BASE64_URL_SAFE_NO_PAD.encode(random);
    let mut answer = answer::text("text/html; charset=utf-8", page::render(&operations.whole().await, &nonce));
    if let Ok(policy) = HeaderValue::from_str(&page::policy(&nonce)) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

fn follow(
    api: &Arc<ApiState>,
    operations: &Arc<dyn Operations>,
    mut rules: DoorRules,
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
    let closed = async move { rules.closed().await };
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
    let call = ControlCall { parts, headers: head.headers, body };
    (route.serve)(operations, call).await.unwrap_or_else(|refusal| refusal.answer())
}
