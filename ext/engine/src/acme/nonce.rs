//! Refused nonces (RFC 8555, section 6.5).

/// Repeats a call while the authority refuses its nonce: that says nothing of the call. instant-acme repeats it twice
/// itself.
macro_rules! with_good_nonce {
    ($call:expr) => {{
        let mut left = 10;
        loop {
            match $call.await {
                Err(instant_acme::Error::Api(problem))
                    if left > 0 && crate::acme::failure::short(&problem) == "badNonce" =>
                {
                    left -= 1;
                }
                other => break other,
            }
        }
    }};
}
pub(super) use with_good_nonce;
