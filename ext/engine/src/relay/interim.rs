//! Interim responses (RFC 9110, section 15.2).

use proxy_http::headers::hop_by_hop::clean_response;
use proxy_http::message::{Known, ResponseHead};

use super::ResponseNeeds;
use crate::channel::Channel;

/// Interim responses that are taken from a backend before its final one, …
const MAX_INTERIM: usize = 1_000;
/// … and bytes of their heads. Over HTTP/2 they come whether the client takes them or not.
const MAX_INTERIM_BYTES: usize = 1024 * 1024;

/// The interim responses of one answer.
#[derive(Debug, Default)]
pub(super) struct Interim {
    count: usize,
    bytes: usize,
}

impl Interim {
    /// Counts one. `false` if it is one too many.
    pub(super) fn admits(&mut self, response: &ResponseHead) -> bool {
        self.count += 1;
        // As it stands on the wire in HTTP/1.1: lines with a colon, a space and a line break.
        let lines: usize = response.fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        self.bytes += lines;
        self.count <= MAX_INTERIM && self.bytes <= MAX_INTERIM_BYTES
    }
}

/// Writes an interim response to a client that can use it.
pub(super) fn pass_interim(client: &mut Channel, response: &mut ResponseHead, needs: &mut ResponseNeeds) {
    // A 100 that the client does not wait for tells it nothing.
    let wanted = needs.interim && (response.status != 100 || needs.go_ahead);
    if !wanted {
        return;
    }
    if response.status == 100 {
        needs.go_ahead = false;
    }
    clean_response(response, false, false);
    // It has no body (RFC 9110, section 8.6); a client that believed this would wait for one.
    response.fields.remove(Known::ContentLength);
    client.write_interim(response);
}
