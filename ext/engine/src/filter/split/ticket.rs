//! The cookie of a client that has no value for a `split`: a random number, signed so that nobody chooses it.

use aws_lc_rs::{constant_time, hmac};
use proxy_http::hex;
use proxy_http::message::Fields;

use crate::process_secret;
use crate::rewrite::cookie;

/// Name of the cookie.
const COOKIE: &str = "proxy_split";
/// Hexadecimal digits of the number, and of its signature: 128 bits of it.
const ID: usize = 16;
const SIGNATURE: usize = 32;

/// Writes and reads the cookie.
#[derive(Debug)]
pub(super) struct ClientTickets(hmac::Key);

impl ClientTickets {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Those of a configuration without a secret. They hold over reloads, and in a process that takes this one's place.
    pub(super) fn of_process() -> Self {
        // Without random numbers a client can choose its number, which gives it nothing but another upstream.
        Self::new(&process_secret::of("split", "").unwrap_or_default())
    }

    /// The number of a request's client, if it has one that is signed.
    pub(super) fn read(&self, fields: &Fields) -> Option<[u8; 8]> {
        let (id, signature) = cookie(fields, COOKIE.as_bytes())?.split_at_checked(ID)?;
        let mut number = [0; 8];
        for (byte, pair) in number.iter_mut().zip(id.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        constant_time::verify_slices_are_equal(signature, &self.sign(number)).is_ok().then_some(number)
    }

    /// Appends the value of a `Set-Cookie` field.
    pub(super) fn write(&self, number: [u8; 8], secure: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(COOKIE.as_bytes());
        out.push(b'=');
        for byte in number {
            out.extend_from_slice(&hex::pair(byte, hex::LOWER));
        }
        out.extend_from_slice(&self.sign(number));
        out.extend_from_slice(b"; Path=/; HttpOnly; SameSite=Lax");
        if secure {
            out.extend_from_slice(b"; Secure");
        }
    }

    fn sign(&self, number: [u8; 8]) -> [u8; SIGNATURE] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"client of a split\0");
        context.update(&number);
        let code = context.sign();
        let mut signature = [0; SIGNATURE];
        for (pair, byte) in signature.chunks_exact_mut(2).zip(code.as_ref()) {
            pair.copy_from_slice(&hex::pair(*byte, hex::LOWER));
        }
        signature
    }
}
