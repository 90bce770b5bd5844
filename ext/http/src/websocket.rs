//! Boundaries of WebSocket frames (RFC 6455, section 5).
//!
//! A tunnel is forwarded unchanged. The proxy only tracks which frame the bytes belong to, so that it can send a close
//! frame to both sides without damaging their frames.

use crate::random;

/// Bytes of the longest frame header.
const LONGEST_HEADER: usize = 14;
const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;
/// Close code "going away", for example of a server that stops (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;

/// Sender of frames. Frames of clients are masked, frames of servers are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A client: its frames are masked.
    Client,
    /// A server: its frames are not masked.
    Server,
}

/// Tracks the frames of one direction while they pass.
#[derive(Debug, Clone)]
pub struct WebSocketFrames {
    sender: Sender,
    /// Bytes of a header that is not complete.
    header: [u8; LONGEST_HEADER],
    len: usize,
    /// Bytes of the payload that are still to come.
    payload: u64,
    /// Whether the frame is a close frame.
    closing: bool,
    closed: bool,
    /// Whether the bytes turned out to be no WebSocket frames.
    lost: bool,
}

impl WebSocketFrames {
    /// A tracker for the frames of `sender`.
    pub fn of(sender: Sender) -> Self {
        let header = [0; LONGEST_HEADER];
        Self { sender, header, len: 0, payload: 0, closing: false, closed: false, lost: false }
    }

    /// Whether a frame of ours may be inserted here: the frame before is complete.
    pub fn is_between(&self) -> bool {
        !self.lost && self.len == 0 && self.payload == 0
    }

    /// Whether the bytes are no WebSocket frames, so that their boundaries are unknown.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether a close frame has passed. No frame may follow it.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Tracks bytes that pass.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            let n = self.pass_part(bytes);
            bytes = &bytes[n..];
        }
    }

    /// How many of these bytes belong to the frame that has begun.
    pub fn rest_of_frame(&self, bytes: &[u8]) -> usize {
        let (mut frames, mut n) = (self.clone(), 0);
        while n < bytes.len() && !frames.is_between() && !frames.lost {
            n += frames.pass_part(&bytes[n..]);
        }
        n
    }

    /// Tracks one header or payload, or the part of it that has come.
    fn pass_part(&mut self, bytes: &[u8]) -> usize {
        if self.payload > 0 {
            let n = usize::try_from(self.payload).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.payload -= n as u64;
            self.end_frame();
            return n;
        }
        let mut n = 0;
        while self.len < header_len(&self.header[..self.len]) {
            let Some(byte) = bytes.get(n) else { return n };
            self.header[self.len] = *byte;
            self.len += 1;
            n += 1;
        }
        self.begin_payload();
        n
    }

    fn begin_payload(&mut self) {
        let [first, second, rest @ ..] = self.header;
        let long = u64::from_be_bytes([rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7]]);
        self.payload = match second & !MASKED {
            126 => u64::from(u16::from_be_bytes([rest[0], rest[1]])),
            127 => long,
            short => u64::from(short),
        };
        let opcode = first & OPCODE;
        let sound = match opcode {
            0x0..=0x2 => self.payload >> 63 == 0,
            0x8..=0xa => first & FIN != 0 && self.payload <= 125,
            _ => false,
        };
        self.lost = !sound || (second & MASKED != 0) != (self.sender == Sender::Client);
        self.closing = opcode == CLOSE;
        self.len = 0;
        self.end_frame();
    }

    fn end_frame(&mut self) {
        self.closed |= self.closing && self.payload == 0 && !self.lost;
    }
}

/// Length of a header, as far as its first bytes tell.
fn header_len(begun: &[u8]) -> usize {
    let Some(second) = begun.get(1) else { return 2 };
    let length = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & MASKED == 0 { 0 } else { 4 }
}

/// A close frame of `sender` with the code "going away".
pub fn going_away(sender: Sender) -> Vec<u8> {
    let code = GOING_AWAY.to_be_bytes();
    match sender {
        Sender::Server => vec![FIN | CLOSE, 2, code[0], code[1]],
        Sender::Client => {
            let [a, b, c, d, ..] = random::number().to_be_bytes();
            vec![FIN | CLOSE, MASKED | 2, a, b, c, d, code[0] ^ a, code[1] ^ b]
        }
    }
}

#[cfg(test)]
mod tests;
