//! Defects of a message.

use std::fmt;

use super::TargetError;

macro_rules! malformed {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// A defect of a message that is not HTTP, or not unambiguously.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Malformed {
            $($(#[$doc])* $name,)*
            /// A refused request target or host.
            Target(TargetError),
        }

        impl Malformed {
            /// The reason in words, for logs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Malformed::$name => $text,)*
                    Malformed::Target(error) => error.as_str(),
                }
            }
        }
    };
}

malformed! {
    /// A line that ends with a bare LF (RFC 9112, section 2.2).
    BareLf: "a line ends with a bare LF",
    /// A head that `httparse` refuses for no more specific reason.
    Head: "the head is malformed",
    /// A request line with too few or too many parts.
    RequestLine: "the request line is malformed",
    /// A start line with a character that is not allowed in a token.
    StartLine: "the start line is malformed",
    /// A malformed status line: often the greeting of another protocol.
    StatusLine: "the status line is malformed",
    /// An HTTP version other than 1.0 and 1.1.
    Version: "the HTTP version is none we speak",
    /// A field name that is not a token.
    FieldName: "a field name is malformed",
    /// A field value with a control character.
    FieldValue: "a field value is malformed",
    /// White space around a field value in HTTP/2 (RFC 9113, section 8.2.1).
    FieldValueSpace: "a field value has white space around it",
    /// A CR without its LF.
    LineBreak: "a line break is malformed",
    /// More field lines than [`MAX_FIELDS`](super::MAX_FIELDS) or [`MAX_RESPONSE_FIELDS`](super::MAX_RESPONSE_FIELDS).
    TooManyFields: "there are too many fields",
    /// An HTTP/2 request without `:path`.
    NoTarget: "the request target is missing",
    /// Several `Host` lines (RFC 9112, section 3.2).
    TwoHosts: "there is more than one Host header",
    /// HTTP/1.1 without `Host`.
    NoHost: "the Host header is missing",
    /// `Host` and `:authority` that differ.
    HostDiffers: "the Host header is not what :authority says",
    /// An HTTP/2 request that names no host.
    NoAuthority: "there is no :authority",
    /// A connection that ended within a body of known length.
    BodyTooShort: "the body ended before its length was reached",
    /// More bytes of chunk extensions than a body may have in all.
    TooManyChunkExtensions: "too many chunk extensions",
    /// No line break where a chunk must end.
    ChunkTooLong: "chunk data is longer than its size says",
    /// A trailer section beyond the limit.
    TrailersTooLong: "the trailer section is too long",
    /// A chunk size that no 64 bits hold.
    ChunkSizeTooLarge: "a chunk size is too large",
    /// A chunk size that is no hexadecimal number.
    ChunkSize: "a chunk size is not a hexadecimal number",
    /// Something other than an extension behind a chunk size.
    ChunkSizeEnd: "a chunk size is followed by something other than an extension",
    /// A CR without LF in a chunk extension.
    ChunkExtensionCr: "a chunk extension holds a bare CR",
    /// A control character in a chunk extension.
    ChunkExtensionControl: "a chunk extension holds a control character",
    /// A chunk extension beyond the limit.
    ChunkExtensionTooLong: "a chunk extension is too long",
    /// A trailer field that is no field.
    TrailerField: "a trailer field is malformed",
    /// Several `Content-Length` lines or values.
    TwoContentLengths: "there is more than one Content-Length",
    /// A `Content-Length` that is no decimal number.
    ContentLength: "the Content-Length is malformed",
    /// A `Content-Length` that no 64 bits hold.
    ContentLengthTooLarge: "the Content-Length is larger than any body",
    /// A transfer coding that is not `chunked` alone.
    TransferEncoding: "the Transfer-Encoding is something other than chunked",
    /// `Transfer-Encoding` in HTTP/1.0 (RFC 9112, section 6.1).
    TransferEncodingInHttp10: "there is a Transfer-Encoding in HTTP/1.0",
    /// Both `Content-Length` and `Transfer-Encoding`: the means of request smuggling.
    TwoFramings: "there are both a Content-Length and a Transfer-Encoding",
    /// A stream or connection error of HTTP/2.
    Http2: "it breaks the rules of HTTP/2",
    /// A body where the head allows none.
    UnexpectedBody: "there is a body where none may be",
    /// DATA before HEADERS.
    BodyBeforeHead: "a body before its head",
    /// A `:protocol` that is no token (RFC 8441).
    Protocol: "the :protocol is malformed",
    /// A `:protocol` that would tunnel HTTP past the rules.
    ProtocolIsHttp: "the :protocol is HTTP itself",
    /// `Content-Length` on a request for a tunnel.
    TunnelLength: "a tunnel has no Content-Length",
    /// A success to CONNECT where nothing was connected.
    UnaskedConnect: "there is no connection",
    /// A 101 to a protocol that the request did not offer.
    OtherProtocol: "a 101 to a protocol that nobody asked for",
    /// A 101 without proof that the backend understood the key (RFC 6455, section 4.1).
    WebSocketAccept: "a 101 whose Sec-WebSocket-Accept is wrong",
    /// A 2xx in place of a 101 over HTTP/2.
    NotSwitched: "a success that does not switch protocols, to a request to switch",
    /// A 101 to a request without `Upgrade`.
    UnaskedUpgrade: "a 101 that nobody asked for",
    /// More interim responses than one request may get.
    TooManyInterim: "too many interim responses",
    /// A body of an authorization server that is too long to keep.
    AnswerTooLong: "its body is longer than 64 KiB",
}

impl From<TargetError> for Malformed {
    fn from(error: TargetError) -> Self {
        Malformed::Target(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
