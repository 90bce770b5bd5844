//! The chunked transfer coding (RFC 9112, section 7.1), read strictly.

use super::read::HeadScan;
use super::Buffer;
use crate::headers::trailers;
use crate::message::{Fields, Malformed, Piece, Span};

/// Most bytes of a chunk's size with its extensions.
const LINE_LIMIT: usize = 1024;
/// Most bytes of all extensions of a body: they carry no data and cost time.
const EXTENSIONS_LIMIT: usize = 16 * 1024;
/// Most bytes of a trailer section. It is read whole.
const TRAILERS_LIMIT: usize = 8 * 1024;
/// Most lines of a trailer section.
const MAX_TRAILERS: usize = 64;

/// Decodes a chunked body in place, in the input buffer.
#[derive(Debug, Default)]
pub struct Chunked {
    state: ChunkState,
    extensions: usize,
    /// Finds the end of the trailer section.
    scan: HeadScan,
    trailers: Option<Box<Fields>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

impl Chunked {
    /// Consumes the coding's own bytes at the front of `buffer`, and returns the next piece of data.
    pub fn next(&mut self, buffer: &mut Buffer) -> Result<Piece, Malformed> {
        loop {
            let bytes = buffer.filled();
            match self.state {
                ChunkState::Size => match size_line(bytes)? {
                    None => return Ok(Piece::More),
                    Some((size, digits, line)) => {
                        self.extensions += line - digits - 2;
                        if self.extensions > EXTENSIONS_LIMIT {
                            return Err(Malformed::TooManyChunkExtensions);
                        }
                        buffer.consume(line);
                        self.state = if size == 0 { ChunkState::Trailers } else { ChunkState::Data(size) };
                    }
                },
                ChunkState::Data(left) => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    return Ok(if n == 0 { Piece::More } else { Piece::Data(n) });
                }
                ChunkState::DataEnd => match bytes {
                    [b'\r', b'\n', ..] => {
                        buffer.consume(2);
                        self.state = ChunkState::Size;
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return Err(Malformed::ChunkTooLong),
                },
                ChunkState::Trailers => match self.scan.find(&bytes[..bytes.len().min(TRAILERS_LIMIT)])? {
                    Some(len) => {
                        if len > 2 {
                            self.trailers = Some(Box::new(parse_trailers(&bytes[..len])?));
                        }
                        buffer.consume(len);
                        self.state = ChunkState::Done;
                    }
                    None if bytes.len() >= TRAILERS_LIMIT => return Err(Malformed::TrailersTooLong),
                    None => return Ok(Piece::More),
                },
                ChunkState::Done => return Ok(Piece::End),
            }
        }
    }

    /// Records that `n` bytes of the data were removed from the buffer.
    pub fn consumed(&mut self, n: usize) {
        if let ChunkState::Data(left) = self.state {
            let left = left.saturating_sub(n as u64);
            self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data(left) };
        }
    }

    /// Whether the last chunk and the trailers were read.
    pub fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// The trailer fields of a body that was read to its end.
    pub fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_deref()
    }

    /// Mutable access to the trailer fields.
    pub fn trailers_mut(&mut self) -> Option<&mut Fields> {
        self.trailers.as_deref_mut()
    }
}

/// The size of a chunk, the number of its digits, and the length of its line with the line break; `None` if the line is
/// not complete.
fn size_line(bytes: &[u8]) -> Result<Option<(u64, usize, usize)>, Malformed> {
    let mut size = 0u64;
    let mut digits = 0;
    for byte in bytes {
        let Some(digit) = char::from(*byte).to_digit(16) else { break };
        if digits == 15 {
            return Err(Malformed::ChunkSizeTooLarge);
        }
        size = size << 4 | u64::from(digit);
        digits += 1;
    }
    let rest = &bytes[digits..];
    if digits == 0 {
        return if rest.is_empty() { Ok(None) } else { Err(Malformed::ChunkSize) };
    }
    match rest {
        [b'\r', b'\n', ..] => return Ok(Some((size, digits, digits + 2))),
        [] | [b'\r'] => return Ok(None),
        [b';', ..] => {}
        _ => return Err(Malformed::ChunkSizeEnd),
    }
    for (i, byte) in rest.iter().enumerate() {
        match byte {
            b'\r' => {
                return match rest.get(i + 1) {
                    Some(b'\n') => Ok(Some((size, digits, digits + i + 2))),
                    Some(_) => Err(Malformed::ChunkExtensionCr),
                    None => Ok(None),
                }
            }
            b'\t' | 0x20..=0x7e | 0x80..=0xff => {}
            _ => return Err(Malformed::ChunkExtensionControl),
        }
        if i > LINE_LIMIT {
            return Err(Malformed::ChunkExtensionTooLong);
        }
    }
    Ok(None)
}

