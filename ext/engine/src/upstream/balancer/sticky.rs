//! Cookies that name a client's backend.

use aws_lc_rs::{constant_time, hmac};
use proxy_http::hex;
use proxy_http::message::{FieldName, Fields};

use crate::config;
use crate::process_secret;
use crate::rewrite::cookie;
use crate::upstream::backend::Backend;

/// Bytes of a name in a cookie.
const LENGTH: usize = 32;
/// A secret that could be guessed is none.
const SHORTEST_SECRET: usize = 16;

/// `{ sticky: "cookie_name", secret: "…" }`, compiled.
#[derive(Debug)]
pub(crate) struct Sticky {
    cookie: Box<str>,
    key: hmac::Key,
}

/// What a cookie says of a backend: a code that only the secret can make, and that shows nothing of the address. So it
/// is name and signature in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag([u8; LENGTH]);

impl Tag {
    /// Whether both mean the same backend. It takes as long whether they do or not.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Sticky {
    /// # Errors
    /// If the name cannot be a cookie's, or the secret is too short.
    pub(super) fn new(spec: &config::StickyConfig) -> Result<Self, String> {
        // The characters of a field's name are those of a cookie's (RFC 6265, section 4.1.1).
        if FieldName::new(&spec.cookie).is_none() {
            return Err(format!(
                "sticky: {:?} cannot be the name of a cookie: write letters, digits, hyphens and underscores",
                spec.cookie
            ));
        }
        let of_process;
        let secret = match &spec.secret {
            Some(secret) if secret.len() < SHORTEST_SECRET => {
                return Err(format!(
                    "secret: {} bytes can be guessed: write {SHORTEST_SECRET} or more, as `openssl rand -hex 32` \
                     prints them",
                    secret.len()
                ));
            }
            Some(secret) => secret.as_bytes(),
            None => {
                of_process = process_secret::of("sticky", &spec.cookie)
                    .ok_or_else(|| "sticky: the system has no random numbers".to_owned())?;
                &of_process
            }
        };
        Ok(Self { cookie: spec.cookie.as_str().into(), key: hmac::Key::new(hmac::HMAC_SHA256, secret) })
    }

    /// What a cookie says of `backend`.
    pub(crate) fn tag(&self, backend: &Backend) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"sticky backend\0");
        context.update(backend.label().as_bytes());
        let code = context.sign();
        let mut tag = [0; LENGTH];
        for (pair, byte) in tag.chunks_exact_mut(2).zip(code.as_ref()) {
            pair.copy_from_slice(&hex::pair(*byte, hex::LOWER));
        }
        Tag(tag)
    }

    /// What a request's cookie says, if it is of the right form. Whether any backend is meant is for [`Members`] to
    /// say.
    ///
    /// [`Members`]: super::Members
    pub(crate) fn read(&self, fields: &Fields) -> Option<Tag> {
        cookie(fields, self.cookie.as_bytes())?.try_into().ok().map(Tag)
    }

    /// Appends the value of the `Set-Cookie` field that ties a client to `backend`.
    pub(crate) fn write(&self, backend: &Backend, secure: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(self.cookie.as_bytes());
        out.push(b'=');
        out.extend_from_slice(&self.tag(backend).0);
        out.extend_from_slice(b"; Path=/; HttpOnly; SameSite=Lax");
        if secure {
            out.extend_from_slice(b"; Secure");
        }
    }
}
