//! Interim responses (RFC 9110, section 15.2).

use proxy_http::headers::hop_by_hop::clean_response;
use proxy_http::message::{reason, Known, ResponseHead};

use super::ResponseNeeds;
use crate::channel::Channel;

/// Most interim responses that a backend may send before the final one.
const MAX_INTERIM: usize = 1_000;
/// Most bytes of the heads of these interim responses. Over HTTP/2 they come even if the client does not take them.
const MAX_INTERIM_BYTES: usize = 1024 * 1024;

/// Counts the interim responses to one request.
#[derive(Debug, Default)]
pub(super) struct Interim {
    count: usize,
    bytes: usize,
}

impl Interim {
    /// Counts an interim response. `false` if it exceeds a limit.
    pub(super) fn admits(&mut self, response: &ResponseHead) -> bool {
        self.count += 1;
        // Size on the wire in HTTP/1.1: each line has a colon, a space and a line break.
        let lines: usize = response.fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        self.bytes += lines;
        self.count <= MAX_INTERIM && self.bytes <= MAX_INTERIM_BYTES
    }
}

/// Tells a client that waits for `100 Continue` to send its body, in place of the backend. `response` is overwritten.
#[cold]
pub(crate) fn pass_go_ahead(client: &mut Channel, response: &mut ResponseHead, needs: &mut ResponseNeeds) {
    *response = ResponseHead { status: 100, ..ResponseHead::default() };
    response.set_reason(reason(100));
    pass_interim(client, response, needs);
}

/// Writes an interim response to a client that supports it.
pub(super) fn pass_interim(client: &mut Channel, response: &mut ResponseHead, needs: &mut ResponseNeeds) {
    // A 100 is useless to a client that does not wait for it.
    let wanted = needs.interim && (response.status != 100 || needs.go_ahead);
    if !wanted {
        return;
    }
    if response.status == 100 {
        needs.go_ahead = false;
    }
    clean_response(response, false, false);
    // An interim response has no body (RFC 9110, section 8.6); a client that believed this field would wait for one.
    response.fields.remove(Known::ContentLength);
    client.write_interim(response);
}