/// Parses a trailer section. Fields that frame, route or authorise a message are forbidden there (RFC 9110, section
/// 6.5.1) and are dropped.
fn parse_trailers(bytes: &[u8]) -> Result<Fields, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_TRAILERS];
    let parsed = httparse::parse_headers(bytes, &mut headers).map_err(|_| Malformed::TrailerField)?;
    let httparse::Status::Complete((_, headers)) = parsed else {
        return Err(Malformed::TrailerField);
    };
    let mut fields = Fields::default();
    fields.fill(bytes);
    for header in headers {
        let name = Span::within(bytes, header.name.as_bytes());
        let value = Span::within(bytes, header.value);
        fields.push_line(name, value, None);
    }
    trailers::clean(&mut fields);
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, the trailers and the remaining bytes.
    type Decoded = (Vec<u8>, Vec<u8>, Vec<u8>);

    /// Decodes `bytes`, given in pieces of `step`. `None` if the body is not complete.
    fn decode(bytes: &[u8], step: usize) -> Result<Option<Decoded>, Malformed> {
        let mut buffer = Buffer::default();
        let mut chunked = Chunked::default();
        let mut data = Vec::new();
        let mut pieces = bytes.chunks(step);
        loop {
            match chunked.next(&mut buffer)? {
                Piece::Data(n) => {
                    data.extend_from_slice(&buffer.filled()[..n]);
                    buffer.consume(n);
                    chunked.consumed(n);
                }
                Piece::More => match pieces.next() {
                    Some(piece) => buffer.extend(piece),
                    None => return Ok(None),
                },
                Piece::End => {
                    let mut trailers = Vec::new();
                    if let Some(fields) = chunked.trailers() {
                        fields.write_to(&mut trailers);
                    }
                    let mut rest = buffer.filled().to_vec();
                    pieces.for_each(|piece| rest.extend_from_slice(piece));
                    return Ok(Some((data, trailers, rest)));
                }
            }
        }
    }

    #[test]
    fn chunks_are_put_together_however_they_arrive() {
        let body = b"5\r\nhello\r\n6;a=b;c=\"d e\"\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nGET /";
        for step in 1..=body.len() {
            let (data, trailers, rest) = decode(body, step).expect("well formed").expect("complete");
            assert_eq!(data, b"hello world", "step {step}");
            assert_eq!(trailers, b"X-Sum: 1\r\n");
            assert_eq!(rest, b"GET /");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for body in [
            &b"\r\n"[..],
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\na",
            b"0x5\r\nhello",
            b" 5\r\nhello",
            b"5 \r\nhello",
            b"5\nhello",
            b"5\rhello",
            b"5;a\nhello",
            b"5;a\x00\r\nhello",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"1111111111111111\r\n",
            b"ffffffffffffffffff\r\n",
            b"0\r\nA: b\nC: d\r\n\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\nA: b\r\n c\r\n\r\n",
            b"0\r\n: b\r\n\r\n",
            b"0\r\nA: b\rC: d\r\n\r\n",
            b"0\r\nA: b\0\r\n\r\n",
            b"0\r\nA\r\n\r\n",
            b"0\r\n A: b\r\n\r\n",
            b"0\r\n\n",
            b"0\r\n\rA: b\r\n\r\n",
            b"0\r\nA: b\n",
            b"0;a\rb\r\n\r\n",
            b"5 ;a\r\nhello\r\n",
            b"5\t\r\nhello\r\n",
            b"5,a\r\nhello\r\n",
            b"\x005\r\nhello\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\r0\r\n\r\n",
            b"5\r\nhell\r\n0\r\n\r\n",
            b";a=b\r\n",
        ] {
            for step in [1, 3, body.len()] {
                assert!(decode(body, step).is_err(), "{:?}", String::from_utf8_lossy(body));
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = [b"1;".to_vec(), vec![b'a'; 2000], b"\r\na\r\n".to_vec()].concat();
        assert!(decode(&long, 4096).is_err());
        let many = b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n".repeat(400);
        assert!(decode(&many, 4096).is_err());
        let trailers = [b"0\r\n".to_vec(), b"X-Long: aaaaaaaaaaaaaaaa\r\n".repeat(500)].concat();
        assert!(decode(&trailers, 4096).is_err());
    }

    #[test]
    fn trailers_cannot_frame_or_route() {
        for name in [
            "Content-Length",
            "Host",
            "transfer-encoding",
            "Connection",
            "Authorization",
            "X-Forwarded-For",
            "X-Sendfile-Type",
            "X-Accel-Mapping",
            "X_Forwarded_For",
            "x.real_ip",
            "Content_Length",
        ] {
            let body = format!("0\r\n{name}: 5\r\nX-Ok: 1\r\nAlso_Ok: 2\r\n\r\n");
            let (_, trailers, _) = decode(body.as_bytes(), 8).expect("well formed").expect("complete");
            assert_eq!(trailers, b"X-Ok: 1\r\nAlso_Ok: 2\r\n", "{name}");
        }
    }
}
