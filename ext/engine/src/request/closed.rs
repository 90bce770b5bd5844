//! Requests to what is closed for maintenance.

use proxy_http::message::{Known, Method};

use super::{Exchange, Verdict};
use crate::respond::Closure;

impl Exchange<'_> {
    /// Lets the request pass (`None`), or answers it. A browser that comes with the secret in its query gets the
    /// cookie.
    pub(crate) async fn pass_closure(&mut self, closure: &Closure) -> Option<Verdict> {
        let request = &self.work.request;
        if closure.lets_in(self.client_info, &request.fields) {
            self.let_in = true;
            if let Some(caching) = &mut self.cache {
                // The maintenance has begun since the request was looked up.
                caching.storing.iter_mut().for_each(|storing| storing.keep_to_oneself());
            }
            return None;
        }
        if request.method == Method::Get {
            if let Some(cookie) = closure.invitation(request.query(), self.client_info.tls) {
                // A path with two slashes would be the name of another host.
                let path = if request.path().starts_with(b"//") { b"/" } else { request.path() };
                let mut fields = b"Location: ".to_vec();
                fields.extend_from_slice(path);
                fields.extend_from_slice(&closure.without_invitation(request.query()));
                fields.extend_from_slice(b"\r\nCache-Control: no-store\r\nContent-Length: 0\r\n");
                self.work.response_additions.add(Known::SetCookie, cookie.as_bytes());
                return Some(self.answer(303, &fields, b"").await);
            }
        }
        Some(self.answer_error(closure.response()).await)
    }
}
