//! A request for another protocol over HTTP/2 (RFC 8441). The engine sees it as an HTTP/1.1 upgrade.

use crate::headers::websocket::{proof, ACCEPT, KEY};
use crate::message::{Fields, Known, RequestHead, ResponseHead};

/// The protocol that was asked for, and the proof that the client expects.
#[derive(Debug)]
pub struct Upgrade {
    protocol: Box<[u8]>,
    accept: Option<String>,
}

impl Upgrade {
    /// Takes the upgrade out of a request's fields. `None` if the request asks for no protocol, or for a choice of
    /// several, which `:protocol` cannot express.
    pub fn of(request: &RequestHead) -> Option<Self> {
        let mut protocols = request.fields.all(Known::Upgrade);
        let protocol = protocols.next()?;
        if protocols.next().is_some() || protocol.contains(&b',') {
            return None;
        }
        let accept = request.fields.get(KEY).map(proof);
        // Only HTTP/1.1 ignores letter case in protocol names; RFC 8441, section 5, has `websocket`.
        Some(Self { protocol: protocol.to_ascii_lowercase().into(), accept })
    }

    /// Name of the protocol in lower case.
    pub fn protocol(&self) -> &str {
        std::str::from_utf8(&self.protocol).unwrap_or_default()
    }

    /// Drops the fields that HTTP/2 has no use for.
    pub fn clean(fields: &mut http::HeaderMap) {
        fields.remove(KEY);
        fields.remove(http::header::CONTENT_LENGTH);
    }

    /// Turns a backend's consent into the 101 of HTTP/1.1.
    pub(super) fn answered(&self, head: &mut ResponseHead) {
        head.status = 101;
        head.set_reason(crate::message::reason(101));
        let fields: &mut Fields = &mut head.fields;
        fields.remove(Known::ContentLength);
        fields.set(Known::Upgrade, &self.protocol);
        match &self.accept {
            Some(accept) => fields.set(ACCEPT, accept.as_bytes()),
            None => fields.remove(ACCEPT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_proves_what_the_client_asked_to_have_proven() {
        let mut request = RequestHead::default();
        request.fields.set(Known::Upgrade, b"websocket");
        request.fields.set(KEY, b"dGhlIHNhbXBsZSBub25jZQ==");
        let upgrade = Upgrade::of(&request).expect("an upgrade");
        let mut response = ResponseHead { status: 200, ..ResponseHead::default() };
        upgrade.answered(&mut response);
        assert_eq!((response.status, response.fields.get(Known::Upgrade)), (101, Some(&b"websocket"[..])));
        assert_eq!(response.fields.get(ACCEPT), Some(&b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="[..]));
    }

    #[test]
    fn protocols_are_asked_for_in_small_letters() {
        for written in ["WebSocket", "WEBSOCKET", "websocket"] {
            let mut request = RequestHead::default();
            request.fields.set(Known::Upgrade, written.as_bytes());
            assert_eq!(Upgrade::of(&request).expect("an upgrade").protocol(), "websocket", "{written}");
        }
    }

    #[test]
    fn a_choice_of_protocols_cannot_be_asked_for() {
        let mut request = RequestHead::default();
        request.fields.set(Known::Upgrade, b"websocket, irc");
        assert!(Upgrade::of(&request).is_none());
    }
}
