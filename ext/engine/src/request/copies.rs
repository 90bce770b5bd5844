//! Copies of a request for upstreams that only see it: they are sent after the head of the answer, and what comes back
//! is dropped.

mod job;
mod shadow;

pub(crate) use job::CopyJob;
pub(crate) use shadow::{CopyPlace, CopyRoom, Shadow};

use std::rc::Rc;
use std::sync::Arc;

use proxy_http::message::Framing;

use super::errand::SentHead;
use super::Exchange;
use crate::relay::RequestBody;

/// Field that marks a copy. A request that has it is not copied again, whoever sent it.
pub(crate) const MIRRORED: &str = "X-Mirrored";

/// The copies that are to be sent of one request.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    rooms: Vec<CopyRoom>,
    head: Option<SentHead>,
}

impl Copies {
    /// Length of the longest body that one of them may have.
    fn max_body(&self) -> usize {
        self.rooms.iter().map(CopyRoom::max_body).max().unwrap_or(0)
    }
}

impl Exchange<'_> {
    /// Wants a copy for `shadow`, if the request may have one, and `shadow` has room for its body.
    pub(crate) fn copy_to(&mut self, shadow: &Arc<Shadow>) {
        let is_plain = !self.options.upgrade && self.call.is_none();
        if !is_plain || self.work.request.fields.has(MIRRORED) {
            return;
        }
        let length = match self.framing {
            Framing::None => Some(0),
            Framing::Length(length) => usize::try_from(length).ok(),
            Framing::Chunked | Framing::UntilClose => Some(shadow.max_body()),
        };
        if let Some(room) = length.and_then(|length| Shadow::reserve(shadow, length)) {
            self.copies.get_or_insert_default().rooms.push(room);
        }
    }

    /// Makes the body keep a copy, if one is wanted.
    #[inline]
    pub(crate) fn copy_body(&self, body: &mut RequestBody) {
        if let Some(copies) = &self.copies {
            if body.has_body() {
                body.copy(copies.max_body());
            }
        }
    }

    /// Keeps the head as the backend gets it, if a copy is wanted. `own_host`: but for `Host`, which is each backend's
    /// own.
    pub(crate) fn copy_head(&mut self, own_host: bool) {
        let Some(copies) = &mut self.copies else { return };
        let mut sent = SentHead::of(&self.work.request, &self.work.target.path_and_query, own_host);
        sent.head.fields.set(MIRRORED, b"1");
        copies.head = Some(sent);
    }

    /// Sends the copies, if any are wanted and the whole body has passed. `last`: the body comes no further.
    #[inline]
    pub(crate) fn send_copies(&mut self, body: &mut RequestBody, last: bool) {
        if self.copies.is_some() {
            self.send_wanted_copies(body, last);
        }
    }

    #[cold]
    fn send_wanted_copies(&mut self, body: &mut RequestBody, last: bool) {
        if !(last || body.is_complete()) {
            return;
        }
        let Some(copies) = self.copies.take() else { return };
        let Some(head) = copies.head else { return };
        let Some(body) = body.take_copy() else { return };
        let (head, body) = (Rc::new(head), Rc::<[u8]>::from(body));
        for room in copies.rooms.into_iter().filter(|room| body.len() <= room.max_body()) {
            if let Some(place) = room.depart(body.len()) {
                self.tools.copies.push(CopyJob::new(place, Rc::clone(&head), Rc::clone(&body)));
            }
        }
    }
}
