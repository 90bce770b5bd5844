//! The calls of the control API. A call is one line here, a method of [`Operations`], and what does it in the server.

use std::sync::Arc;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::{Answering, ControlCall, Operations, Refusal};

/// One call.
pub(super) struct ControlRoute {
    method: Method,
    /// A `*` stands for one segment.
    path: &'static str,
    pub(super) serve: fn(Arc<dyn Operations>, ControlCall) -> Answering,
}

/// All calls but `GET /events` and those about health, which have forms of their own. The path names what is steered if
/// that is a resource, such as a backend. An action is a path of its own, and its body names the upstream.
pub(super) const ROUTES: &[ControlRoute] = &[
    ControlRoute { method: Method::GET, path: "/status", serve: |server, _| server.status() },
    ControlRoute { method: Method::GET, path: "/metrics", serve: |server, call| server.metrics(call) },
    ControlRoute { method: Method::POST, path: "/backends/*", serve: |server, call| server.change_backend(call) },
    ControlRoute { method: Method::POST, path: "/backends/*/*", serve: |server, call| server.change_backend(call) },
    ControlRoute {
        method: Method::POST,
        path: "/upstreams/*/backends",
        serve: |server, call| server.add_backend(call),
    },
    ControlRoute {
        method: Method::DELETE,
        path: "/upstreams/*/backends/*",
        serve: |server, call| server.remove_backend(call),
    },
    ControlRoute { method: Method::POST, path: "/deploy", serve: |server, call| server.deploy(call) },
    ControlRoute { method: Method::POST, path: "/pause", serve: |server, call| server.change_traffic("pause", call) },
    ControlRoute { method: Method::POST, path: "/resume", serve: |server, call| server.change_traffic("resume", call) },
    ControlRoute {
        method: Method::POST,
        path: "/maintenance",
        serve: |server, call| server.change_traffic("maintenance", call),
    },
    ControlRoute {
        method: Method::POST,
        path: "/rollout",
        serve: |server, call| server.change_traffic("rollout", call),
    },
    ControlRoute { method: Method::POST, path: "/purge", serve: |server, call| server.change_traffic("purge", call) },
    ControlRoute { method: Method::POST, path: "/reload", serve: |server, call| server.order("reload", call) },
    ControlRoute { method: Method::POST, path: "/stop", serve: |server, call| server.order("stop", call) },
    ControlRoute { method: Method::POST, path: "/upgrade", serve: |server, call| server.order("upgrade", call) },
];

/// Paths that are served by [`super::service`] itself.
const OWN_PATHS: [&str; 4] = ["/", "/events", "/health/live", "/health/ready"];

/// A call that was found, and what stands in its path in place of each `*`.
pub(super) type FoundRoute = (&'static ControlRoute, Vec<String>);

/// The call of a request, and the parts of its path.
///
/// # Errors
/// 404, or 405 with the methods that are allowed.
pub(super) fn find(method: &Method, path: &str) -> Result<FoundRoute, (Refusal, Vec<Method>)> {
    // A GET without the body.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut allowed = Vec::new();
    for route in ROUTES {
        let Some(parts) = parts(route.path, path) else { continue };
        if route.method == *method {
            return Ok((route, parts));
        }
        allowed.push(route.method.clone());
    }
    if OWN_PATHS.contains(&path) {
        allowed.push(Method::GET);
    }
    if allowed.contains(&Method::GET) {
        allowed.push(Method::HEAD);
    }
    if allowed.is_empty() {
        return Err((Refusal::not_found(format!("there is no {path:?}: docs/control.md lists the calls")), allowed));
    }
    let shown: Vec<_> = allowed.iter().map(Method::as_str).collect();
    let error = format!("{method} is not a method of {path:?}: write {}", shown.join(" or "));
    Err((Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error), allowed))
}

/// What stands in the place of each `*`. `None`: the path does not fit.
fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some("*"), Some(given)) if !given.is_empty() => {
                parts.push(percent_decode_str(given).decode_utf8().ok()?.into_owned());
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_decoded_segment() {
        assert_eq!(parts("/status", "/status"), Some(vec![]));
        assert_eq!(
            parts("/backends/*/*", "/backends/app/unix:%2Frun%2Fa.sock"),
            Some(vec!["app".into(), "unix:/run/a.sock".into()])
        );
        for path in ["/backends/app", "/backends/app/", "/backends/app/b/c", "/backends/app/%ff", "/status/"] {
            assert_eq!(parts("/backends/*/*", path), None, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let refused = |method: Method, path| find(&method, path).map(drop).expect_err("it is refused");
        let (refusal, allowed) = refused(Method::DELETE, "/status");
        assert_eq!((refusal.status, allowed), (StatusCode::METHOD_NOT_ALLOWED, vec![Method::GET, Method::HEAD]));
        assert_eq!(refusal.error, "DELETE is not a method of \"/status\": write GET or HEAD");
        let (refusal, allowed) = refused(Method::POST, "/health/live");
        assert_eq!((refusal.status, allowed), (StatusCode::METHOD_NOT_ALLOWED, vec![Method::GET, Method::HEAD]));
        let (refusal, allowed) = refused(Method::GET, "/nothing");
        assert_eq!((refusal.status, allowed), (StatusCode::NOT_FOUND, vec![]));
    }
}
