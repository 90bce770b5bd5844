//! Which failure is answered with which status.

use proxy_http::message::Malformed;

/// The status for a request that is not well formed.
pub(crate) fn of_malformed(why: Malformed) -> u16 {
    match why {
        Malformed::TooManyFields => 431,
        Malformed::Version => 505,
        _ => 400,
    }
}
