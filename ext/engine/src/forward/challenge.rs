//! Answers to http-01 challenges (RFC 8555, section 8.3), before all that a configuration says of a request.

use proxy_http::message::Method;

use crate::certificates::challenges::Challenges;
use crate::request::{Exchange, Verdict};

/// What the path of a challenge begins with. The token follows.
pub(super) const PREFIX: &[u8] = b"/.well-known/acme-challenge/";

impl Exchange<'_> {
    /// Answers the request if its challenge is pending. `None`: it goes on like any other, since a backend may answer
    /// challenges of its own.
    pub(super) async fn answer_challenge(&mut self, challenges: &Challenges) -> Option<Verdict> {
        let request = &self.work.request;
        if !matches!(request.method, Method::Get | Method::Head) {
            return None;
        }
        let token = request.path().strip_prefix(PREFIX)?.to_vec();
        let authorization = challenges.http(&token).await?;
        let fields = format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", authorization.len());
        Some(self.answer(200, fields.as_bytes(), authorization.as_bytes()).await)
    }
}
