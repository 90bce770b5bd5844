//! One end of a connection, byte by byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::message::{split_line, Message};
use super::PATIENCE;

/// A raw connection, as a client or as a backend. Whatever is expected has to come in time, or the test fails.
pub(crate) struct Peer {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// With a reset.
    Reset,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time limit");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// A second handle, for writing while this one reads.
    pub(crate) fn writer(&self) -> Self {
        Self::new(self.stream.try_clone().expect("a handle"))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the peer takes it");
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Ends this side; the other may still send.
    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("half closed");
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).expect("a reset");
    }

    /// Reads once: how the connection ended, if it did.
    fn fill(&mut self) -> Result<(), End> {
        let mut piece = [0; 65_536];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(End::Closed),
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("{error} after {:?}", self.buffer.escape_ascii().to_string()),
        }
    }

    fn fill_more(&mut self) {
        if let Err(end) = self.fill() {
            panic!("{end:?} after {:?}", self.buffer.escape_ascii().to_string());
        }
    }

    /// Waits until so many bytes have come that were not asked for yet.
    pub(crate) fn await_bytes(&mut self, len: usize) {
        while self.buffer.len() < len {
            self.fill_more();
        }
    }

    /// So many bytes.
    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        while self.buffer.len() < len {
            self.fill_more();
        }
        self.buffer.drain(..len).collect()
    }

    /// So many bytes; `None` if the connection ends before them.
    pub(crate) fn try_read(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < len {
            self.fill().ok()?;
        }
        Some(self.buffer.drain(..len).collect())
    }

    /// What comes until the connection ends, and how it ends.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.fill() {
                return (std::mem::take(&mut self.buffer), end);
            }
        }
    }

    /// The connection ends here, in order.
    pub(crate) fn expect_end(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!((rest.escape_ascii().to_string(), end), (String::new(), End::Closed));
    }

    /// What has come already and was not asked for.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            self.fill_more();
        }
    }

    /// The next head; `None` if the connection ends before its first byte.
    pub(crate) fn try_head(&mut self) -> Option<Message> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Some(Message::of_head(&String::from_utf8_lossy(&head)));
            }
            match self.fill() {
                Ok(()) => {}
                Err(_) if self.buffer.is_empty() => return None,
                Err(end) => panic!("{end:?} inside a head: {:?}", self.buffer.escape_ascii().to_string()),
            }
        }
    }

    pub(crate) fn head(&mut self) -> Message {
        self.try_head().expect("a head before the end")
    }

    /// Chunks up to the last one: the data, and the trailers.
    pub(crate) fn chunks(&mut self) -> (Vec<u8>, Vec<(String, String)>) {
        let mut data = Vec::new();
        while let Some(chunk) = self.chunk() {
            data.extend(chunk);
        }
        let mut trailers = Vec::new();
        loop {
            match self.line() {
                line if line.is_empty() => return (data, trailers),
                line => trailers.push(split_line(&line)),
            }
        }
    }

    /// The next chunk; `None` if it is the last one.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line();
        let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        if size == 0 {
            return None;
        }
        let chunk = self.read(size);
        assert_eq!(self.read(2), b"\r\n", "a chunk ends with its size");
        Some(chunk)
    }

    /// Reads the body that the fields of `message` announce.
    fn body(&mut self, message: &mut Message) -> bool {
        if message.get("Transfer-Encoding").is_some() {
            (message.body, message.trailers) = self.chunks();
        } else if let Some(length) = message.get("Content-Length") {
            let length = length.parse().expect("a length");
            message.body = self.read(length);
        } else {
            return false;
        }
        true
    }

    /// The next request with its body; `None` if the connection ends before it.
    pub(crate) fn try_request(&mut self) -> Option<Message> {
        let mut message = self.try_head()?;
        self.body(&mut message);
        Some(message)
    }

    pub(crate) fn request(&mut self) -> Message {
        self.try_request().expect("a request before the end")
    }

    /// The next response with its body.
    pub(crate) fn response(&mut self) -> Message {
        let mut message = self.head();
        let bodyless = matches!(message.status(), 100..=199 | 204 | 304);
        if !bodyless && !self.body(&mut message) {
            message.body = self.rest().0;
        }
        message
    }
}
