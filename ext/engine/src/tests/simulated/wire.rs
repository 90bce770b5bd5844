//! HTTP/1.1 as clients and backends of a run speak it: read and written without the engine's own codec.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A reader of messages.
pub(super) struct Wire<R> {
    reader: R,
    input: Vec<u8>,
}

/// The head of a message: the three parts of its first line, and its fields.
pub(super) struct Head {
    pub(super) line: [String; 3],
    fields: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Bytes(usize),
    Chunked,
    UntilClose,
}

impl Head {
    pub(super) fn new(line: [String; 3], fields: Vec<(String, String)>) -> Self {
        Self { line, fields }
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut lines = text.split("\r\n");
        let mut parts = lines.next().unwrap_or_default().splitn(3, ' ').map(str::to_owned);
        let mut part = || parts.next().ok_or_else(|| malformed("a first line"));
        let line = [part()?, part()?, part()?];
        let field = |line: &str| {
            let (name, value) = line.split_once(": ").ok_or_else(|| malformed(line))?;
            Ok((name.to_ascii_lowercase(), value.to_owned()))
        };
        Ok(Self { line, fields: lines.map(field).collect::<io::Result<_>>()? })
    }

    /// A field, by its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// The length of its body if neither its status nor its request leaves it out.
    pub(super) fn length(&self, otherwise: Length) -> Length {
        match (self.get("transfer-encoding"), self.number("content-length")) {
            (Some(_), _) => Length::Chunked,
            (None, Some(bytes)) => Length::Bytes(bytes),
            (None, None) => otherwise,
        }
    }

    /// Whether the connection ends with this message.
    pub(super) fn closes(&self) -> bool {
        self.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl<R: AsyncRead + Unpin> Wire<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, input: Vec::new() }
    }

    /// What it reads from.
    pub(super) fn pipe(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Whether the next bytes are these. `false` if the connection ends before.
    pub(super) async fn starts_with(&mut self, prefix: &str) -> io::Result<bool> {
        loop {
            let n = prefix.len().min(self.input.len());
            if self.input[..n] != prefix.as_bytes()[..n] {
                return Ok(false);
            }
            if n == prefix.len() || !self.fill().await? {
                return Ok(n == prefix.len());
            }
        }
    }

    /// Reads more. `false` at the end.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.reader.read_buf(&mut self.input).await? > 0)
    }

    /// Whether something has come that was not used.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// The next line, without its end. `None` at the end of the connection.
    pub(super) async fn line(&mut self) -> io::Result<Option<String>> {
        self.until("\r\n").await
    }

    /// The next head. `None` at the end of the connection. Nothing is lost if this is dropped.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        self.until("\r\n\r\n").await?.map(|text| Head::parse(&text)).transpose()
    }

    async fn until(&mut self, end: &str) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.input, end.as_bytes()) {
                let text = String::from_utf8_lossy(&self.input[..at]).into_owned();
                self.input.drain(..at + end.len());
                return Ok(Some(text));
            }
            if !self.fill().await? {
                return if self.input.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads a body to its end. What came of it is in `body`, also after an error.
    pub(super) async fn body(&mut self, length: Length, body: &mut Vec<u8>) -> io::Result<()> {
        match length {
            Length::Bytes(bytes) => self.bytes(bytes, body).await,
            Length::UntilClose => loop {
                body.append(&mut self.input);
                if !self.fill().await? {
                    return Ok(());
                }
            },
            Length::Chunked => loop {
                let line = self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                let size = usize::from_str_radix(&line, 16).map_err(|_| malformed(&line))?;
                if size == 0 {
                    // Trailers, until the empty line.
                    while !self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?.is_empty() {}
                    return Ok(());
                }
                self.bytes(size, body).await?;
                if self.line().await?.as_deref() != Some("") {
                    return Err(malformed("the end of a chunk"));
                }
            },
        }
    }

    async fn bytes(&mut self, mut left: usize, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let n = left.min(self.input.len());
            body.extend(self.input.drain(..n));
            left -= n;
            if left == 0 {
                return Ok(());
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed: {what:?}"))
}

/// A body that tells whose it is, at every byte.
pub(super) fn body_of(id: &str, length: usize) -> Vec<u8> {
    let mut body = format!("{id} ").repeat(length / id.len() + 1).into_bytes();
    body.truncate(length);
    body
}

/// The bytes of a body as they are sent, whole or in chunks of random size.
pub(super) fn framed(body: &[u8], chunked: bool, dice: &mut fastrand::Rng) -> Vec<u8> {
    if !chunked {
        return body.to_vec();
    }
    let mut sent = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let n = dice.usize(1..=rest.len());
        sent.extend_from_slice(format!("{n:x}\r\n").as_bytes());
        sent.extend_from_slice(&rest[..n]);
        sent.extend_from_slice(b"\r\n");
        rest = &rest[n..];
    }
    sent.extend_from_slice(b"0\r\n\r\n");
    sent
}
