//! The two fields of a WebSocket handshake over HTTP/1.1 (RFC 6455, section 4). HTTP/2 has none (RFC 8441, section 5):
//! code that turns one handshake into the other writes and checks them.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;

use crate::message::{Fields, RequestHead, ResponseHead};
use crate::random;

/// Field with the client's key: 16 random bytes.
pub const KEY: &str = "Sec-WebSocket-Key";
/// Field with the server's proof that it understood the key.
pub const ACCEPT: &str = "Sec-WebSocket-Accept";

/// Appended to the key before it is hashed (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Adds a new random key to a request.
pub fn set_key(fields: &mut Fields) {
    let number = random::number();
    fields.set(KEY, STANDARD.encode(number.to_be_bytes()).as_bytes());
}

/// Whether the server has proven that it understood the key. A request without a key needs no proof.
pub fn is_accepted(request: &RequestHead, response: &ResponseHead) -> bool {
    let Some(key) = request.fields.get(KEY) else { return true };
    response.fields.get(ACCEPT) == Some(proof(key).as_bytes())
}

/// The proof that a server has understood `key`.
pub fn proof(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_accepted_and_nothing_else() {
        let mut request = RequestHead::default();
        let mut response = ResponseHead::default();
        assert!(is_accepted(&request, &response), "nothing was asked");
        request.fields.set(KEY, b"dGhlIHNhbXBsZSBub25jZQ==");
        assert!(!is_accepted(&request, &response));
        response.fields.set(ACCEPT, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_accepted(&request, &response));
        response.fields.set(ACCEPT, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOO=");
        assert!(!is_accepted(&request, &response));
    }

    #[test]
    fn every_key_is_another_one_of_16_bytes() {
        let key = || {
            let mut fields = Fields::default();
            set_key(&mut fields);
            STANDARD.decode(fields.get(KEY).expect("a key")).expect("base64")
        };
        assert_eq!(key().len(), 16);
        assert_ne!(key(), key());
    }
}
