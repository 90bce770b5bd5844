//! A secret for what is signed although the configuration writes no secret: it is made once in a process, and a process
//! that takes this one's place goes on with it.

use aws_lc_rs::{hmac, rand};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use crate::fork_safe::Mutex;

const LENGTH: usize = 32;

static SECRET: Mutex<Option<[u8; LENGTH]>> = Mutex::new(None);

/// The secret for one purpose: it tells nothing of those for others. `None` if the system gives no random numbers.
pub(crate) fn of(purpose: &str, detail: &str) -> Option<[u8; LENGTH]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret()?));
    context.update(purpose.as_bytes());
    context.update(b"\0");
    context.update(detail.as_bytes());
    context.sign().as_ref().try_into().ok()
}

/// The secret for another process, in Base64.
pub(crate) fn pass() -> Option<String> {
    secret().map(|secret| STANDARD.encode(secret))
}

/// Takes the secret of another process over. What was derived before stays as it is.
pub(crate) fn take(passed: &str) {
    if let Some(secret) = STANDARD.decode(passed).ok().and_then(|bytes| bytes.try_into().ok()) {
        *SECRET.lock() = Some(secret);
    }
}

fn secret() -> Option<[u8; LENGTH]> {
    let mut secret = SECRET.lock();
    if secret.is_none() {
        let mut random = [0; LENGTH];
        rand::fill(&mut random).ok()?;
        *secret = Some(random);
    }
    *secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_a_secret_of_its_own_and_nothing_else_is_taken_for_one() {
        let [one, again, other] = [("a", "b"), ("a", "b"), ("ab", "")].map(|(purpose, detail)| of(purpose, detail));
        assert!(one.is_some() && one == again && one != other);
        for wrong in ["", "AAAA", "not Base64", &"A".repeat(1000)] {
            take(wrong);
            assert_eq!(of("a", "b"), one, "{wrong:?}");
        }
        // The secret of a process is one for all of its tests: it stays the same.
        take(&pass().expect("a secret"));
        assert_eq!(of("a", "b"), one);
    }
}
