//! What clients send most.

use super::{Message, Peer};

impl Peer {
    /// Asks for `target`.
    pub(crate) fn send_get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: site.example\r\n\r\n"));
    }

    /// Asks for `target` and reads the answer.
    pub(crate) fn get(&mut self, target: &str) -> Message {
        self.send_get(target);
        self.response()
    }

    /// Sends a request with a body of that length.
    pub(crate) fn send_body(&mut self, method: &str, target: &str, body: &str) {
        let length = body.len();
        self.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: site.example\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }
}
